"""What kind of a matter a message is about, when its own words say so: «списали дважды», "my receipt"."""

from typing import Any

from actions.wording import HERE
from core import yml
from crm_bridge.company.words import speaks_of

Lines = tuple[tuple[str, ...], ...]


class Hints:
    """For each question, its answers and the beginnings of words that give them. The first one counts."""

    def __init__(self, catalogue: dict[str, dict[str, list[list[str]]]]) -> None:
        self._lines: dict[str, dict[str, Lines]] = {
            question: {answer: tuple(map(tuple, lines)) for answer, lines in answers.items()}
            for question, answers in catalogue.items()
        }

    def __call__(self, question: str, text: str) -> str | None:
        """The answer that a text gives, or None."""
        return next(
            (answer for answer, lines in self._lines[question].items() if speaks_of(text, lines)), None
        )


def _load() -> Any:
    return yml.parse((HERE / "hints.yml").read_text(encoding="utf-8"))


hints = Hints(_load())
