"""An agent looks at what happened between a customer and the company."""

import time
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from core.clock import ManualClock
from core.db import Database
from crm_bridge.models import (
    Author,
    Direction,
    Interaction,
    InteractionKind,
    LoyaltyAccount,
    LoyaltyEntry,
    LoyaltyReason,
    Message,
    MessageState,
    Order,
    Payment,
    PaymentMethod,
    PaymentState,
)
from crm_bridge.money import Money
from crm_bridge.timeline import Event, EventKind, Position, Timelines
from tests.crm_bridge.lives import live
from tests.crm_bridge.people import Company

MINUTE = timedelta(minutes=1)


@pytest.fixture
def company(db: Database, clock: ManualClock) -> Company:
    return Company(db, clock)


@pytest.fixture
def timelines(db: Database) -> Timelines:
    return Timelines(db)


async def all_pages(timelines: Timelines, customer: int, limit: int) -> list[Event]:
    page = await timelines.page(customer, limit=limit)
    events = [*page.events]
    while page.next is not None:
        assert len(page.events) == limit
        page = await timelines.page(customer, after=Position.read(str(page.next)), limit=limit)
        events += page.events
    return events


async def test_everything_is_on_one_timeline_and_nothing_of_anybody_else(
    company: Company, timelines: Timelines
) -> None:
    customer, other = await company.customer(), await company.customer()
    await live(company, customer, "mine")
    await live(company, other, "theirs")
    page = await timelines.page(customer)
    assert page.next is None
    assert {event.kind for event in page.events} == set(EventKind)
    times = [event.at for event in page.events]
    assert times == sorted(times, reverse=True)
    assert not any("theirs" in f"{event.title}{event.detail}" for event in page.events)
    by_kind = {event.kind: event for event in page.events}
    order, message = by_kind[EventKind.ORDER], by_kind[EventKind.MESSAGE]
    assert (order.title, order.state, order.amount) == ("mine-1", "shipped", Money(149900, "RUB"))
    assert (message.id, message.title, message.state, message.detail) == (
        "m-mine",
        "where is it mine",
        "customer",
        "web",
    )
    assert by_kind[EventKind.REVIEW].number == 2
    assert by_kind[EventKind.LOYALTY].number == 300


async def test_only_what_one_asked_for(company: Company, timelines: Timelines) -> None:
    customer = await company.customer()
    await live(company, customer)
    for kind in EventKind:
        page = await timelines.page(customer, kinds=[kind])
        assert [event.kind for event in page.events] == [kind]
    both = await timelines.page(customer, kinds={EventKind.ORDER, EventKind.TICKET}, limit=1)
    assert [event.kind for event in both.events] == [EventKind.TICKET]
    assert both.next is not None
    rest = await timelines.page(customer, kinds={EventKind.ORDER, EventKind.TICKET}, after=both.next)
    assert [event.kind for event in rest.events] == [EventKind.ORDER]
    assert (await timelines.page(customer, kinds=[])).events == ()


async def test_somebody_new_has_an_empty_one(company: Company, timelines: Timelines) -> None:
    page = await timelines.page(await company.customer())
    assert (page.events, page.next) == ((), None)


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(["call", "message", "points"]), st.integers(0, 3)), max_size=25),
    st.integers(1, 7),
)
async def test_page_by_page_nothing_is_lost_or_shown_twice_even_at_the_same_moment(
    company: Company, timelines: Timelines, happened: list[tuple[str, int]], limit: int
) -> None:
    customer = await company.customer()
    await happen(company, customer, [(what, minutes * MINUTE) for what, minutes in happened])
    events = await all_pages(timelines, customer, limit)
    assert len({(event.kind, event.id) for event in events}) == len(events) == len(happened)
    assert tuple(events) == (await timelines.page(customer, limit=100)).events


async def happen(company: Company, customer: int, happened: list[tuple[str, timedelta]]) -> None:
    chat = await company.chat(customer)
    async with company.db.write() as session:
        number = f"L-{chat}-{customer}"
        account = LoyaltyAccount(customer_id=customer, number=number, opened_at=company.now)
        session.add(account)
        await session.flush()
        for index, (what, ago) in enumerate(happened):
            at = company.now - ago
            match what:
                case "call":
                    session.add(call(customer, at=at))
                case "message":
                    session.add(said(f"{chat}-{customer}-{index}", chat, at=at))
                case _:
                    session.add(
                        LoyaltyEntry(
                            customer_id=customer,
                            account_id=account.id,
                            points=1,
                            reason=LoyaltyReason.GIFT,
                            at=at,
                        )
                    )


def call(customer: int, **given: object) -> Interaction:
    return Interaction(
        customer_id=customer,
        kind=InteractionKind.CALL,
        direction=Direction.IN,
        subject="",
        source="telephony",
        **given,
    )


def said(id_: str, chat: str, **given: object) -> Message:
    at = given.pop("at")
    return Message(
        id=id_,
        conversation_id=chat,
        author=Author.CUSTOMER,
        text="?",
        state=MessageState.RECEIVED,
        created_at=at,
        **given,
    )


@pytest.mark.parametrize(
    "text", ["", "now", "2026-01-01~order~1", "2026-01-01T00:00:00+00:00~order~x", "a~b"]
)
def test_a_position_that_we_did_not_give_out_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Position.read(text)


async def test_a_customer_with_ten_thousand_events_is_read_quickly(
    company: Company, timelines: Timelines
) -> None:
    customer = await company.customer()
    await busy(company, customer)
    await timelines.page(customer)
    page, took = await timelines.page(customer), []
    for _ in range(10):
        assert page.next is not None
        started = time.perf_counter()
        page = await timelines.page(customer, after=page.next)
        took.append(time.perf_counter() - started)
    assert sorted(took)[5] < 0.1


async def busy(company: Company, customer: int) -> None:
    chat = await company.chat(customer)
    order_id = await company.order(customer, "B")
    base = {"customer_id": customer, "state": "delivered", "total_minor": 1, "currency": "RUB"}
    base |= {"delivery_method": "courier", "delivery_city": "Казань"}
    async with company.db.write() as session:
        orders = [base | {"number": f"B{n}", "placed_at": company.now - n * MINUTE} for n in range(1000)]
        await session.execute(insert(Order), orders)
        paid = {"order_id": order_id, "amount_minor": 1, "currency": "RUB"}
        paid |= {"method": PaymentMethod.SBP, "state": PaymentState.PAID}
        await session.execute(
            insert(Payment), [paid | {"created_at": company.now - n * MINUTE} for n in range(2000)]
        )
        await session.execute(
            insert(Message),
            [
                {
                    "id": f"b{n}",
                    "conversation_id": chat,
                    "author": Author.CUSTOMER,
                    "text": "?",
                    "buttons": [],
                    "state": MessageState.RECEIVED,
                    "created_at": company.now - n * MINUTE,
                }
                for n in range(7000)
            ],
        )
