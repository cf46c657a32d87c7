# ruff: noqa: E501 -- a pattern, like a word list, is read best in one piece
"""Dates in Russian and English: days, weeks, ranges; values are ISO dates, ranges `a/b`, open ones `a/` or
`/b`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from bot.engine.nlu.entities.base import Context, Found
from bot.engine.nlu.entities.calendar_words import (
    MONTH,
    WEEKDAY,
    add_months,
    make,
    monday,
    month,
    month_span,
    weekday,
)
from bot.engine.nlu.morphology import parse

_UNIT = (
    r"(?P<unit>дн\w+|день|сутки|суток|недел\w+|нед|месяц\w*|мес|полгода|год\w*|лет"
    r"|days?|weeks?|fortnight|months?|years?)"
)
_NEXT = r"следующ\w+|след|next|following"
_LAST = r"прошл\w+|прошедш\w+|предыдущ\w+|last|past|previous"
_THIS = r"эт[оаиу]\w*|текущ\w+|ближайш\w+|this|coming|current|upcoming"
_YEAR = r"(?:\s*,?\s*(?P<year>20\d\d)(?:-?г\w*)?(?:\s*(?:г(?:ода|\.)?|year))?(?!\d))?"
_RU_DAY = r"(?P<day>\d{1,2})(?:-?(?:го|е|ое|му|st|nd|rd|th))?"

_NAMED = (
    (-2, r"позавчера(?:шн\w+)?|(?:the\s+)?day before yesterday"),
    (3, r"послепослезавтра"),
    (2, r"послезавтра(?:шн\w+)?|(?:the\s+)?day after tomorrow|overmorrow"),
    (1, r"завтра(?:шн\w+)?|завтро|tomorrow|tomorow|tommorow|tommorrow|tmrw|tmr"),
    (-1, r"вчера(?:шн\w+)?|yesterday|last night"),
    (0, r"сегодня(?:шн\w+)?|сёдня|седня|today|tonight|this (?:morning|afternoon|evening)"),
)


@dataclass(frozen=True)
class _Atom:
    """A day or a span of days in the shadow."""

    start: int
    end: int
    first: date
    last: date
    kind: str  # day, weekday, week, number, span


def find_dates(context: Context) -> Iterator[Found]:
    """All dates of the message; neighbouring parts («в среду на следующей неделе») make one."""
    shadow = context.shadow
    today = context.now.date()
    atoms = _settled(list(_atoms(shadow.text, today, _speaks_of_past(context))))
    atoms = _merged(shadow.text, atoms)
    used: set[int] = set()
    for i, a in enumerate(atoms):
        if i in used:
            continue
        before = shadow.text[max(0, a.start - 14) : a.start]
        b = atoms[i + 1] if i + 1 < len(atoms) else None
        between = shadow.text[a.end : b.start] if b else ""
        if b and _is_range(before, between) and b.last >= a.first:
            used.add(i + 1)
            yield _found(context, a.start, b.end, a.first, b.last)
            continue
        yield _found(context, a.start, a.end, a.first, a.last, _opening(before) if a.first == a.last else "")


def _found(context: Context, start: int, end: int, first: date, last: date, opening: str = "") -> Found:
    value = first.isoformat() if first == last else f"{first.isoformat()}/{last.isoformat()}"
    value = {"from": f"{value}/", "until": f"/{value}"}.get(opening, value)
    a, b = context.shadow.place(start, end)
    return Found("date", a, b, value, 50)


def _is_range(before: str, between: str) -> bool:
    if re.fullmatch(r"\s*(?:-|по|до|to|till|until|through|thru)\s*(?:в\s|the\s)?\s*", between):
        return True
    return bool(
        re.search(r"(?:между|between)\s+(?:the\s+)?$", before)
        and re.fullmatch(r"\s*(?:и|and)\s+(?:the\s+)?", between)
    )


def _opening(before: str) -> str:
    if re.search(
        r"(?:^|\s)(?:после|начиная с|не раньше|не ранее|after|since|starting(?: from)?)\s+(?:the\s+)?$",
        before,
    ):
        return "from"
    if re.search(r"(?:^|\s)(?:до|раньше|until|till|before)\s+(?:the\s+)?$", before):
        return "until"
    return ""


def _atoms(text: str, today: date, past: bool) -> Iterator[_Atom]:
    yield from _named(text, today)
    yield from _counted(text, today)
    yield from _weekdays(text, today, past)
    yield from _weeks(text, today)
    yield from _months(text, today, past)
    yield from _digits(text, today, past)


def _named(text: str, today: date) -> Iterator[_Atom]:
    for shift, pattern in _NAMED:
        for m in re.finditer(rf"\b(?:{pattern})\b", text):
            day = today + timedelta(days=shift)
            yield _Atom(m.start(), m.end(), day, day, "day")


def _shift(today: date, count: float, unit: str) -> date:
    if unit.startswith(("д", "сут", "day")):
        return today + timedelta(days=int(count))
    if unit.startswith(("нед", "week")):
        return today + timedelta(days=int(count * 7))
    if unit.startswith("fort"):
        return today + timedelta(days=14)
    if unit == "полгода":
        return add_months(today, 6 if count > 0 else -6)
    if unit.startswith(("мес", "month")):
        return add_months(today, int(count))
    return add_months(today, int(count * 12))


def _counted(text: str, today: date) -> Iterator[_Atom]:
    number = r"(?:(?P<n>\d{1,3})\s+)?"
    for m in re.finditer(rf"\bчерез\s+{number}{_UNIT}\b", text):
        yield _one(m, _shift(today, int(m["n"] or 1), m["unit"]))
    for m in re.finditer(rf"(?:(?P<n>\d{{1,3}})\s+|\b){_UNIT}(?:\s+(?:тому\s+)?назад)\b", text):
        yield _one(m, _shift(today, -int(m["n"] or 1), m["unit"]))
    amount = r"(?:(?P<n>\d{1,3})|an?|a couple of|couple of|a few)"
    for m in re.finditer(rf"\b(?:in|within)\s+(?:{amount})\s+{_UNIT}(?:'s?)?(?:\s+time)?\b", text):
        if " few " not in m.group():
            yield _one(m, _shift(today, int(m["n"] or (2 if "couple" in m.group() else 1)), m["unit"]))
    for m in re.finditer(rf"\b{amount}\s+{_UNIT}\s+(?:ago|back)\b", text):
        if "few" not in m.group():
            yield _one(m, _shift(today, -int(m["n"] or (2 if "couple" in m.group() else 1)), m["unit"]))
    start = r"(?P<start>now|today|tomorrow)"
    for m in re.finditer(rf"\b(?:{amount})\s+{_UNIT}\s+from\s+{start}\b", text):
        base = today + timedelta(days=m["start"] == "tomorrow")
        yield _one(m, _shift(base, int(m["n"] or (2 if "couple" in m.group() else 1)), m["unit"]))


def _one(m: re.Match[str], day: date, kind: str = "day") -> _Atom:
    return _Atom(m.start(), m.end(), day, day, kind)


def _weekdays(text: str, today: date, past: bool) -> Iterator[_Atom]:
    relative = rf"(?:(?P<next>{_NEXT})|(?P<last>{_LAST})|(?P<this>{_THIS}))\.?\s+(?:coming\s+)?"
    for m in re.finditer(
        rf"\b(?:{relative})?(?P<name>{WEEKDAY})\b(?:\s+(?P<after>next week|this week|last week))?", text
    ):
        if m["name"] in {"sat", "sun", "mon", "wed", "ср"} and not re.search(
            r"(?:on|next|this|last|every|in|from|to|by|until|till|before|after|coming|-|в|на|со?|до|по|к|,|^)\s*$",
            text[: m.start("name")],
        ):
            continue
        number = weekday(m["name"])
        ahead = (number - today.weekday()) % 7
        after = m["after"] or ""
        if m["next"] or after.startswith("next"):
            day = monday(today) + timedelta(days=7 + number)
        elif after.startswith("last"):
            day = monday(today) - timedelta(days=7 - number)
        elif m["last"] or (past and not m["this"]):
            day = today - timedelta(days=(today.weekday() - number) % 7 or 7)
        else:
            day = today + timedelta(days=ahead if m["this"] or ahead else 7)
        yield _one(m, day, "weekday")


def _weeks(text: str, today: date) -> Iterator[_Atom]:
    start = monday(today)
    relative = rf"(?:(?P<next>{_NEXT})|(?P<last>{_LAST})|(?P<this>{_THIS}))\.?\s+"
    for m in re.finditer(rf"\b{relative}(?:недел\w*|нед|week)\b(?!\s*-?end)", text):
        first = start + timedelta(days=7 if m["next"] else -7 if m["last"] else 0)
        yield _Atom(m.start(), m.end(), first, first + timedelta(days=6), "week")
    for m in re.finditer(rf"(?:\b{relative})?\b(?:выходн(?:ые|ых|ым)|уик-?енд\w*|week-?ends?)\b", text):
        if re.search(r"(?:работа\w+|открыт\w+)\s+(?:в|на)?\s*$", text[: m.start()]):
            continue
        weeks = 7 if m["next"] else -7 if m["last"] else 0
        first = start + timedelta(days=5 + weeks)
        if not weeks and today > first + timedelta(days=1):
            first += timedelta(days=7)
        yield _Atom(m.start(), m.end(), first, first + timedelta(days=1), "span")
    for m in re.finditer(rf"\b{relative}(?:месяц\w*|month)\b", text):
        day = add_months(today.replace(day=1), 1 if m["next"] else -1 if m["last"] else 0)
        yield _Atom(m.start(), m.end(), *month_span(day.year, day.month), "span")
    for m in re.finditer(
        r"\b(?P<to>до\s+конца|by the end of(?: the)?|before the end of(?: the)?)\s+(?P<unit>недели|месяца|года|week|month|year)\b",
        text,
    ):
        ends = {
            "н": start + timedelta(days=6), "w": start + timedelta(days=6),
            "м": month_span(today.year, today.month)[1], "m": month_span(today.year, today.month)[1],
            "г": date(today.year, 12, 31), "y": date(today.year, 12, 31),
        }  # fmt: skip
        yield _Atom(m.start("unit"), m.end(), ends[m["unit"][0]], ends[m["unit"][0]], "day")


def _nearest_year(today: date, number: int, day: int, past: bool) -> date | None:
    candidates = [d for d in (make(today.year + k, number, day) for k in (-1, 0, 1)) if d]
    if past:
        return max((d for d in candidates if d <= today), default=None)
    return min((d for d in candidates if d >= today), default=None)


def _months(text: str, today: date, past: bool) -> Iterator[_Atom]:
    ru = rf"{_RU_DAY}\s*(?:of\s+)?(?P<month>{MONTH})\b\.?{_YEAR}"
    en = rf"\b(?P<month>{MONTH})\b\.?\s+(?:the\s+)?{_RU_DAY}(?![\d:])(?!\s*(?:pm|am)\b){_YEAR}"
    first = (
        r"(?P<first>\d{1,2})(?:-?(?:го|е|ое|st|nd|rd|th))?\s*(?:-|по|до|to|till|until|and|и)\s*(?:the\s+)?"
    )
    for m in re.finditer(rf"(?<!\d)(?:{first}){ru}", text):
        yield from _range(m, today, past)
    for m in re.finditer(
        rf"\b(?P<month>{MONTH})\b\.?\s+(?P<first>\d{{1,2}})(?:st|nd|rd|th)?\s*(?:-|to|till|until|and)\s*"
        rf"(?:the\s+)?{_RU_DAY}(?![\d:]){_YEAR}",
        text,
    ):
        yield from _range(m, today, past)
    for pattern in (rf"(?<![\d.:]){ru}", en):
        for m in re.finditer(pattern, text):
            number, day = month(m["month"]), int(m["day"])
            found = (
                make(int(m["year"]), number, day)
                if m["year"]
                else _nearest_year(today, number, day, past or _dated(text, m))
            )
            if found:
                yield _one(m, found, "number")
    for m in re.finditer(rf"\b(?:в|in|за|during)\s+(?P<month>{MONTH})\b(?!\s*\d){_YEAR}", text):
        number = month(m["month"])
        year = int(m["year"]) if m["year"] else today.year + (number < today.month and not past)
        if not m["year"] and past and number > today.month:
            year -= 1
        yield _Atom(m.start("month"), m.end(), *month_span(year, number), "span")
    for m in re.finditer(
        r"(?<![\d.,:])(?:(?P<day>\d{1,2})-?го(?:\s+числа)?|(?P<day2>\d{1,2})(?:-?е|-?го)?\s+числ\w+"
        r"|\b(?:the\s+|on\s+)(?P<day3>\d{1,2})(?:st|nd|rd|th))\b(?!\s*(?:of\s+)?(?:" + MONTH + r")\b)",
        text,
    ):
        found = _next_day_number(today, int(m["day"] or m["day2"] or m["day3"]), past)
        if found:
            yield _one(m, found, "number")


def _dated(text: str, m: re.Match[str]) -> bool:
    """«заказ от 5 ноября»: a document's date lies in the past."""
    return bool(
        re.search(
            r"(?:заказ\w*|чек\w*|сч[её]т\w*|письм\w+|оплат\w+|dated|placed on|order of)\s+(?:от\s+)?$",
            text[: m.start()],
        )
    )


