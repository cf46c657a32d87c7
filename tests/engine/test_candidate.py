"""A candidate beside the live model: what it may do, and what it must not."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from bot.engine.swap import in_share

from .harness import Dialogue, Engine


def propose(engine: Engine, path: Path, share: int, sha256: str | None = None) -> requests.Response:
    digest = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    return engine.ask("candidate", file=str(path), sha256=digest, share=share)


def health(engine: Engine) -> dict[str, Any]:
    answer: dict[str, Any] = requests.get(f"{engine.url}/webhooks/zabota/health", timeout=10).json()
    return answer


@pytest.fixture
def second(model: Path, engine: Engine, tmp_path: Path) -> Iterator[Path]:
    live = tmp_path / "second.tar.gz"
    shutil.copy(model, live)
    yield live
    assert engine.ask("candidate").json() == {"candidate": None}
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    assert engine.ask("model", file=str(model), sha256=digest).status_code == 200


def talks(share: int, inside: bool) -> Iterator[str]:
    return (f"talk-{n}" for n in range(1000) if in_share(f"talk-{n}", share) is inside)


def test_a_share_is_stable_and_grows() -> None:
    names = [f"c{n}" for n in range(5000)]
    tenth = {name for name in names if in_share(name, 10)}
    assert 400 < len(tenth) < 600
    assert tenth < {name for name in names if in_share(name, 30)}
    assert not any(in_share(name, 0) for name in names)
    assert all(in_share(name, 100) for name in names)


def test_a_shadow_classifies_and_answers_nobody(engine: Engine, dialogue: Dialogue, second: Path) -> None:
    assert engine.ask("parse", text="привет", candidate=True).status_code == 503
    assert propose(engine, second, 0).json() == {"candidate": {"file": "second.tar.gz", "share": 0}}
    assert health(engine) == {"model": "first.tar.gz", "candidate": {"file": "second.tar.gz", "share": 0}}
    asked = engine.ask("parse", text="привет", candidate=True).json()
    assert asked == engine.ask("parse", text="привет").json()
    answer = engine.ask("turn", **dialogue.request("привет")).json()
    assert (answer["model"]["file"], answer["model"]["failed"]) == ("first.tar.gz", None)


def test_conversations_of_the_share_are_answered_by_the_candidate_and_no_others(
    engine: Engine, second: Path
) -> None:
    propose(engine, second, 20)
    for inside, file in ((True, "second.tar.gz"), (False, "first.tar.gz")):
        name = next(talks(20, inside))
        talk = Dialogue(engine, name)
        answer = engine.ask("turn", **talk.request("начни анкету")).json()
        assert answer["model"]["file"] == file
        assert answer["model"]["ms"] >= 0
    assert propose(engine, second, 100).json()["candidate"]["share"] == 100
    assert engine.ask("turn", **Dialogue(engine, "anybody").request("привет")).json()["model"]["file"] == (
        "second.tar.gz"
    )


def without_an_intent(model: Path, target: Path, intent: str) -> Path:
    """A model whose domain does not know an intent any more."""
    with tarfile.open(model) as good, tarfile.open(target, "w:gz") as bad:
        for member in good:
            content = good.extractfile(member).read() if member.isfile() else b""  # type: ignore[union-attr]
            if Path(member.name).name == "metadata.json":  # the processor takes its domain from here
                metadata = json.loads(content)
                metadata["domain"]["intents"].remove(intent)
                content = json.dumps(metadata).encode()
            member.size = len(content)
            bad.addfile(member, io.BytesIO(content))
    return target


def test_what_the_candidate_cannot_answer_the_live_model_does(
    engine: Engine, model: Path, second: Path, tmp_path: Path
) -> None:
    press = {"intent": "track_order", "entities": {"order_id": "1001"}}
    known = engine.ask("turn", **Dialogue(engine, "before").request(press=press)).json()
    poor = without_an_intent(model, tmp_path / "poor.tar.gz", "track_order")
    assert propose(engine, poor, 100).status_code == 200
    answer = engine.ask("turn", **Dialogue(engine, "after").request(press=press)).json()
    assert answer["replies"] == known["replies"]
    assert (answer["model"]["file"], answer["model"]["failed"]) == ("first.tar.gz", "poor.tar.gz")


def test_a_candidate_goes_live_without_being_loaded_again(
    engine: Engine, dialogue: Dialogue, second: Path
) -> None:
    dialogue.say("начни анкету")
    propose(engine, second, 10)
    digest = hashlib.sha256(second.read_bytes()).hexdigest()
    second.rename(second.with_name("moved.tar.gz"))  # so it cannot be read again
    assert engine.ask("model", file=str(second), sha256=digest).json() == {"model": "second.tar.gz"}
    assert health(engine) == {"model": "second.tar.gz", "candidate": None}
    assert dialogue.texts("1234") == ["Ваше имя?"]


@pytest.mark.parametrize("kind", ["forged", "foreign", "share"])
def test_a_bad_candidate_is_refused_and_nothing_changes(
    engine: Engine, second: Path, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "garbage.tar.gz").write_bytes(b"garbage")
    path, digest, share = {
        "forged": (second, "0" * 64, 10),
        "foreign": (tmp_path / "garbage.tar.gz", None, 10),
        "share": (second, None, 101),
    }[kind]
    assert propose(engine, path, share, digest).status_code == 400  # type: ignore[arg-type]
    assert health(engine)["candidate"] is None


def test_memory_does_not_grow_with_candidates(engine: Engine, second: Path) -> None:
    for _ in range(3):
        propose(engine, second, 10)
        engine.ask("candidate")
    before = engine.memory_mb()
    propose(engine, second, 10)
    during = engine.memory_mb()
    for _ in range(8):
        engine.ask("candidate")
        propose(engine, second, 10)
    engine.ask("candidate")
    print(f"engine {before:.0f} MB, with a candidate {during:.0f} MB, afterwards {engine.memory_mb():.0f} MB")
    assert engine.memory_mb() - before < 10
