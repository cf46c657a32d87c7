# ruff: noqa: E501 -- a pattern, like a word list, is read best in one piece
"""Names of people. Dictionary tags and the words around, no neural network: it would cost 200 MB and 22
ms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from bot.engine.nlu.entities.base import Context, Found, Word
from bot.engine.nlu.morphology import parses
from bot.engine.nlu.text import is_cyrillic

_RU_INTRO = re.compile(
    r"(?:меня зовут|мо[её] имя|имя|фио|ф\.и\.о\.?|на имя|получател\w+(?: будет)?|это|я|зовут|фамилия|заказчик\w*|покупател\w+|клиент\w*|от имени)"
    r"\s*(?:[:—-]\s*)?$",
    re.IGNORECASE,
)
_RU_SURE = re.compile(
    r"(?:меня зовут|мо[её] имя|имя|фио|на имя|получател\w+(?: будет)?|зовут|фамилия|от имени)\s*(?:[:—-]\s*)?$",
    re.IGNORECASE,
)
_EN_INTRO = re.compile(
    r"(?:my name is|my name's|name is|name's|name:|i am|i'm|im|this is|it's|under(?: the name(?: of)?)?|in the name of|on behalf of"
    r"|recipient(?: is|:)?|receiver(?: is|:)?|call me|to the name(?: of)?|name to|customer|mr\.?|mrs\.?|ms\.?|signed by|addressed to|for)\s*$",
    re.IGNORECASE,
)
_EN_SURE = re.compile(
    r"(?:my name is|my name's|name is|name's|name:|call me|in the name of|recipient(?: is|:)?|mr\.?|mrs\.?|ms\.?)\s*$",
    re.IGNORECASE,
)
_NAME_TAGS = ("Name", "Surn", "Patr")
_EN_STOP = {
    "not", "a", "an", "the", "very", "so", "still", "just", "waiting", "trying", "looking", "here", "sorry", "sure", "going",
    "unable", "having", "getting", "calling", "writing", "happy", "unhappy", "angry", "my", "your", "no", "yes", "from", "is",
    "really", "interested", "ready", "done", "back", "new", "also", "in", "on", "at", "about", "with", "ridiculous", "urgent",
    "order", "and", "but", "please", "speaking", "i", "you", "they", "wrong", "using", "asking", "tired", "only", "all", "it",
    "that", "this", "what", "how", "why", "me", "us", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
    "sunday", "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december", "moscow", "london", "delivery", "refund", "help", "misspelled", "spelled", "to", "for", "of", "or", "free",
}  # fmt: skip
_EN_GIVEN_FILE = Path(__file__).parent.parent / "data" / "given_names_en.txt"


@lru_cache(maxsize=1)
def _english_given() -> frozenset[str]:
    lines = _EN_GIVEN_FILE.read_text(encoding="utf-8").splitlines()
    return frozenset(name for line in lines if not line.startswith("#") for name in line.split())


def find_people(context: Context) -> Iterator[Found]:
    """Full names, and single names after an introduction; Russian ones in the nominative."""
    words = context.words
    i = 0
    while i < len(words):
        cyrillic = is_cyrillic(words[i].form)
        length = _russian(context.text, words, i) if cyrillic else _english(context.text, words, i)
        if length:
            part = words[i : i + length]
            value = _nominative(part) if cyrillic else " ".join(w.text[0].upper() + w.text[1:] for w in part)
            if cyrillic or not part[0].text.isupper():
                yield Found("person", part[0].start, part[-1].end, value, 35)
            else:
                yield Found("person", part[0].start, part[-1].end, value.title(), 35)
            i += length
        else:
            i += 1


def _joined(text: str, a: Word, b: Word) -> bool:
    return text[a.end : b.start] in {" ", "  "}


def _tags(word: Word) -> set[str]:
    out: set[str] = set()
    for p in parses(word.form):
        out |= {t for t in _NAME_TAGS if t in p.tag}
    if not out and word.text[:1].isupper() and len(word.form) > 4 and _SURNAME.search(word.form):
        out.add("Surn")
    return out


_SURNAME = re.compile(
    r"(?:ов|ова|ову|овым|ев|ева|еву|евым|ин|ина|ину|иным|ской|ский|ская|скому|скую|енко|чук|дзе|швили|ян)(?:а|у|ой|ым)?$"
)


def _russian(text: str, words: Sequence[Word], i: int) -> int:
    kinds: list[str] = []
    capital = words[i].text[0].isupper()
    before = text[: words[i].start]
    intro = bool(_RU_INTRO.search(before))
    for k in range(i, min(i + 3, len(words))):
        word = words[k]
        if (
            not is_cyrillic(word.form)
            or len(word.form) < 3
            or (k > i and not _joined(text, words[k - 1], word))
        ):
            break
        kind = next((t for t in _NAME_TAGS if t in _tags(word) and t not in kinds), None)
        if kind is None or (capital and not word.text[0].isupper()):
            break
        kinds.append(kind)
    if _RU_STREET.search(before):
        return 0
    common = words[i].form in _COMMON
    if len(kinds) >= 2:
        if "Name" in kinds and (capital or intro or "Patr" in kinds) and not (common and not capital):
            return len(kinds)
        return (
            len(kinds) if set(kinds) == {"Surn", "Name", "Patr"} or (intro and _RU_SURE.search(before)) else 0
        )
    if len(kinds) == 1 and kinds[0] == "Name" and intro and not common:
        return 1 if capital or _RU_SURE.search(before) else 0
    if len(kinds) == 1 and kinds[0] == "Surn" and capital and _RU_SURE.search(before):
        return 1
    return 0


_COMMON = {
    "вера",
    "любовь",
    "надежда",
    "слава",
    "роза",
    "роман",
    "лев",
    "мир",
    "света",
    "ты",
    "май",
    "марта",
    "август",
    "юля",
    "рада",
    "рад",
}
_RU_STREET = re.compile(
    r"(?:ул\.?|улиц\w+|просп\w*\.?|пр-т|пр\.|пер\.|переул\w+|площад\w+|пл\.|наб\.?|набережн\w+|бульвар\w*|б-р|шоссе|проезд\w*|метро)\s*$",
    re.I,
)


def _nominative(part: Sequence[Word]) -> str:
    out = []
    male = _male(part)
    for word in part:
        readings = [p for p in parses(word.form) if any(t in p.tag for t in _NAME_TAGS)]
        if male is not None:
            wanted = "masc" if male else "femn"
            readings = [p for p in readings if wanted in p.tag or "ms-f" in p.tag] or readings
        form = word.form
        if readings:
            nominative = [p for p in readings if "nomn" in p.tag and p.word == word.form]
            best = nominative[0] if nominative else readings[0]
            grammemes = {"nomn", "sing"} | (
                {"masc" if male else "femn"} if male is not None and "Surn" in best.tag else set()
            )
            inflected = best.inflect(grammemes) or best.inflect({"nomn"})
            form = word.form if nominative else inflected.word if inflected else best.normal_form
        if word.form == form:
            form = word.text.lower()
        out.append("-".join(p[:1].upper() + p[1:] for p in form.split("-")))
    return " ".join(out)


def _male(part: Sequence[Word]) -> bool | None:
    for word in part:
        for p in parses(word.form)[:4]:
            if "Name" in p.tag or "Patr" in p.tag:
                if "masc" in p.tag:
                    return True
                if "femn" in p.tag:
                    return False
    return None


def _english(text: str, words: Sequence[Word], i: int) -> int:
    word = words[i]
    before = text[: word.start]
    if not re.search(r"[a-z]", word.form) or word.form in _EN_STOP or any(c.isdigit() for c in word.form):
        return 0
    intro, sure = bool(_EN_INTRO.search(before)), bool(_EN_SURE.search(before))
    capital = word.text[0].isupper()
    given = word.form in _english_given()
    length = 0
    for k in range(i, min(i + 3, len(words))):
        w = words[k]
        if k > i and not _joined(text, words[k - 1], w):
            break
        named = (w.form not in _EN_STOP and w.form.isalpha()) or "-" in w.form or "'" in w.form
        if not named or is_cyrillic(w.form) or (capital and not w.text[0].isupper()):
            break
        if not capital and not (sure and k < i + 2) and not (given and k < i + 2):
            break
        length += 1
    if length >= 2 and ((given and (capital or intro)) or (intro and capital) or sure):
        return length
    if length >= 1 and (sure or (intro and given)):
        return length
    return 0
