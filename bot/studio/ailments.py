"""What is wrong with the examples beyond what stops a training: repetitions, leaks, look-alikes."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.studio.checking import Problem
from bot.studio.files import Example, key

SENTENCE = 4  # words from which a held-out message that stands in the training data was copied


@dataclass(frozen=True)
class Ailment:
    """Something to put right. `kind`: conflict, personal, markup, leak or duplicate."""

    kind: str
    example: Example  # one that can be taken away, or cleaned
    intents: tuple[str, ...]


def held_out_texts(root: Path) -> list[tuple[str, str]]:
    """The messages that measure, with their intents."""
    rows: list[tuple[str, str]] = []
    for path in sorted(root.glob("data/heldout/*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += [(row["text"], row["intent"]) for row in csv.DictReader(file)]
    return rows


def ailments(
    examples: Sequence[Example], problems: Sequence[Problem], held_out: Sequence[str]
) -> list[Ailment]:
    """Everything, what stops a training (`problems`) first."""
    by_text = {one.text: one for one in examples}
    found = [Ailment(one.kind, by_text[one.text], one.intents) for one in problems]
    measured = {key(text) for text in held_out}
    by_key: dict[tuple[str, str, str], list[Example]] = defaultdict(list)
    for example in examples:
        by_key[(example.language, example.intent, key(example.text))].append(example)
    for (_, intent, words), group in by_key.items():
        if words in measured and len(words.split()) >= SENTENCE:
            found.append(Ailment("leak", group[0], (intent,)))
        if len(group) > 1:
            found.append(Ailment("duplicate", group[-1], (intent,)))
    return found
