"""Number words as digits, in a shadow of the message that remembers where every character came from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from bot.engine.nlu.morphology import parse
from bot.engine.nlu.text import is_cyrillic

_RU_UNITS = {
    "ноль": 0, "один": 1, "два": 2, "двое": 2, "оба": 2, "пара": 2, "три": 3, "трое": 3, "четыре": 4,
    "четверо": 4, "пять": 5, "пятеро": 5, "шесть": 6, "семь": 7, "восемь": 8, "девять": 9, "десять": 10,
    "десяток": 10, "одиннадцать": 11, "двенадцать": 12, "дюжина": 12, "тринадцать": 13, "четырнадцать": 14,
    "пятнадцать": 15, "шестнадцать": 16, "семнадцать": 17, "восемнадцать": 18, "девятнадцать": 19,
}  # fmt: skip
_RU_TENS = {
    "двадцать": 20, "тридцать": 30, "сорок": 40, "пятьдесят": 50, "шестьдесят": 60, "семьдесят": 70,
    "восемьдесят": 80, "девяносто": 90,
}  # fmt: skip
_RU_HUNDREDS = {
    "сто": 100, "двести": 200, "триста": 300, "четыреста": 400, "пятьсот": 500, "шестьсот": 600,
    "семьсот": 700, "восемьсот": 800, "девятьсот": 900,
}  # fmt: skip
_RU_ORDINALS = {
    "первый": 1, "второй": 2, "третий": 3, "четвертый": 4, "пятый": 5, "шестой": 6, "седьмой": 7,
    "восьмой": 8, "девятый": 9, "десятый": 10, "одиннадцатый": 11, "двенадцатый": 12, "тринадцатый": 13,
    "четырнадцатый": 14, "пятнадцатый": 15, "шестнадцатый": 16, "семнадцатый": 17, "восемнадцатый": 18,
    "девятнадцатый": 19, "двадцатый": 20, "тридцатый": 30,
}  # fmt: skip
_EN_UNITS = {
    "zero": 0, "one": 1, "two": 2, "both": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "dozen": 12, "thirteen": 13, "fourteen": 14,
    "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_EN_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
_EN_ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14,
    "fifteenth": 15, "sixteenth": 16, "seventeenth": 17, "eighteenth": 18, "nineteenth": 19,
    "twentieth": 20, "thirtieth": 30,
}  # fmt: skip
_MONTH = re.compile(
    r"\s*(?:числа|of\s+)?\s*(?:янв|фев|мар|апр|ма[йяе]\b|июн|июл|авг|сен|окт|ноя|дек|числ"
    r"|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
)
_EN_MONTH_BEFORE = re.compile(r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+(?:the\s+)?$")
_WORD = re.compile(r"[^\W\d_]+")
_GAP = re.compile(r"[ \-](?:and )?")


@dataclass(frozen=True)
class Shadow:
    """`text` for patterns; character i of it stands for `source[starts[i]:ends[i]]` of the message."""

    text: str
    starts: list[int]
    ends: list[int]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Range of the message for a non-empty range of the shadow."""
        return self.starts[start], self.ends[end - 1]


@lru_cache(maxsize=5_000)
def _worth(word: str) -> tuple[str, int] | None:
    """Kind (unit, ten, hundred, thousand, ordinal) and value of a number word."""
    if is_cyrillic(word):
        lemma = str(parse(word).normal_form).replace("ё", "е")
        tables: tuple[tuple[str, dict[str, int]], ...] = (
            ("unit", _RU_UNITS), ("ten", _RU_TENS), ("hundred", _RU_HUNDREDS), ("ordinal", _RU_ORDINALS),
        )  # fmt: skip
        if lemma == "тысяча":
            return "thousand", 1000
        word = {"одно": "один", "одна": "один", "обе": "оба"}.get(lemma, lemma)
    else:
        tables = (("unit", _EN_UNITS), ("ten", _EN_TENS), ("ordinal", _EN_ORDINALS))
        if word in {"hundred", "thousand"}:
            return word, 100 if word == "hundred" else 1000
    for kind, table in tables:
        if word in table:
            return kind, table[word]
    return None


def _read(text: str, at: int, lower: str) -> tuple[int, int, bool] | None:
    """A number in words that starts at `at`: value, end, whether its last word is an ordinal."""
    total, current, end, ordinal = 0, 0, at, False
    last = 10_000  # a following word must be worth less than the one before it
    read_any = False
    position = at
    while match := _WORD.match(lower, position):
        worth = _worth(match.group())
        if worth is None:
            break
        kind, value = worth
        if kind == "thousand":
            if not read_any:
                break
            total, current, last = total + max(current, 1) * 1000, 0, 1000
        elif kind == "hundred" and not is_cyrillic(match.group()):
            if not read_any:
                break
            current, last = max(current, 1) * 100, 100
        else:
            if value >= last:
                break
            current += value
            last = {"hundred": 100, "ten": 10}.get(kind, 0)
        read_any = True
        end = match.end()
        if kind == "ordinal":
            ordinal = True
            break
        gap = _GAP.match(lower, end)
        if not gap:
            break
        position = gap.end()
    return (total + current, end, ordinal) if read_any else None


def shadow_of(text: str) -> Shadow:
    """Lower case, е for ё, number words as digits; ordinals only where a day of a month is meant."""
    lower = "".join(c.lower() if len(c.lower()) == 1 else c for c in text).replace("ё", "е")
    lower = lower.replace("\u00a0", " ").replace("\u202f", " ").replace("–", "-").replace("—", "-")
    out: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    while position < len(lower):
        match = _WORD.match(lower, position)
        if match is None:
            out.append(lower[position])
            starts.append(position)
            ends.append(position + 1)
            position += 1
            continue
        found = _read(text, position, lower)
        if found is not None:
            value, end, ordinal = found
            if not ordinal or _MONTH.match(lower, end) or _EN_MONTH_BEFORE.search(lower[:position]):
                digits = str(value)
                out.extend(digits)
                starts.extend([position] * len(digits))
                ends.extend([end] * len(digits))
                position = end
                continue
        for i in range(match.start(), match.end()):
            out.append(lower[i])
            starts.append(i)
            ends.append(i + 1)
        position = match.end()
    return Shadow("".join(out), starts, ends)
