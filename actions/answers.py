"""Answers that need not be asked for, because the customer has given them already."""

from collections.abc import Sequence

from actions.dialogue import Talk, Value
from actions.hints import hints
from actions.turn import Turn
from crm_bridge.company.words import Note

NOTES = 2  # said at most of one message


def reader(question: str) -> "HintReader":
    """A reader that finds the answer in what the message hints at."""
    return HintReader(question)


class HintReader:
    """Takes the answer that the message speaks of."""

    def __init__(self, question: str) -> None:
        self._question = question

    def __call__(self, turn: Turn) -> str | None:
        return hints(self._question, turn.text)


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
