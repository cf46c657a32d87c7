"""How often and when customers want to be written to: what they said is kept, whatever a rule wants."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from bot.proactive.tables import Verdict
from crm_bridge.models import ContactFrequency, Customer
from tests.proactive.conftest import Shop


async def test_not_more_than_once_a_week(shop: Shop) -> None:
    await shop.live("late_delivery", holdout="0", spread="PT0S", expires="P20D", horizon="P20D")
    maria = await shop.customer()
    await shop.add(ContactFrequency(customer_id=maria, per_week=1, changed_at=shop.now))
    await shop.order(maria, "1001")
    await shop.decide()
    await shop.sender().send_due()
    [first] = await shop.decisions()
    assert first.sent_at == shop.now
    shop.clock.advance(timedelta(days=2))
    await shop.order(maria, "1002", promised_at=shop.now - timedelta(hours=1))
    await shop.decide()
    second = (await shop.decisions())[-1]
    assert (second.verdict, second.why) == (Verdict.WAIT, "cap")
    assert second.until == first.sent_at + timedelta(days=7)
    assert second.inputs["per_week"] == 1


@pytest.mark.parametrize(
    ("begin", "until", "zone", "opens"),
    [
        (None, 20, "Asia/Vladivostok", 9),  # «не пишите после восьми»: until the company begins
        (10, 22, "America/New_York", 10),  # «не пишите по ночам, я сплю до десяти»
        (15, 18, "Europe/Moscow", 15),  # «пишите с трёх до шести»
    ],
)
async def test_only_in_the_hours_they_named(
    shop: Shop, begin: int | None, until: int, zone: str, opens: int
) -> None:
    await shop.live("late_delivery", holdout="0", quiet="{ from: 23, until: 1 }", expires="P20D")
    maria = await shop.customer(time_zone=zone)
    async with shop.db.write() as session:
        named = update(Customer).where(Customer.id == maria)
        await session.execute(named.values(preferred_from=begin, preferred_until=until))
    await shop.order(maria)
    shop.clock.advance(timedelta(hours=1))
    await shop.decide()
    [decision] = await shop.decisions()
    assert (decision.verdict, decision.why) == (Verdict.WAIT, "quiet_hours"), shop.now
    assert decision.until is not None
    assert decision.until.astimezone(ZoneInfo(zone)).hour == opens
