"""Names of days and months, and arithmetic with them."""

from __future__ import annotations

import calendar
import re
from datetime import date, timedelta

WEEKDAY = (
    r"понедельник\w*|вторник\w*|сред[ауеы]|четверг\w*|пятниц\w*|суббот\w*|воскресень\w*"
    r"|пн|вт|ср|чт|пт|сб|вск?|mondays?|tuesdays?|wednesdays?|thursdays?|fridays?|saturdays?|sundays?"
    r"|mon|tues?|weds?|thurs?|thu|fri|sat|sun"
)
MONTH = (
    r"январ\w+|янв|феврал\w+|фев|марта?|марте|апрел\w+|апр|ма[йяе]|июн[яье]|июл[яье]|август[ае]?|авг"
    r"|сентябр\w+|сент?|октябр\w+|окт|ноябр\w+|ноя|декабр\w+|дек"
    r"|january|jan|february|feb|march|mar|april|apr|may|june?|jun|july?|jul|august|aug"
    r"|september|sept?|october|oct|november|nov|december|dec"
)
_DAYS = (
    ("по", "mo"), ("вт", "tu"), ("ср", "we"), ("че", "th"), ("пя", "fr"), ("су", "sa"), ("во", "su"),
)  # fmt: skip
_SHORT_DAYS = {"пн": 0, "чт": 3, "пт": 4, "сб": 5, "вс": 6, "вск": 6}
_MONTHS = (
    ("янв", "jan"), ("фев", "feb"), ("мар", "mar"), ("апр", "apr"), ("май", "may"), ("июн", "jun"),
    ("июл", "jul"), ("авг", "aug"), ("сен", "sep"), ("окт", "oct"), ("ноя", "nov"), ("дек", "dec"),
)  # fmt: skip


def weekday(name: str) -> int:
    """Monday is 0."""
    if name in _SHORT_DAYS:
        return _SHORT_DAYS[name]
    return next(i for i, starts in enumerate(_DAYS) if name.startswith(starts))


def month(name: str) -> int:
    """January is 1."""
    name = re.sub(r"^ма[яе]$", "май", name)
    return next(i for i, starts in enumerate(_MONTHS, 1) if name.startswith(starts))


def monday(day: date) -> date:
    """First day of the ISO week."""
    return day - timedelta(days=day.weekday())


def add_months(day: date, count: int) -> date:
    """The same day `count` months on, or the month's last."""
    index = day.year * 12 + day.month - 1 + count
    year, number = divmod(index, 12)
    return date(year, number + 1, min(day.day, calendar.monthrange(year, number + 1)[1]))


def month_span(year: int, number: int) -> tuple[date, date]:
    """First and last day of a month."""
    return date(year, number, 1), date(year, number, calendar.monthrange(year, number)[1])


def make(year: int, number: int, day: int) -> date | None:
    """The date, or None when there is no such day."""
    try:
        return date(year, number, day)
    except ValueError:
        return None
