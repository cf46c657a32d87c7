"""Customers say when and how often they want to be written to, and that is kept and obeyed."""

import pytest
from sqlalchemy import select, text

from actions.hints import hints
from actions.message_times import Times, times_in
from core.db import Database
from crm_bridge.models import ConsentRecord, Customer
from tests.actions.conftest import Open

OPT_OUT, OPT_IN = "notifications_opt_out", "notifications_opt_in"


@pytest.mark.parametrize(
    ("said", "time", "hours", "per_week"),
    [
        ("не пишите после восьми вечера", "20:00/", (9, 20), None),
        ("не пишите раньше десяти утра", "10:00", (10, 21), None),
        ("не пишите мне по ночам", "", (9, 21), None),
        ("пишите только с 10 до 18", "10:00/18:00", (10, 18), None),
        ("не присылайте с 22 до 8", "22:00/08:00", (8, 22), None),
        ("пишите не чаще раза в неделю", "", None, 1),
        ("не чаще двух раз в неделю и не после 20:00", "20:00/", (9, 20), 2),
        ("don't text me more than once a week", "", None, 1),
        ("no messages at night please", "", (9, 21), None),
        ("only write to me between 9 and 18", "09:00/18:00", (9, 18), None),
        ("хватит слать рекламу", "", None, None),
        ("ваш бот пишет мне каждое утро, выключите", "", None, None),
        ("ночью приходят пуши, выключите", "", None, None),
        ("не присылайте опросы после каждой покупки", "", None, None),
    ],
)
def test_what_is_wanted(said: str, time: str, hours: tuple[int, int] | None, per_week: int | None) -> None:
    found = times_in(said, {"time": time} if time else {})
    assert (found.hours, found.per_week) == (hours, per_week)
    assert bool(found) == (hours is not None or per_week is not None)
    assert not Times()


async def test_the_wish_stands_in_the_profile_and_no_consent_is_withdrawn(
    chats: Open, shop: Database
) -> None:
    maria = await chats("demo-1001")
    assert "с 10:00 до 20:00" in await maria.says("не пишите после восьми вечера", OPT_OUT, time="20:00/")
    assert "не чаще раза в неделю" in await maria.says("не чаще раза в неделю", OPT_OUT, message_id="twice")
    assert await maria.says("не чаще раза в неделю", OPT_OUT, message_id="twice")
    async with shop.read() as session:
        me = await session.scalar(select(Customer).where(Customer.external_ref == "demo-1001"))
        assert me is not None
        assert (me.preferred_from, me.preferred_until) == (10, 20)  # she did not want to be woken before
        often = "SELECT per_week FROM contact_frequency WHERE customer_id = :me"
        assert list(await session.scalars(text(often), {"me": me.id})) == [1]
        said = select(ConsentRecord).where(ConsentRecord.customer_id == me.id, ConsentRecord.source == "chat")
        assert list(await session.scalars(said)) == []


async def test_a_second_limit_leaves_the_first_as_it_is_and_a_press_lifts_both(
    chats: Open, shop: Database
) -> None:
    james = await chats("demo-1003", "en")
    await james.says("only write to me between 10 and 18", OPT_OUT, time="10:00/18:00")
    assert "between 10:00 and 18:00" in await james.says("no messages at night", OPT_OUT)
    await james.presses("Write as before")
    async with shop.read() as session:
        me = await session.scalar(select(Customer).where(Customer.external_ref == "demo-1003"))
        assert me is not None
        assert (me.preferred_from, me.preferred_until) == (None, None)


def test_every_hint_is_a_word() -> None:
    """An unquoted `on` or `off` is no word to a reader of YAML."""
    for answers in hints._lines.values():
        assert all(isinstance(answer, str) for answer in answers)
        assert all(isinstance(word, str) for lines in answers.values() for line in lines for word in line)
