# ruff: noqa: E501 -- a pattern, like a word list, is read best in one piece
"""Cities (a packaged list, any case form, common nicknames) and street addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from bot.engine.nlu.entities.base import Context, Found, Word
from bot.engine.nlu.morphology import known, parse, parses
from bot.engine.nlu.spelling import one_slip
from bot.engine.nlu.text import is_cyrillic

_FILE = Path(__file__).parent.parent / "data" / "cities.csv"
_LONGEST = 4  # words in a city's name
_TELLING = 6  # letters from which a city is known with one of them wrong
_WHERE = re.compile(r"\b(?:в|во|из|до|по|город\w*|г)[.\s]\s*$", re.IGNORECASE)

_RU_KIND = (
    r"ул(?:ица|ице|ицу|ицы|\.)?|просп(?:ект\w*|\.)?|пр-к?т\.?|пр\.|переул\w+|пер\.|площад\w+|пл\.|наб(?:ережн\w+|\.)?|бульвар\w*|б-р|бул\."
    r"|шоссе|ш\.|проезд\w*|пр-д|тупик\w*|аллея|аллее|мкр\.?|микрорайон\w*|квартал\w*"
)
_NAME = r"(?:\d{1,3}-?(?:й|я|ая|ой|го)\s+)?[А-ЯЁа-яё][А-ЯЁа-яё-]+(?:\s+[А-ЯЁ][А-ЯЁа-яё-]+)?"
_HOUSE = r"(?:\s*,?\s*(?:дом\w*|д\.?)?\s*(?P<house>\d{1,4}(?:\s?[а-яА-Яa-zA-Z](?![\w.]))?(?:[/-]\d{1,3})?))"
_REST = (
    r"(?:\s*,?\s*(?:корп(?:ус\w*|\.)?|к\.?|стр(?:оение|\.)?|кв(?:артир\w+|\.)?|оф(?:ис\w*|\.)?|подъезд\w*|под\.|этаж\w*|эт\.?|домофон\w*)\s*"
    r"\d{1,4}[а-яА-Я]?)*(?:\s*,?\s*\d{1,2}\s*(?:этаж|подъезд))*"
)
_RU_MARKED = re.compile(rf"(?<![\w-])(?:{_RU_KIND})\s*{_NAME}{_HOUSE}?{_REST}", re.IGNORECASE)
_RU_TURNED = re.compile(
    rf"(?<![\w-])[А-ЯЁа-яё][А-ЯЁа-яё-]+(?:ая|ий|ый|ой|ого|ский|ская|ском|ской)\s+(?:{_RU_KIND}){_HOUSE}?{_REST}",
    re.IGNORECASE,
)
_RU_BARE = re.compile(
    rf"(?:(?<=\bна )|(?<=\bадрес )|(?<=\bадрес: )|(?<=\bадресу )|(?<=\bадресу: )|(?<=, ))(?P<street>[А-ЯЁ][А-ЯЁа-яё-]+(?:\s+[А-ЯЁ][А-ЯЁа-яё-]+)?)"
    rf"\s*,?\s+(?:дом\w*\s*|д\.?\s*)?(?P<house>\d{{1,3}}(?:\s?[а-яА-Я](?!\w))?(?:[/-]\d{{1,3}})?){_REST}(?!\s*(?:руб|₽|числ|янв|фев|мар|апр|ма[йя]|июн|июл|авг|сен|окт|ноя|дек|час|шт))"
)
_EN_KIND = (
    r"street|st\.?|road|rd\.?|avenue|ave\.?|lane|ln\.?|drive|dr\.?|boulevard|blvd\.?|square|sq\.?|court|ct\.?|place|pl\.?|way|terrace|highway|hwy"
    r"|close|crescent|gardens|park|parkway|row|prospekt|prospect|mews|hill"
)
_UNIT = r"(?:\s*,?\s*(?:apt\.?|apartment|flat|unit|suite|floor|room|#)\s*[\dA-Za-z]{1,5})?"
_EN = re.compile(
    rf"(?<![\w.,$€£-])\d{{1,5}}[A-Za-z]?(?:-\d{{1,4}})?\s+(?:(?:[A-Z][\w'.-]*|\d{{1,3}}(?:st|nd|rd|th)|of|the|north|south|east|west)\s+){{1,4}}?(?:{_EN_KIND})(?![\w]){_UNIT}"
    rf"(?:\s*,\s*[A-Z]{{0,3}}\d[\dA-Z]*(?:\s\d[A-Z]{{2}})?)?",
    re.IGNORECASE,
)
_EN_NOT = re.compile(
    r"\b(?:days?|hours?|weeks?|months?|items?|my|your|is|in|to|on|for|the way|this|that|and|with|at)\b",
    re.IGNORECASE,
)
_HOUSE_ONLY = re.compile(r"\d")


@lru_cache(maxsize=1)
def _cities() -> dict[str, str]:
    table: dict[str, str] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            value, *spellings = line.split(",")
            for spelling in (value, *spellings):
                table[_key(spelling)] = value
    return table


def _key(spelling: str) -> str:
    return re.sub(r"[\s-]+", " ", spelling.lower().replace("ё", "е")).strip()


@lru_cache(maxsize=20_000)
def _forms(form: str) -> tuple[str, ...]:
    """The word and what it may be the case form of."""
    if not is_cyrillic(form):
        return (form,)
    out = [form]
    for reading in parses(form)[:5]:
        for shape in (reading.normal_form, _nominative(reading)):
            plain = shape.replace("ё", "е")
            if plain not in out:
                out.append(plain)
    return tuple(out)


def _nominative(reading: Any) -> str:
    """The nominative of a noun or adjective. Inflecting is dear: a noun's singular has it as normal form."""
    tag = reading.tag
    if tag.case is None or {"NOUN", "sing"} in tag:
        return str(reading.normal_form)
    inflected = reading.inflect({"nomn"})
    return str(inflected.word if inflected else reading.normal_form)


