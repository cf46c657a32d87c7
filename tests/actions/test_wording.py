"""Dates, amounts and counts as an educated native writes them."""

from datetime import UTC, datetime, timedelta

import pytest

from actions.wording import Wording
from crm_bridge.money import Money

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)  # a Friday
RU = Wording("ru", NOW, "Europe/Moscow")
EN = Wording("en", NOW, "Europe/London")


@pytest.mark.parametrize(
    ("days", "russian", "english"),
    [
        (-1, "вчера", "yesterday"),
        (0, "сегодня", "today"),
        (1, "завтра", "tomorrow"),
        (2, "в воскресенье, 22 ноября", "on Sunday, 22 November"),
        (4, "во вторник, 24 ноября", "on Tuesday, 24 November"),
        (5, "в среду, 25 ноября", "on Wednesday, 25 November"),
        (43, "в субботу, 2 января 2027 года", "on Saturday, 2 January 2027"),
    ],
)
def test_the_day_something_happens(days: int, russian: str, english: str) -> None:
    moment = NOW + timedelta(days=days)
    assert (RU.on(moment), EN.on(moment)) == (russian, english)


def test_the_day_by_itself() -> None:
    assert RU.day(NOW + timedelta(days=2)) == "воскресенье, 22 ноября"
    assert EN.day(NOW + timedelta(days=2)) == "Sunday, 22 November"
    assert RU.day(NOW) == "сегодня"


def test_days_are_those_of_the_customers_time_zone() -> None:
    late = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)
    assert RU.on(late) == "завтра"
    assert EN.on(late) == "today"


def test_times() -> None:
    assert RU.at(NOW - timedelta(hours=3)) == "сегодня в 9:00"
    assert RU.at(NOW - timedelta(days=3)) == "17 ноября в 12:00"
    assert RU.by(NOW + timedelta(hours=6)) == "сегодня к 18:00"
    assert RU.after(NOW + timedelta(minutes=15)) == "12:15"
    assert RU.after(NOW + timedelta(hours=13)) == "завтра в 1:00"
    assert EN.after(NOW + timedelta(minutes=5)) == "9:05"
    assert RU.until(NOW + timedelta(days=1)) == "21 ноября"


def test_money() -> None:
    assert RU.money(Money(149900, "RUB")) == "1\u00a0499\u00a0₽"
    assert RU.money(Money(149950, "RUB")) == "1\u00a0499,50\u00a0₽"
    assert EN.money(Money(1999, "GBP")) == "£19.99"
    assert EN.money(Money(150000, "JPY")) == "JP¥150,000"


def test_counts() -> None:
    assert [RU.count("days", n) for n in (1, 2, 5, 11, 21)] == [
        "1 день",
        "2 дня",
        "5 дней",
        "11 дней",
        "21 день",
    ]
    assert [EN.count("tries", n) for n in (1, 3)] == ["You have 1 try left.", "You have 3 tries left."]
    assert RU.days(timedelta(hours=5)) == "1 день"
