"""An order goes elsewhere until the carrier has it; a late one is made up for once, and watched."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from core.db import Database
from crm_bridge.company import Company as Rules
from crm_bridge.models import (
    DeliveryMethod,
    LoyaltyAccount,
    LoyaltyEntry,
    LoyaltyReason,
    Order,
    OrderState,
    Watch,
)
from crm_bridge.money import Money
from crm_bridge.operations.delivery import DeliveryOperations
from crm_bridge.operations.running import Operations
from tests.crm_bridge.operations.goods import bought, order_of, total_of, waiting
from tests.crm_bridge.people import Company

DAY = timedelta(days=1)
FREE = Money(0, "RUB")
COURIER, PICKUP = DeliveryMethod.COURIER, DeliveryMethod.PICKUP


@pytest.fixture
def delivery(operations: Operations, rules: Rules) -> DeliveryOperations:
    return DeliveryOperations(operations, rules.delivery, rules.orders.refund_days)


async def points(db: Database) -> list[tuple[int, LoyaltyReason]]:
    async with db.read() as session:
        return [(one.points, one.reason) for one in await session.scalars(select(LoyaltyEntry))]


async def test_an_order_goes_to_another_address(
    shop: Company, delivery: DeliveryOperations, db: Database
) -> None:
    maria = await shop.customer()
    await bought(shop, maria)
    done = await delivery.change_address("k", maria, "1001", PICKUP, "ул. Баумана, 44", FREE)
    order = await order_of(db, maria)
    assert done == {"done": True, "due": 0}
    assert (order.delivery_method, order.delivery_place) == (PICKUP, "ул. Баумана, 44")


async def test_the_fee_is_added_once_and_never_more_than_agreed(
    shop: Company, delivery: DeliveryOperations, db: Database
) -> None:
    maria = await shop.customer()
    await bought(shop, maria, state=OrderState.PACKING)
    before = await total_of(db)
    assert await delivery.change_address("a", maria, "1001", COURIER, "ул. Мира, 5", FREE) == {"done": False}
    fee = Money(15000, "RUB")
    for _ in range(2):
        done = await delivery.change_address("b", maria, "1001", COURIER, "ул. Мира, 5", fee)
        assert done == {"done": True, "due": 15000}
    assert (await total_of(db), await waiting(db)) == (before + 15000, [15000])


async def test_too_late_meanwhile(shop: Company, delivery: DeliveryOperations, db: Database) -> None:
    maria = await shop.customer()
    await bought(shop, maria, state=OrderState.SHIPPED)
    assert delivery.address_fee(await order_of(db, maria)) is None
    assert await delivery.change_address("k", maria, "1001", COURIER, "ул. Мира, 5", FREE) == {"done": False}
    assert (await order_of(db, maria)).delivery_place is None


async def test_a_late_order_is_made_up_for_once(
    shop: Company, delivery: DeliveryOperations, db: Database
) -> None:
    maria = await shop.customer()
    await bought(shop, maria, state=OrderState.SHIPPED, promised_at=shop.now - 2 * DAY)
    order = await order_of(db, maria)
    given = await asyncio.gather(*(delivery.compensate(f"k{n}", maria, order) for n in range(4)))
    assert sorted(one["given"] for one in given) == [False, False, False, True]
    assert {one["points"] for one in given} == {300}
    assert await points(db) == [(300, LoyaltyReason.GIFT)]
    async with db.read() as session:
        assert len(list(await session.scalars(select(LoyaltyAccount)))) == 1


async def test_the_points_go_to_the_card_that_is_there(
    shop: Company, delivery: DeliveryOperations, db: Database
) -> None:
    maria = await shop.customer()
    async with db.write() as session:
        card = LoyaltyAccount(customer_id=maria, number="L-1", opened_at=shop.now)
        session.add(card)
    await bought(shop, maria, state=OrderState.SHIPPED, promised_at=shop.now - 2 * DAY)
    await delivery.compensate("k", maria, await order_of(db, maria))
    async with db.read() as session:
        [entry] = await session.scalars(select(LoyaltyEntry))
    assert (entry.account_id, entry.expires_at) == (card.id, shop.now + 180 * DAY)


@pytest.mark.parametrize(
    ("state", "promised", "delivered"),
    [
        (OrderState.SHIPPED, 0.5, None),  # late, but less than the rule says
        (OrderState.SHIPPED, -2, None),  # on time
        (OrderState.CANCELLED, 5, None),
        (OrderState.DELIVERED, 50, 40),  # long ago
    ],
)
async def test_nothing_is_due(
    shop: Company,
    delivery: DeliveryOperations,
    db: Database,
    state: OrderState,
    promised: float,
    delivered: int | None,
) -> None:
    maria = await shop.customer()
    came = None if delivered is None else shop.now - delivered * DAY
    await bought(shop, maria, state=state, promised_at=shop.now - promised * DAY, delivered_at=came)
    order = await order_of(db, maria)
    assert await delivery.compensate("k", maria, order) == {"points": 0, "given": False}
    assert await points(db) == []


async def test_a_promise_to_watch_is_stored_once_and_prolonged(
    shop: Company, delivery: DeliveryOperations, db: Database
) -> None:
    maria = await shop.customer()
    chat = await shop.chat(maria)
    await bought(shop, maria, state=OrderState.SHIPPED, expected_at=shop.now + DAY)
    order = await order_of(db, maria)
    await asyncio.gather(*(delivery.watch(f"k{n}", maria, order, chat) for n in range(3)))
    async with db.write() as session:
        await session.execute(update(Order).values(expected_at=shop.now + 4 * DAY))
    await delivery.watch("later", maria, order, chat)
    async with db.read() as session:
        [watch] = await session.scalars(select(Watch))
    assert (watch.customer_id, watch.order_id, watch.conversation_id) == (maria, order.id, chat)
    assert watch.until == shop.now + 18 * DAY


def test_cities_are_found_by_any_of_their_names(rules: Rules) -> None:
    found = {name: rules.delivery.destination(name) for name in ("Москва", "moscow", "питер", "New york")}
    assert {name: to.city.name.en for name, to in found.items() if to} == {
        "Москва": "Moscow",
        "moscow": "Moscow",
        "питер": "Saint Petersburg",
        "New york": "New York",
    }
    assert rules.delivery.destination("Париж") is None
    tver = rules.delivery.destination_in("а в тверь довезёте?")
    assert tver is not None
    assert PICKUP not in tver.ways  # no pick-up point there
