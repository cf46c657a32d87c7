"""Changes of subscriptions: once for a key, decided under a lock, never somebody else's."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy.exc import NoResultFound

from core.clock import ManualClock
from core.db import Database
from crm_bridge.company import Company as Rules
from crm_bridge.models import Period, Subscription, SubscriptionState
from crm_bridge.money import Money
from crm_bridge.operations.running import Operations
from crm_bridge.operations.subscriptions import SubscriptionOperations
from crm_bridge.subscriptions import LENGTHS, Subscriptions, quote
from tests.conftest import NOON
from tests.crm_bridge.people import Company

DAY = timedelta(days=1)


@pytest.fixture
def changes(operations: Operations) -> SubscriptionOperations:
    return SubscriptionOperations(operations)


async def subscribed(shop: Company, db: Database) -> tuple[int, int]:
    """Customer and subscription: coffee, half of the month paid."""
    maria = await shop.customer()
    async with db.write() as session:
        row = Subscription(
            customer_id=maria,
            title="Кофе в зёрнах, 500 г каждый месяц",
            state=SubscriptionState.ACTIVE,
            price_minor=59000,
            currency="RUB",
            period=Period.MONTH,
            renews=True,
            started_at=NOON - 45 * DAY,
            paid_until=NOON + 15 * DAY,
        )
        session.add(row)
    return maria, row.id


async def read(db: Database, id_: int) -> Subscription:
    async with db.read() as session:
        return await session.get_one(Subscription, id_)


async def test_cancelling_leaves_the_paid_time(
    shop: Company, db: Database, changes: SubscriptionOperations
) -> None:
    maria, id_ = await subscribed(shop, db)
    done = await changes.cancel("a", maria, id_)
    assert done == {"done": True, "paid_until": (NOON + 15 * DAY).isoformat()}
    assert await changes.cancel("a", maria, id_) == done
    assert not (await changes.cancel("b", maria, id_))["done"]
    row = await read(db, id_)
    assert (row.state, row.renews, row.cancelled_at) == (SubscriptionState.CANCELLED, False, NOON)


async def test_two_at_once_cancel_it_once(
    shop: Company, db: Database, changes: SubscriptionOperations
) -> None:
    maria, id_ = await subscribed(shop, db)
    done = await asyncio.gather(*(changes.cancel(key, maria, id_) for key in "abcd"))
    assert sorted(one["done"] for one in done) == [False, False, False, True]


async def test_the_paid_time_stands_still_in_a_pause(
    shop: Company, db: Database, changes: SubscriptionOperations, clock: ManualClock
) -> None:
    maria, id_ = await subscribed(shop, db)
    assert (await changes.pause("a", maria, id_))["done"]
    assert not (await changes.pause("b", maria, id_))["done"]
    clock.advance(40 * DAY)
    resumed = await changes.resume("c", maria, id_)
    assert datetime.fromisoformat(resumed["paid_until"]) == NOON + 55 * DAY
    assert await changes.resume("c", maria, id_) == resumed
    assert (await read(db, id_)).paid_until == NOON + 55 * DAY


async def test_what_is_over_does_not_renew(
    shop: Company, db: Database, changes: SubscriptionOperations, clock: ManualClock
) -> None:
    maria, id_ = await subscribed(shop, db)
    await changes.cancel("a", maria, id_)
    assert (await changes.renew("b", maria, id_))["done"]
    assert (await read(db, id_)).state is SubscriptionState.ACTIVE
    await changes.cancel("c", maria, id_)
    clock.advance(16 * DAY)
    assert not (await changes.renew("d", maria, id_))["done"]


async def test_a_quote_holds_only_for_what_was_quoted(
    shop: Company, db: Database, changes: SubscriptionOperations, rules: Rules
) -> None:
    maria, id_ = await subscribed(shop, db)
    [seen] = await Subscriptions(db).of_customer(maria)
    plan = rules.plans.plan("coffee_1000")
    assert plan is not None
    price = plan.price("RUB")
    assert price is not None
    agreed = quote(seen.price, seen.period, seen.paid_until, price, plan.period, NOON)
    async with db.write() as session:
        (await session.get_one(Subscription, id_)).price_minor = 61000
    assert not (await changes.change_plan("a", maria, seen, plan, "ru", agreed))["done"]
    async with db.write() as session:
        (await session.get_one(Subscription, id_)).price_minor = 59000
    assert (await changes.change_plan("b", maria, seen, plan, "ru", agreed))["done"]
    row = await read(db, id_)
    assert (row.title, row.price_minor, row.paid_until) == (plan.title.ru, 109000, agreed.paid_until)
    assert not (await changes.change_plan("c", maria, seen, plan, "ru", agreed))["done"]


async def test_nobody_changes_the_subscription_of_somebody_else(
    shop: Company, db: Database, changes: SubscriptionOperations
) -> None:
    _, id_ = await subscribed(shop, db)
    stranger = await shop.customer("Пётр", "Волков")
    with pytest.raises(NoResultFound):
        await changes.cancel("a", stranger, id_)
    assert (await read(db, id_)).renews


def test_a_quote_gives_the_money_back_as_time() -> None:
    half = quote(Money(60000, "RUB"), Period.MONTH, NOON + 15 * DAY, Money(120000, "RUB"), Period.MONTH, NOON)
    assert (half.credit, half.paid_until) == (Money(30000, "RUB"), NOON + 7.5 * DAY)
    yearly = quote(
        Money(60000, "RUB"), Period.MONTH, NOON + 30 * DAY, Money(365000, "RUB"), Period.YEAR, NOON
    )
    assert yearly.paid_until == NOON + 60 * DAY  # ten roubles a day
    nothing = quote(Money(60000, "RUB"), Period.MONTH, NOON - DAY, Money(1, "RUB"), Period.YEAR, NOON)
    assert (nothing.credit.minor, nothing.paid_until) == (0, NOON)
    assert set(LENGTHS) == set(Period)