def _range(m: re.Match[str], today: date, past: bool) -> Iterator[_Atom]:
    number = month(m["month"])
    last = (
        make(int(m["year"]), number, int(m["day"]))
        if m["year"]
        else _nearest_year(today, number, int(m["day"]), past)
    )
    first = last and make(last.year, number, int(m["first"]))
    if first and last and first < last:
        yield _Atom(m.start(), m.end(), first, last, "number")


def _next_day_number(today: date, number: int, past: bool) -> date | None:
    for k in range(0, 4):
        base = add_months(today.replace(day=1), -k if past else k)
        day = make(base.year, base.month, number)
        if day and (day <= today if past else day >= today):
            return day
    return None


def _digits(text: str, today: date, past: bool) -> Iterator[_Atom]:
    for m in re.finditer(r"(?<![\d-])(20\d\d)-(\d{1,2})-(\d{1,2})(?![\d-])", text):
        day = make(int(m[1]), int(m[2]), int(m[3]))
        if day:
            yield _one(m, day, "number")
    for m in re.finditer(
        r"(?<![\d.,/:-])(\d{1,2})([./])(\d{1,2})(?:\2(20\d\d|\d\d))?(?![\d/:%-]|[.,]\d)", text
    ):
        a, b = int(m[1]), int(m[3])
        if m[2] == "." and not m[4] and len(m[3]) < 2:
            continue
        tail = text[m.end() : m.end() + 12]
        if not m[4] and re.match(
            r"\s*(?:руб|р\b|₽|\$|€|£|usd|eur|кг|kg|%|час|утра|вечера|дня|am|pm|звезд|stars|из|балл)", tail
        ):
            continue
        if (
            m[2] == "/"
            and not m[4]
            and b <= 12
            and a <= b
            and b in (5, 10)
            and re.search(r"(?:оцен\w+|rat\w+|ставлю|give|score)[^.]{0,20}$", text[: m.start()])
        ):
            continue
        number, in_month = (b, a) if b <= 12 else (a, b)
        if not 1 <= number <= 12:
            continue
        if m[4]:
            found = make(int(m[4]) + (2000 if len(m[4]) == 2 else 0), number, in_month)
        else:
            found = _nearest_year(today, number, in_month, past or _dated(text, m))
        if found:
            yield _one(m, found, "number")