def find_cities(context: Context) -> Iterator[Found]:
    """Cities in the nominative, in the script they were written in."""
    table = _cities()
    extra = context.lookups.city
    words = _split(context)
    i = 0
    while i < len(words):
        hit = None
        for length in range(min(_LONGEST, len(words) - i), 0, -1):
            part = words[i : i + length]
            value = _lookup(part, table, extra) or (_misspelt(context, part[0]) if length == 1 else None)
            if value and not (length == 1 and _ordinary(context, part[0])):
                hit = (length, value)
                break
        if hit:
            yield Found("city", words[i].start, words[i + hit[0] - 1].end, hit[1], 33)
            i += hit[0]
        else:
            i += 1


def _split(context: Context) -> list[Word]:
    """Words of the message, cut at hyphens too."""
    out = []
    for word in context.words:
        for m in re.finditer(r"[^-]+", word.text):
            out.append(Word(m.group(), word.start + m.start(), word.start + m.end()))
    return out


def _lookup(part: list[Word], table: dict[str, str], extra: dict[str, str]) -> str | None:
    plain = " ".join(w.form for w in part)
    if plain in extra:
        return extra[plain]
    if plain in table:
        return table[plain]
    if len(part) == 1:
        return next((table[f] for f in _forms(part[0].form) if f in table), None)
    for first in _forms(part[0].form)[:6]:
        for last in _forms(part[-1].form)[:6]:
            key = " ".join([first, *(w.form for w in part[1:-1]), last])
            if key in table:
                return table[key]
    return None


@lru_cache(maxsize=1)
def _case_forms() -> dict[str, str]:
    """Case forms of the cities whose name is one Russian word."""
    names = {n: value for n, value in _cities().items() if is_cyrillic(n) and " " not in n}
    return {f.word.replace("ё", "е"): value for n, value in names.items() for f in parse(n).lexeme}


def _misspelt(context: Context, word: Word) -> str | None:
    """«В козань»: after a preposition of place, a word that is none, and one slip away from one city."""
    form = word.form
    if len(form) < _TELLING or not is_cyrillic(form) or known(form):
        return None
    if not _WHERE.search(context.text[: word.start]):
        return None
    near = {value for f, value in _case_forms().items() if f[0] == form[0] and one_slip(f, form)}
    return near.pop() if len(near) == 1 else None


_ORDINARY = {
    "орел",
    "орле",
    "мирный",
    "белый",
    "железный",
    "reading",
    "bath",
    "nice",
    "mobile",
    "орск",
    "владимир",
    "киров",
    "тула",
    "березники",
}


def _ordinary(context: Context, word: Word) -> bool:
    """A name that is also an everyday word or a person's needs a capital letter, or a preposition before
    it.
    """
    if word.form[:4] not in {w[:4] for w in _ORDINARY}:
        return False
    before = context.text[: word.start].lower()
    prepared = re.search(r"(?:\b(?:в|во|из|до|по|город\w*|г\.|г|in|to|from)\s)$", before)
    return not ((word.text[0].isupper() and prepared) or re.search(r"(?:город\w*|г\.)\s*$", before))


def find_addresses(context: Context) -> Iterator[Found]:
    """Street with a house, as written but for doubled spaces."""
    for pattern, priority in ((_RU_MARKED, 58), (_RU_TURNED, 57), (_RU_BARE, 56)):
        for m in pattern.finditer(context.text):
            if pattern is not _RU_BARE and not m["house"] and not re.search(r"\d", m.group()):
                continue
            yield _address(context, m.start(), m.end(), priority)
    for m in _EN.finditer(context.text):
        middle = re.sub(r"^\S+\s+", "", m.group())
        if not _EN_NOT.search(middle.rsplit(" ", 1)[0] if " " in middle else middle):
            yield _address(context, m.start(), m.end(), 57)


def _address(context: Context, start: int, end: int, priority: int) -> Found:
    raw = context.text[start:end].rstrip(" ,")
    return Found("address", start, start + len(raw), re.sub(r"\s+", " ", raw), priority)
