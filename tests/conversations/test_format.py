"""The conversations are what Rasa calls test stories: its own reader takes them without a complaint."""

import asyncio
import json
import subprocess
import textwrap
from collections import Counter

from core.settings import ROOT
from tests.conversations.stories import files, stories

READ = textwrap.dedent(
    """
    import json, sys, warnings
    from bot.engine import tf_absent
    tf_absent.install()
    from rasa.shared.core.domain import Domain
    from rasa.shared.core.events import UserUttered
    from rasa.shared.core.training_data.story_reader.yaml_story_reader import YAMLStoryReader
    domain = Domain.load("domain.yml")
    warnings.simplefilter("error", UserWarning)  # what Rasa says about a story that it does not understand
    found = {}
    for path in sys.argv[1:]:
        assert YAMLStoryReader.is_test_stories_file(path), path
        steps = YAMLStoryReader(domain).read_from_file(path)
        found[path] = [sum(isinstance(event, UserUttered) for event in step.events) for step in steps]
    print(json.dumps(found))
    """
)


async def test_rasa_reads_every_conversation() -> None:
    paths = [str(path) for path in files()]
    command = [str(ROOT / ".venv-engine/bin/python"), "-c", READ, *paths]
    read = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert read.returncode == 0, read.stderr[-3000:]
    messages: dict[str, list[int]] = json.loads(read.stdout)
    ours = list(stories())
    assert [count for path in paths for count in messages[path]] == [len(one.turns()) for one in ours]


def test_names_are_told_apart() -> None:
    names = Counter((story.file, story.name) for story in stories())
    assert [name for name, count in names.items() if count > 1] == []


def test_every_message_of_a_customer_says_what_it_means() -> None:
    """Without `intent` Rasa would take the message for training data of an end-to-end model."""
    for story in stories():
        for turn in story.turns():
            assert turn.intent, f"{story.name}: {turn.text}"
