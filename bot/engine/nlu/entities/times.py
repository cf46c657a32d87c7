# ruff: noqa: E501 -- a pattern, like a word list, is read best in one piece
"""Times of day in Russian and English: `HH:MM`, ranges `a/b`, open ranges `a/` and `/b`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from bot.engine.nlu.entities.base import Context, Found
from bot.engine.nlu.morphology import parse
from bot.engine.nlu.text import is_cyrillic

MORNING, DAY, EVENING = "06:00/12:00", "12:00/18:00", "18:00/23:00"

_HALF = r"(?:утра|дня|вечера|ночи|a\.?\s?m\b\.?|p\.?\s?m\b\.?|in the (?:morning|afternoon|evening)|at night)"
_CLOCK = (
    r"(?:(?P<{0}h>\d{{1,2}})(?:[:.](?P<{0}m>[0-5]\d)(?!\d)|\s*(?:ч\b\.?|час\w*|h\b)\s*(?:(?P<{0}mm>[0-5]?\d)\s*(?:мин\w*|m\b))?"
    r"|\s*o'?\s?clock)?\s*(?P<{0}half>"
    + _HALF
    + r")?|(?P<{0}word>полдень|полудня|полудню|полночь|полуночи|полуночь|noon|midday|midnight))"
)
_ONE, _A, _B = _CLOCK.format("o"), _CLOCK.format("a"), _CLOCK.format("b")
_AFTER = r"после|не раньше|не ранее|(?<!не )позже|начиная с|after|later than|past|from|since|с|со|от"
_BEFORE = r"до|не позже|не позднее|(?<!не )раньше|before|until|till|no later than"
_AT = r"в|во|к|ко|на|около|часов в|примерно в|at|by|around|about|@"

_DAY_PARTS = (
    (MORNING, r"утром|с утра|с утречка|утречком|(?:на|под|в) утро|(?:в )?перв\w+ половин\w+ дня|до обеда|до полудня"
              r"|в утренн\w+ час\w+|in the morning|(?:this|tomorrow|\w+day) mornings?|mornings|before lunch|before noon"),
    ("12:00/14:00", r"в обед(?:\w+ (?:время|перерыв))?|around lunch(?:time)?|at lunch(?:time)?"),
    (DAY, r"дн[её]м|(?:во )?втор\w+ половин\w+ дня|после обеда|в дневн\w+ (?:время|час\w+)|in the afternoon"
          r"|(?:this|tomorrow|\w+day) afternoons?|afternoons?|after lunch"),
    (EVENING, r"вечер(?:ом|ком|очком)|(?:на|под) вечер|в вечерн\w+ (?:время|час\w+)|in the evening"
              r"|(?:this|tomorrow|\w+day) evenings?|evenings?|tonight"),
    ("23:00/06:00", r"ночью|at night"),
)  # fmt: skip
_NO_PART = re.compile(
    r"(?:добр\w+|good|have a (?:nice|good|great)|хорош\w+|приятн\w+|с)\s*$|(?:с каждым|тем же|прошл\w+)\s*$"
)


@dataclass(frozen=True)
class _Clock:
    hour: int
    minute: int
    sure: bool  # the half of the day was said, or it is written the 24-hour way


def find_times(context: Context) -> Iterator[Found]:
    """All times of the message; a day part beside an hour («вечером в 8») only settles the hour."""
    text = context.shadow.text
    parts = list(_day_parts(text))
    half = next((value for _, _, value in parts), "")
    taken: list[tuple[int, int]] = []
    for start, end, value in _clocks(context, text, half):
        if all(end <= a or start >= b for a, b in taken):
            taken.append((start, end))
            a, b = context.shadow.place(start, end)
            yield Found("time", a, b, value, 45)
    if taken:
        return
    for start, end, value in parts:
        a, b = context.shadow.place(start, end)
        yield Found("time", a, b, value, 44)


def _day_parts(text: str) -> Iterator[tuple[int, int, str]]:
    for value, pattern in _DAY_PARTS:
        for m in re.finditer(rf"\b(?:{pattern})\b", text):
            if _NO_PART.search(text[: m.start()]) or re.match(r"\s+рождени", text[m.end() :]):
                continue
            start = (
                m.start()
                if not re.match(r"\w+day |tomorrow |this ", m.group())
                else m.start() + m.group().index(" ") + 1
            )
            yield start, m.end(), value


def _clocks(context: Context, text: str, half: str) -> Iterator[tuple[int, int, str]]:
    yield from _ranges(text, half)
    yield from _spoken(text, half)
    yield from _open(text, half)
    yield from _single(text, half)
    yield from _relative(context, text)


def _ranges(text: str, half: str) -> Iterator[tuple[int, int, str]]:
    lead = r"(?:\b(?P<lead>с|со|от|from|между|between)\s+)?"
    link = r"\s*(?P<link>-|до|по|и|to|till|until|and)\s*"
    for m in re.finditer(rf"(?<![\w.,:/#№-]){lead}(?<![\d.,:]){_A}{link}{_B}(?![\d%]|[.:,/]\d)", text):
        if m["link"] in {"и", "and"} and m["lead"] not in {"между", "between"}:
            continue
        explicit = any(m[g] for g in ("am", "bm", "ahalf", "bhalf", "aword", "bword")) or "час" in m.group()
        led = m["lead"] and (m["link"] == "до" or _free(text, m.end()))
        dashed = m["link"] == "-" and _at_before(text, m.start()) and _free(text, m.end())
        if not (explicit or led or dashed):
            continue
        a, b = _read(m, "a"), _read(m, "b")
        if a is None or b is None or re.match(rf"\s*(?:{_MEASURE})", text[m.end() :]):
            continue
        start, end = _span(
            a, b, half, bool(m["bhalf"]) and not m["ahalf"], "am" in (m["bhalf"] or "").replace(".", "")
        )
        yield m.start(), m.end(), f"{start}/{end}"


def _at_before(text: str, at: int) -> bool:
    return bool(re.search(rf"\b(?:{_AT})\s+$", text[:at]))


_MEASURE = (
    r"числ|янв|фев|мар|апр|ма[йяе]\b|июн|июл|авг|сен|окт|ноя|дек|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
    r"|руб|р\b|₽|\$|€|£|шт|дн|день|недел|мес|год|лет|day|week|month|year|%|процент|percent|км|кг|kg|раз|times|звезд|star"
    r"|балл|point|человек|people|из|of|мин|min|размер"
)


def _span(a: _Clock, b: _Clock, half: str, share: bool, morning: bool) -> tuple[str, str]:
    """Both ends on the 24-hour clock: «с 2 до 4» is the afternoon, «9 to 6» ends after it starts."""
    first, last = a.hour, b.hour
    if not b.sure:
        last = _settle(b, half)
    if not a.sure:
        if share:
            first = first + 12 if not morning and first < 12 and first + 12 <= last else first
        elif half in (EVENING, DAY) or (first < 7 and a.minute == 0) or first < 7:
            first = _settle(a, half)
    if (last, b.minute) <= (first, a.minute) and not b.sure and last < 12:
        last += 12
    return f"{first:02d}:{a.minute:02d}", f"{last:02d}:{b.minute:02d}"


def _open(text: str, half: str) -> Iterator[tuple[int, int, str]]:
    for m in re.finditer(rf"\b(?P<prep>{_AFTER})\s+(?:(?:в|at)\s+)?(?<!\d){_ONE}(?![\d%]|[.:,/-]\d)", text):
        soft = m["prep"] in {"с", "со", "от", "from", "since", "past"}
        if _hour_like(text, m, soft) and (clock := _read(m, "o")):
            yield m.start(), m.end(), f"{_say(clock, half)}/"
    for m in re.finditer(rf"\b(?P<prep>{_BEFORE})\s+(?<!\d){_ONE}(?![\d%]|[.:,/-]\d)", text):
        if _hour_like(text, m, False) and (clock := _read(m, "o")):
            yield m.start(), m.end(), f"/{_say(clock, half)}"


def _single(text: str, half: str) -> Iterator[tuple[int, int, str]]:
    for m in re.finditer(
        rf"\b(?:(?P<prep>{_AT})\s+)(?:час\w*\s+(?:в|к)\s+)?(?<!\d){_ONE}(?![\d%]|[.:,/-]\d)", text
    ):
        if _hour_like(text, m, m["prep"] in {"на", "about"}) and (clock := _read(m, "o")):
            start = next(m.start(g) for g in ("oh", "oword") if m[g])
            yield start, m.end(), _say(clock, half)
    for m in re.finditer(rf"(?<![\w.,:/#№$€£₽-]){_ONE}(?![\d%]|[.:,/-]\d)", text):
        said = m["ohalf"] or m["oword"] or (m["om"] and ":" in m.group()) or "clock" in m.group()
        if said and (clock := _read(m, "o")):
            yield m.start(), m.end(), _say(clock, half)
    for m in re.finditer(r"\b(?:в|к)\s+час(?:у)?\s+(?P<half>дня|ночи)|\b(?:в|к)\s+час\b(?!\s*пик)", text):
        yield m.start(), m.end(), "01:00" if m["half"] == "ночи" else "13:00"


def _hour_like(text: str, m: re.Match[str], soft: bool) -> bool:
    """Whether a number after a preposition is an hour and not a count, a mark, a day."""
    if any(m[g] for g in ("om", "ohalf", "oword")):
        return not re.match(rf"\s*(?:{_MEASURE})", text[m.end() :]) or bool(m["ohalf"] or m["oword"])
    if re.search(r"час|\bч\b|clock", m.group("oh") + text[m.end("oh") : m.end()]):
        return m["prep"] not in {"на", "от"} or int(m["oh"]) >= 8  # «на 2 часа» says how long
    return not soft and _free(text, m.end())


def _free(text: str, end: int) -> bool:
    """Whether nothing that could be counted follows a bare number."""
    rest = text[end:].lstrip()
    if re.match(rf"(?:{_MEASURE})", rest):
        return False
    m = re.match(r"[^\W\d_]+", rest)
    if m is None:
        return not rest or rest[0] in ".,;!?)-("
    word = m.group()
    if is_cyrillic(word):
        tag = parse(word).tag
        return (
            tag.POS in {"PREP", "CONJ", "VERB", "INFN", "ADVB", "PRCL", "NPRO", "PRED", "GRND"}
            or word in _FREE
        )
    return word in _FREE


_FREE = {
    "on", "in", "at", "today", "tomorrow", "tonight", "or", "and", "please", "works", "is", "would", "for", "if",
    "but", "pls", "suits", "can", "ok", "okay", "will", "should", "when", "because", "so", "thanks",
    "завтра", "сегодня", "послезавтра", "утром", "вечером", "пожалуйста", "пжл", "плиз", "спасибо", "если", "мне",
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "this", "next", "i", "im", "work",
}  # fmt: skip


def _spoken(text: str, half: str) -> Iterator[tuple[int, int, str]]:
    """«полшестого», «в половине шестого», «без четверти пять», *half past five*, *quarter to six*."""
    ordinals = {
        "перв": 1, "второ": 2, "трет": 3, "четв": 4, "пят": 5, "шест": 6, "седьм": 7, "восьм": 8, "девят": 9,
        "десят": 10, "одиннадц": 11, "двенадц": 12,
    }  # fmt: skip
    names = "|".join(sorted(ordinals, key=len, reverse=True))
    tail = rf"\s*(?P<half>{_HALF})?"
    for m in re.finditer(
        rf"\b(?P<what>пол(?:овин[ауеы])?|четверть|\d{{1,2}}\s+минут\w*)[\s-]*(?P<h>{names})\w+{tail}", text
    ):
        hour = ordinals[m["h"]]
        minute = (
            30
            if m["what"].startswith("пол")
            else 15
            if m["what"].startswith("ч")
            else int(m["what"].split()[0])
        )
        yield m.start(), m.end(), _say(_clock((hour - 1) or 12, minute, m["half"]), half)
    for m in re.finditer(
        rf"\bбез\s+(?P<m>четверти|\d{{1,2}})(?:\s+минут\w*)?\s+(?P<h>\d{{1,2}}|час){tail}", text
    ):
        minute = 15 if m["m"].startswith("ч") else int(m["m"])
        hour = 1 if m["h"] == "час" else int(m["h"])
        if 0 < minute < 60 and hour <= 24:
            yield m.start(), m.end(), _say(_clock((hour - 1) or 12, 60 - minute, m["half"]), half)
    words = r"(?P<what>half|(?:a )?quarter|\d{1,2}(?: minutes)?)"
    for m in re.finditer(rf"\b{words}\s+(?P<side>past|to)\s+(?P<h>\d{{1,2}})(?![\d:]){tail}", text):
        what = m["what"]
        if what.isdigit() and (int(what) % 5 or m["side"] == "to"):
            continue
        minute = 30 if what == "half" else 15 if "quarter" in what else int(what.split()[0])
        hour = int(m["h"])
        if m["side"] == "to":
            hour, minute = (hour - 1) or 12, 60 - minute
        if hour <= 24 and minute < 60:
            yield m.start(), m.end(), _say(_clock(hour, minute, m["half"]), half)


def _relative(context: Context, text: str) -> Iterator[tuple[int, int, str]]:
    pattern = (
        r"\b(?:через|in)\s+(?:(?P<n>\d{1,3}|полтора|an?|half an)\s+)?"
        r"(?P<unit>полчаса|час(?:а|ов|ик)?|минут\w*|hours?|minutes?|mins?)\b"
    )
    for m in re.finditer(pattern, text):
        count = {"полтора": 1.5, "a": 1, "an": 1, "half an": 0.5, None: 1}.get(m["n"]) or float(m["n"])
        hours = 0.5 if m["unit"] == "полчаса" else count if m["unit"].startswith(("час", "h")) else count / 60
        yield m.start(), m.end(), (context.now + timedelta(hours=hours)).strftime("%H:%M")


def _read(m: re.Match[str], prefix: str) -> _Clock | None:
    word = m[f"{prefix}word"]
    if word:
        return _Clock(0 if word.startswith(("полноч", "полуноч", "midn")) else 12, 0, True)
    hour, minute = int(m[f"{prefix}h"]), int(m[f"{prefix}m"] or m[f"{prefix}mm"] or 0)
    if hour > 24 or minute > 59:
        return None
    clock = _clock(hour % 24 if hour == 24 else hour, minute, m[f"{prefix}half"])
    if m[f"{prefix}m"] and m[f"{prefix}h"].startswith("0"):
        return _Clock(clock.hour, clock.minute, True)
    return clock


def _clock(hour: int, minute: int, half: str | None) -> _Clock:
    said = (half or "").replace(".", "").replace(" ", "")
    if said in {"утра", "am", "inthemorning"}:
        return _Clock(hour % 12, minute, True)
    if said in {"дня", "pm", "intheafternoon", "intheevening", "вечера"} and hour <= 12:
        return _Clock(0 if said == "вечера" and hour == 12 else hour % 12 + 12, minute, True)
    if said in {"ночи", "atnight"}:
        return _Clock(hour % 12 + 12 if 8 < hour < 12 else hour % 12, minute, True)
    return _Clock(hour, minute, hour > 12 or hour == 0)


def _settle(clock: _Clock, half: str) -> int:
    """The hour on the 24-hour clock: by the day part of the message, else the likelier of the two."""
    if clock.sure:
        return clock.hour
    if half == MORNING:
        return clock.hour
    if half in (EVENING, DAY) and clock.hour < 12:
        return clock.hour + 12
    return clock.hour + 12 if 1 <= clock.hour < 8 else clock.hour


def _say(clock: _Clock, half: str) -> str:
    return f"{_settle(clock, half):02d}:{clock.minute:02d}"
