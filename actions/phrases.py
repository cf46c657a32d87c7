"""What a customer says to the identification itself: «не приходит код», «другой номер», «не надо»."""

import re
from enum import StrEnum
from typing import Any

from actions.wording import HERE
from core import yml

LONGEST_CANCEL = 4  # words
LONGEST = 8  # words; a longer message has a matter of its own
_WORD = re.compile(r"[^\W_]+")


class Wish(StrEnum):
    """What somebody wants of the identification, besides naming a contact or a code."""

    RESEND = "resend"
    CHANGE = "change"
    CANCEL = "cancel"
    NO_ACCESS = "no_access"  # to the contact


class Phrases:
    """Recognises wishes by beginnings of words."""

    def __init__(self, catalogue: dict[str, Any]) -> None:
        self._other_matters: tuple[str, ...] = tuple(catalogue["other_matters"])
        self._wishes: dict[str, list[list[str]]] = {wish: catalogue[wish] for wish in Wish}
        self._cancels: list[list[str]] = catalogue["cancels"]
        self._not: list[list[str]] = catalogue["not"]
        self._corrections: dict[str, list[list[str]]] = catalogue["corrections"]

    def wish(self, text: str) -> Wish | None:
        """The wish in a short message, or None."""
        words = _WORD.findall(text.lower().replace("ё", "е"))
        if len(words) > LONGEST or self.about_other_matter(text):
            return None
        for wish in Wish:
            if any(_all_there(stems, words) for stems in self._wishes[wish]):
                return wish
        return None

    def cancels(self, text: str) -> bool:
        """Whether a short message says «отмените» and no more: not what, and not «не отменяйте»."""
        words = _WORD.findall(text.lower().replace("ё", "е"))
        if len(words) > LONGEST_CANCEL or any(_all_there(stems, words) for stems in self._not):
            return False
        return not self.about_other_matter(text) and any(_all_there(one, words) for one in self._cancels)

    def speaks_of_cancelling(self, text: str) -> bool:
        """Whether «отмените» or a word like it stands in the text, and «не отменяйте» does not."""
        plain = text.lower().replace("ё", "е")
        unwanted = re.search(r"\b(?:не|not|don'?t) (?:надо )?(?:отмен|cancel)", plain)
        return not unwanted and any(_all_there(one, _WORD.findall(plain)) for one in self._cancels)

    def correction(self, text: str) -> str | None:
        """The question of a dialogue that somebody wants to answer anew: «другой заказ» → `order`."""
        words = _WORD.findall(text.lower().replace("ё", "е"))
        if len(words) > LONGEST:
            return None
        for question, lines in self._corrections.items():
            if any(_all_there(stems, words) for stems in lines):
                return question
        return None

    def about_other_matter(self, text: str) -> bool:
        """Whether the message speaks of an order, a parcel and the like: it is a question of its own."""
        words = _WORD.findall(text.lower().replace("ё", "е"))
        return "№" in text or any(word.startswith(self._other_matters) for word in words)


def _all_there(stems: list[str], words: list[str]) -> bool:
    return all(_is_there(stem, words) for stem in stems)


def _is_there(stem: str, words: list[str]) -> bool:
    """Short stems are whole words: «не» is not the beginning of «нет»."""
    if len(stem) <= 2:
        return stem in words
    return any(word.startswith(stem) for word in words)


phrases = Phrases(yml.parse((HERE / "phrases.yml").read_text(encoding="utf-8")))
