"""Goods come back once, in time, with a case and the money that was asked for."""

import asyncio

import pytest
from sqlalchemy import select

from core.db import Database
from crm_bridge.company import Company as Rules
from crm_bridge.models import (
    OrderState,
    Refund,
    RefundState,
    ReturnedItem,
    ReturnWish,
    Ticket,
    TicketKind,
)
from crm_bridge.operations.cases import CaseDraft, Cases
from crm_bridge.operations.returns import ReturnOperations
from crm_bridge.operations.running import Operations
from crm_bridge.refunds import Refunds
from crm_bridge.tickets import Tickets
from tests.crm_bridge.operations.goods import KETTLE, MUG, bought, delivered, order_of, refunds
from tests.crm_bridge.people import Company

REFUND, EXCHANGE = ReturnWish.REFUND, ReturnWish.EXCHANGE
DRAFT = CaseDraft(TicketKind.REQUEST, "Возврат", "Не подошёл", order_number="1001")


@pytest.fixture
def returns(operations: Operations, rules: Rules) -> ReturnOperations:
    return ReturnOperations(operations, Cases(operations, rules.cases), rules.returns)


async def tickets(db: Database) -> int:
    async with db.read() as session:
        return len(list(await session.scalars(select(Ticket))))


async def test_a_return_has_a_case_and_asks_for_the_money(
    shop: Company, returns: ReturnOperations, db: Database
) -> None:
    maria = await shop.customer()
    kettle, mugs = await delivered(shop, maria)
    done = await returns.open_return("k", maria, "1001", {kettle: 1, mugs: 1}, REFUND, DRAFT, faulty=False)
    assert (done["done"], done["refund"]) == (True, KETTLE + MUG)
    async with db.read() as session:
        [refund] = await session.scalars(select(Refund))
    assert (refund.state, refund.amount_minor) == (RefundState.REQUESTED, KETTLE + MUG)
    assert refund.promised_at is None  # until the goods are here
    order = await order_of(db, maria)
    assert await Tickets(db).returning(maria, order.id) == {kettle: 1, mugs: 1}
    [case] = await Tickets(db).unsolved(maria, "1001")
    assert case.number == done["number"]
    [seen] = await Refunds(db).of_customer(maria)
    assert seen.order_number == "1001"


async def test_an_exchange_asks_for_no_money(shop: Company, returns: ReturnOperations, db: Database) -> None:
    maria = await shop.customer()
    kettle, _ = await delivered(shop, maria)
    done = await returns.open_return("k", maria, "1001", {kettle: 1}, EXCHANGE, DRAFT, faulty=False)
    assert (done["done"], done["refund"], await refunds(db)) == (True, 0, [])


async def test_the_same_piece_does_not_come_back_twice(
    shop: Company, returns: ReturnOperations, db: Database
) -> None:
    maria = await shop.customer()
    _, mugs = await delivered(shop, maria)
    same = [returns.open_return("k", maria, "1001", {mugs: 1}, REFUND, DRAFT, faulty=False) for _ in range(3)]
    assert len({done["number"] for done in await asyncio.gather(*same)}) == 1
    others = [
        returns.open_return(f"k{n}", maria, "1001", {mugs: 1}, REFUND, DRAFT, faulty=False) for n in range(3)
    ]
    assert sorted(done["done"] for done in await asyncio.gather(*others)) == [False, False, True]
    assert (await tickets(db), await refunds(db)) == (2, [MUG, MUG])


@pytest.mark.parametrize(
    ("days", "faulty", "done"), [(13, False, True), (15, False, False), (15, True, True), (31, True, False)]
)
async def test_there_is_a_time_for_it(
    shop: Company, returns: ReturnOperations, db: Database, days: int, faulty: bool, done: bool
) -> None:
    maria = await shop.customer()
    kettle, _ = await delivered(shop, maria, days)
    opened = await returns.open_return("k", maria, "1001", {kettle: 1}, REFUND, DRAFT, faulty=faulty)
    assert opened["done"] is done
    assert await tickets(db) == int(done)


async def test_what_is_not_there_is_not_returned(
    shop: Company, returns: ReturnOperations, db: Database
) -> None:
    maria, peter = await shop.customer(), await shop.customer("Пётр")
    kettle, mugs = await delivered(shop, maria)
    [others, _] = await bought(shop, peter, "1002", state=OrderState.DELIVERED)
    for n, pieces in enumerate(({mugs: 3}, {others: 1}, {}, {kettle: 1, 10**6: 1})):
        done = await returns.open_return(f"k{n}", maria, "1001", pieces, REFUND, DRAFT, faulty=False)
        assert done == {"done": False}
    async with db.read() as session:
        assert list(await session.scalars(select(ReturnedItem))) == []
