"""Whatever a CRM answers is read as something, or as nothing; it breaks nothing."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_bridge.adapters import Field, reading
from crm_bridge.money import Money

anything = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.none()))


@pytest.mark.parametrize(
    ("amount", "currency", "read"),
    [
        ("1499.00", "RUB", Money(149900, "RUB")),
        (1499.5, "rub", Money(149950, "RUB")),
        (0, "USD", Money(0, "USD")),
        ("-10", "EUR", Money(-1000, "EUR")),
        ("1499.00", "", None),
        ("много", "RUB", None),
        ("NaN", "RUB", None),
        ("Infinity", "RUB", None),
        ("9e999999", "RUB", None),
        (None, "RUB", None),
    ],
)
def test_amounts(amount: Any, currency: str, read: Money | None) -> None:
    assert reading.money(amount, currency) == read


@pytest.mark.parametrize(
    "written",
    [
        1795251600,
        "1795251600",
        "2026-11-21 09:00:00",
        "2026-11-21T12:00:00+03:00",
        "2026-11-21T09:00:00Z",
    ],
)
def test_times_are_utc_however_they_are_written(written: Any) -> None:
    assert reading.moment(written) == datetime(2026, 11, 21, 9, tzinfo=UTC)


@given(anything, st.sampled_from(Field), st.text())
def test_nothing_that_comes_breaks_the_reading(value: Any, field: Field, currency: str) -> None:
    normal = reading.normal(field, value)
    assert "\x00" not in normal
    normal.encode()
    assert reading.normal(field, normal) == normal
    moment = reading.moment(value)
    assert moment is None or moment.tzinfo is UTC
    money = reading.money(value, currency)
    assert money is None or abs(money.minor) < 2**63


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("<p>Звонила</p><p>ждёт&nbsp;ответа</p>", "Звонила\nждёт ответа"),
        ("Просила<br/>перезвонить <b>вечером</b>", "Просила\nперезвонить вечером"),
        ("<p>1 &lt; 2 &amp; 3</p>", "1 < 2 & 3"),
        ("<p>сегодня</p><p><br></p><p><br></p><p>[shop-n1]</p>", "сегодня\n\n[shop-n1]"),
        (False, ""),
    ],
)
def test_what_a_piece_of_html_says(html: object, said: str) -> None:
    assert reading.plain(html) == said
