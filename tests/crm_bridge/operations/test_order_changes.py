"""What is in an order changes only while it may, once, and the money follows."""

import asyncio

import pytest
from sqlalchemy import update

from core.db import Database
from crm_bridge.company import Company as Rules
from crm_bridge.models import Order, OrderState
from crm_bridge.money import Money
from crm_bridge.operations.order_changes import LineChange, OrderChanges
from crm_bridge.operations.orders import OrderOperations
from crm_bridge.operations.running import Operations
from tests.crm_bridge.operations.goods import (
    KETTLE,
    MUG,
    bought,
    order_of,
    refunds,
    total_of,
    waiting,
)
from tests.crm_bridge.people import Company

TOTAL = KETTLE + 2 * MUG


@pytest.fixture
def changes(operations: Operations, rules: Rules) -> OrderChanges:
    return OrderChanges(operations, rules.orders)


def mugs(line: int, count: int) -> LineChange:
    return LineChange(line, "Кружка", MUG, count)


async def test_fewer_of_it_and_the_difference_comes_back(
    shop: Company, changes: OrderChanges, db: Database
) -> None:
    maria = await shop.customer()
    _, line = await bought(shop, maria)
    done = await changes.change("k", maria, "1001", [mugs(line, 1)], TOTAL, TOTAL - MUG)
    assert done == {"done": True, "refund": MUG, "due": 0}
    assert await refunds(db) == [MUG]
    assert [item.quantity for item in (await order_of(db, maria)).items] == [1, 1]
    assert await total_of(db) == TOTAL - MUG


async def test_more_of_it_waits_for_the_rest_of_the_money(
    shop: Company, changes: OrderChanges, db: Database
) -> None:
    maria = await shop.customer()
    _, line = await bought(shop, maria)
    assert (await changes.change("a", maria, "1001", [mugs(line, 4)], TOTAL, TOTAL + 2 * MUG))[
        "due"
    ] == 2 * MUG
    new = LineChange(None, "Плед", 329000, 1)
    before, after = TOTAL + 2 * MUG, TOTAL + 2 * MUG + 329000
    assert (await changes.change("b", maria, "1001", [new], before, after))["due"] == 2 * MUG + 329000
    assert await waiting(db) == [2 * MUG + 329000]
    assert [item.title for item in (await order_of(db, maria)).items] == ["Чайник", "Кружка", "Плед"]


async def test_there_and_back_again_leaves_the_money_as_it_was(
    shop: Company, changes: OrderChanges, db: Database
) -> None:
    maria = await shop.customer()
    _, line = await bought(shop, maria)
    await changes.change("a", maria, "1001", [mugs(line, 1)], TOTAL, TOTAL - MUG)
    back = await changes.change("b", maria, "1001", [mugs(line, 2)], TOTAL - MUG, TOTAL)
    assert back == {"done": True, "refund": 0, "due": MUG}
    assert (await refunds(db), await waiting(db)) == ([MUG], [MUG])
    await changes.change("c", maria, "1001", [mugs(line, 1)], TOTAL, TOTAL - MUG)
    assert (await refunds(db), await waiting(db)) == ([MUG], [])


async def test_cancelling_after_a_change_gives_back_what_is_left(
    shop: Company, changes: OrderChanges, operations: Operations, rules: Rules, db: Database
) -> None:
    maria = await shop.customer()
    _, line = await bought(shop, maria)
    await changes.change("a", maria, "1001", [mugs(line, 0)], TOTAL, KETTLE)
    cancelled = await OrderOperations(operations, rules.orders).cancel("b", maria, "1001", Money(0, "RUB"))
    assert cancelled == {"done": True, "refund": KETTLE}
    assert sum(await refunds(db)) == TOTAL


async def test_an_unpaid_order_is_paid_at_its_new_total(
    shop: Company, changes: OrderChanges, db: Database
) -> None:
    maria = await shop.customer()
    _, line = await bought(shop, maria, paid=False, state=OrderState.NEW)
    await changes.change("k", maria, "1001", [mugs(line, 3)], TOTAL, TOTAL + MUG)
    assert (await refunds(db), await waiting(db)) == ([], [TOTAL + MUG])


async def test_the_same_key_changes_it_once_and_two_at_once_do_not_both(
    shop: Company, changes: OrderChanges, db: Database
) -> None:
    maria = await shop.customer()
    _, line = await bought(shop, maria)
    same = [changes.change("k", maria, "1001", [mugs(line, 1)], TOTAL, TOTAL - MUG) for _ in range(3)]
    assert all(done["done"] for done in await asyncio.gather(*same))
    assert await refunds(db) == [MUG]
    now = TOTAL - MUG
    others = [changes.change(key, maria, "1001", [mugs(line, 2)], now, TOTAL) for key in ("x", "y")]
    assert sorted(done["done"] for done in await asyncio.gather(*others)) == [False, True]
    assert await waiting(db) == [MUG]


@pytest.mark.parametrize("state", sorted(set(OrderState) - {OrderState.NEW, OrderState.PAID}))
async def test_too_late_meanwhile(
    shop: Company, changes: OrderChanges, db: Database, state: OrderState
) -> None:
    maria = await shop.customer()
    _, line = await bought(shop, maria)
    async with db.write() as session:
        await session.execute(update(Order).values(state=state))
    assert await changes.change("k", maria, "1001", [mugs(line, 1)], TOTAL, TOTAL - MUG) == {"done": False}
    assert (await total_of(db), await refunds(db)) == (TOTAL, [])


async def test_what_does_not_add_up_is_refused(shop: Company, changes: OrderChanges, db: Database) -> None:
    maria = await shop.customer()
    kettle, line = await bought(shop, maria)
    nothing_left = [LineChange(kettle, "Чайник", KETTLE, 0), mugs(line, 0)]
    for lines, agreed in (([mugs(line, 1)], 1), ([mugs(10**6, 1)], TOTAL), (nothing_left, 0)):
        assert await changes.change(f"{agreed}", maria, "1001", lines, TOTAL, agreed) == {"done": False}
    assert await total_of(db) == TOTAL
