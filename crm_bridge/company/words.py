"""What customers read of the company's file, in both languages."""

import re

from pydantic import BaseModel, ConfigDict

WHOLE = 2  # letters: a stem as short as that must be the whole word
_WORD = re.compile(r"[^\W_]+")


class Words(BaseModel):
    """One text in both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ru: str
    en: str

    def to(self, language: str) -> str:
        """The text for somebody who reads this language."""
        return self.en if language == "en" else self.ru


class Note(BaseModel):
    """What to say when a message speaks of something.

    `about`: beginnings of words; all of one line must be in the message.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: tuple[tuple[str, ...], ...]
    text: Words

    def suits(self, text: str) -> bool:
        """Whether the message speaks of it."""
        return speaks_of(text, self.about)


def speaks_of(text: str, lines: tuple[tuple[str, ...], ...]) -> bool:
    """Whether all word beginnings of one of the lines stand in a text."""
    words = _WORD.findall(text.lower().replace("ё", "е"))
    return any(all(_is_there(stem, words) for stem in line) for line in lines)


def _is_there(stem: str, words: list[str]) -> bool:
    stem = stem.replace("ё", "е")
    return stem in words if len(stem) <= WHOLE else any(word.startswith(stem) for word in words)