def _settled(atoms: list[_Atom]) -> list[_Atom]:
    """Without atoms inside longer ones, in order."""
    kept: list[_Atom] = []
    for atom in sorted(atoms, key=lambda a: (a.start - a.end, a.kind != "number", a.start)):
        if all(atom.end <= k.start or atom.start >= k.end for k in kept):
            kept.append(atom)
    return sorted(kept, key=lambda a: a.start)


def _merged(text: str, atoms: list[_Atom]) -> list[_Atom]:
    """A weekday beside a week means that week's day; a weekday beside a full date says the same twice."""
    out: list[_Atom] = []
    for atom in atoms:
        near = out and re.fullmatch(
            r"[\s,(]*(?:на|в|во|on|of|the|of the)?[\s,(]*", text[out[-1].end : atom.start]
        )
        if near:
            kinds = {out[-1].kind, atom.kind}
            if kinds == {"weekday", "week"}:
                week, day = (out[-1], atom) if out[-1].kind == "week" else (atom, out[-1])
                found = week.first + timedelta(days=day.first.weekday())
                out[-1] = _Atom(out[-1].start, atom.end, found, found, "day")
                continue
            if kinds == {"weekday", "number"} or kinds == {"weekday", "day"}:
                exact = atom if out[-1].kind == "weekday" else out[-1]
                if exact.first == exact.last:
                    out[-1] = _Atom(out[-1].start, atom.end, exact.first, exact.last, "number")
                    continue
        out.append(atom)
    return out


_EN_PAST = re.compile(
    r"\b(?:was|were|did|didn't|didnt|had|ordered|bought|paid|received|arrived|came|got|sent|returned|placed|made"
    r"|called|wrote|promised|happened|delivered|charged|purchased|since)\b"
)
_EN_AHEAD = re.compile(
    r"\b(?:will|can|could|please|want|would|like to|need|going to|should|let's|reschedule|book|move)\b"
)
_WISHES = {"хотеть", "планировать", "думать", "мочь", "собираться", "просить", "хотеться", "решить"}


def _speaks_of_past(context: Context) -> bool:
    """Whether a bare weekday or day means the one that was: a past verb and no wish, request or plan."""
    if context.language == "en":
        text = context.shadow.text
        return bool(_EN_PAST.search(text)) and not _EN_AHEAD.search(text)
    past = False
    for word in context.words:
        tag = parse(word.form).tag
        if tag.POS == "INFN" or "impr" in tag or "futr" in tag:
            return False
        if tag.POS == "VERB" and "past" in tag:
            if word.lemma in _WISHES:
                return False
            past = True
    return past
