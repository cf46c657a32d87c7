"""Finds answers in what a customer wrote."""

import re
from collections.abc import Sequence

from rapidfuzz import fuzz, process

from actions.emoji import Feeling, feeling_of
from actions.phrases import Wish, phrases
from actions.turn import NO_MATCH, Turn

SURE = 0.8  # probability of an intent
ALIKE = 82  # of 100: «пункт на Лесной» and «Пункт выдачи, ул. Лесная, 5»
LONGEST_CHOICE = 5  # words: «давайте лучше второй вариант»; more tell something else
SHORTEST = 3  # letters that may stand for a title
_NUMBER = re.compile(r"\s*(?:№|#)?\s*(\d{1,2})[.)]?\s*")
_WORD = re.compile(r"[^\W_]+")
_ORDINALS = (
    ("перв", "first"),
    ("втор", "second"),
    ("трет", "third"),
    ("четв", "четвёр", "fourth"),
    ("пят", "fifth"),
)
_LAST = ("последн", "last")


def pick(text: str, options: Sequence[tuple[str, str]], *, newest_first: bool = False) -> str | None:
    """The key of the option that is meant: by its number, by «второй», by words of its title.

    Args:
        options: keys and titles in the order in which they were shown.
        newest_first: «последний» is the first of them.
    """
    position = _position(text, len(options), newest_first)
    if position is not None:
        return options[position][0]
    said = " ".join(_WORD.findall(text.lower().replace("ё", "е")))
    if len(said) < SHORTEST:
        return None
    titles = {key: " ".join(_WORD.findall(title.lower().replace("ё", "е"))) for key, title in options}
    exact = [key for key, title in titles.items() if said == title]
    if exact:
        return exact[0]
    found = process.extract(said, titles, scorer=fuzz.token_set_ratio, score_cutoff=ALIKE, limit=2)
    if not found or (len(found) > 1 and found[0][1] - found[1][1] < 1):
        return None
    return str(found[0][2])


def ordinal(text: str, count: int) -> int | None:
    """The place in a list of so many that «второй» names, from 0; a question may name it too."""
    return _position(text.replace("?", ""), count, newest_first=False)


def _position(text: str, count: int, newest_first: bool) -> int | None:
    if number := _NUMBER.fullmatch(text):
        at = int(number[1]) - 1
        return at if 0 <= at < count else None
    words = _WORD.findall(text.lower())
    if not words or len(words) > LONGEST_CHOICE or "?" in text:
        return None
    if any(word.startswith(_LAST) for word in words):
        return (0 if newest_first else count - 1) if count else None
    for at, stems in enumerate(_ORDINALS[:count]):
        if any(word.startswith(stems) for word in words):
            return at
    return None


def yes_or_no(turn: Turn) -> str | None:
    """`yes`, `no`, or None when the message is neither. A thumb is a word too."""
    by_emoji = {Feeling.GLAD: "yes", Feeling.UPSET: "no"}
    feeling = feeling_of(turn.text)
    return by_emoji.get(feeling) if feeling else {"affirm": "yes", "deny": "no"}.get(turn.intent)


def words_of(least: int = 1) -> "TextReader":
    """A reader of free text of at least so many characters."""
    return TextReader(least)


class TextReader:
    """Takes the whole message, unless it leaves: a person, goodbye, «не надо», a sure question."""

    def __init__(self, least: int) -> None:
        self._least = least

    def __call__(self, turn: Turn) -> str | None:
        text = turn.text.strip()
        leaves = turn.intent in ("human_agent", "goodbye") or phrases.wish(text) is Wish.CANCEL
        leaves = leaves or ("?" in text and turn.intent not in NO_MATCH and turn.sureness >= SURE)
        if leaves or len(text) < self._least:
            return None
        return text


def entity(kind: str) -> "EntityReader":
    """A reader of one kind of entity."""
    return EntityReader(kind)


class EntityReader:
    """Takes the value of an entity that the classifier found."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __call__(self, turn: Turn) -> str | None:
        return turn.entities.get(self._kind)
