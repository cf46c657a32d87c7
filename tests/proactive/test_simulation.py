"""A rule is tried on the past before it is switched on; nothing is sent, and nobody sees the future."""

from datetime import timedelta

from sqlalchemy import func, select

from bot.gateway.tables import Outbox
from bot.proactive.rules import Rule, read_limits
from bot.proactive.simulate import Simulated, compare, simulate
from bot.proactive.tables import DecisionRow, SignalRow
from crm_bridge.models import OrderState
from tests.proactive.conftest import Shop
from tests.proactive.rules import rule

DAY = timedelta(days=1)


async def replayed(shop: Shop, *rules: Rule, days: int = 10) -> Simulated:
    return await simulate(
        shop.db, rules, read_limits(), lambda *_: True, ["webchat"], shop.models,
        shop.now - days * DAY, shop.now, step=timedelta(hours=6),
    )  # fmt: skip


async def test_the_past_is_seen_as_it_was(shop: Shop) -> None:
    maria = await shop.customer()
    await shop.order(
        maria, "1", placed_at=shop.now - 12 * DAY, promised_at=shop.now - 8 * DAY, state=OrderState.DELIVERED,
        delivered_at=shop.now - 5 * DAY,
    )  # fmt: skip
    peter = await shop.customer("Пётр")
    await shop.order(
        peter, "2", placed_at=shop.now - 12 * DAY, promised_at=shop.now - 8 * DAY, state=OrderState.DELIVERED,
        delivered_at=shop.now - 9 * DAY,
    )  # fmt: skip
    result = await replayed(shop, rule(threshold=0.9, horizon=timedelta(0), expires=3 * DAY))
    [told] = result.told
    assert (told.customer_id, told.subject, told.reason) == (maria, "order:1", "overdue")
    assert told.at[:10] == f"{shop.now - 8 * DAY:%Y-%m-%d}"
    assert sum(result.per_hour.values()) == result.messages == 1
    async with shop.db.read() as session:
        for table in (SignalRow, DecisionRow, Outbox):
            assert await session.scalar(select(func.count()).select_from(table)) == 0


async def test_two_sets_of_rules_are_compared(shop: Shop) -> None:
    for number in range(4):
        customer_id = await shop.customer()
        await shop.order(customer_id, str(number), promised_at=shop.now - 2 * DAY)
    everybody = await replayed(shop, rule(), days=3)
    nobody = await replayed(shop, rule(audience={"cities": ["Самара"]}), days=3)
    assert compare(everybody, nobody) == [("late", 4, 0)]
    assert nobody.by_rule["late"] == {"audience": 4}
