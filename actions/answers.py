"""What customers say instead of pressing a button, by question. The words are in `answers.yml`."""

from collections.abc import Sequence
from typing import Any

import yaml

from actions.dialogue import Talk, Value
from actions.turn import Turn
from actions.wording import HERE
from crm_bridge.company.words import Note, speaks_of

_CATALOGUE: dict[str, dict[str, list[list[str]]]] = yaml.safe_load(
    (HERE / "answers.yml").read_text(encoding="utf-8")
)
NOTES = 2  # said at most of one message


def meant(question: str, text: str) -> str | None:
    """The answer that a text speaks of; the first one in the catalogue counts."""
    found = (key for key, lines in _CATALOGUE[question].items() if speaks_of(text, _frozen(lines)))
    return next(found, None)


def reader(question: str) -> "MeantReader":
    """A reader that finds the answer by `meant`."""
    return MeantReader(question)


class MeantReader:
    """Takes the answer that the message speaks of."""

    def __init__(self, question: str) -> None:
        self._question = question

    def __call__(self, turn: Turn) -> str | None:
        return meant(self._question, turn.text)


def suggest(talk: Talk, question: str, value: Value | None) -> None:
    """Note an answer that follows from what was said; not when the customer wants to give another one."""
    if value is not None and not talk.has(question) and not talk.reopened(question):
        talk.known(question, value)


def notes_on(talk: Talk, notes: Sequence[Note]) -> str:
    """What the company says to the particulars of the message that began the matter; may be empty."""
    suiting = [note.text.to(talk.turn.language) for note in notes if note.suits(talk.task.text)]
    return "\n".join(suiting[:NOTES])


def paragraphs(*parts: str) -> str:
    """Lines that have something in them."""
    return "\n".join(part for part in parts if part)


def _frozen(lines: Any) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(line) for line in lines)
