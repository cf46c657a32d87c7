"""What an agent does for the customer: by the bot's own operations, for whoever has shown who they are."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from crm_bridge.models import (
    Appointment,
    ContactKind,
    ContactPoint,
    Customer,
    DeliveryMethod,
    Identity,
    Notice,
    Order,
    OrderState,
    Slot,
    Ticket,
)
from tests.desk.conftest import Browser, Console


@pytest.fixture
async def maria(console: Console) -> str:
    """A customer with an open order, who waits."""
    chat = await console.waiting("Мария")
    now = console.clock.now()
    async with console.db.write() as session:
        session.add(Order(
            customer_id=1, number="1001", state=OrderState.NEW, placed_at=now, currency="RUB",
            total_minor=500_00, delivery_method=DeliveryMethod.PICKUP, delivery_city="Москва",
        ))  # fmt: skip
        session.add(Slot(
            service="ремонт", place="Москва", capacity=1,
            starts_at=now + timedelta(days=1), ends_at=now + timedelta(days=1, hours=1),
        ))  # fmt: skip
    return chat


async def test_an_order_is_cancelled_once_for_the_fee_that_was_shown(
    console: Console, agent: Browser, maria: str
) -> None:
    anna = await agent("anna")
    _, page = await anna.get(f"/desk/c/{maria}")
    assert "1001" in page
    form = {"number": "1001", "fee": "0", "key": "k"}
    for _ in range(2):
        _, said = await anna.post(f"/desk/c/{maria}/do/cancel_order", **form)
        assert "1001 отменён" in said
    async with console.db.read() as session:
        assert await session.scalar(select(Order.state)) is OrderState.CANCELLED
    _, said = await anna.post(f"/desk/c/{maria}/do/cancel_order", **(form | {"key": "other"}))
    assert "нельзя отменить" in said
    assert "order cancelled" in await console.audited()
    assert (await anna.post(f"/desk/c/{maria}/do/cancel_order", **(form | {"number": "9"})))[0] == 404


async def test_a_case_is_opened_once(console: Console, agent: Browser, maria: str) -> None:
    anna = await agent("anna")
    form = {"subject": "Скрипит дверца", "text": "третий раз", "kind": "complaint", "priority": "high"}
    for _ in range(2):
        _, said = await anna.post(f"/desk/c/{maria}/do/open_case", key="k", **form)
        assert "T-00001" in said
    async with console.db.read() as session:
        [ticket] = await session.scalars(select(Ticket))
    assert (ticket.customer_id, ticket.conversation_id) == (1, maria)
    assert (await anna.post(f"/desk/c/{maria}/do/open_case", key="n", **(form | {"kind": "?"})))[0] == 400
    _, said = await anna.post(f"/desk/c/{maria}/do/open_case", key="m", **(form | {"subject": ""}))
    assert "Напишите тему" in said


async def test_a_visit_is_booked_while_there_is_room(console: Console, agent: Browser, maria: str) -> None:
    anna = await agent("anna")
    _, page = await anna.get(f"/desk/c/{maria}/do/slots?service=repair")
    assert 'value="1"' in page
    _, said = await anna.post(f"/desk/c/{maria}/do/book_visit", slot="1", key="a")
    assert "записан" in said
    _, said = await anna.post(f"/desk/c/{maria}/do/book_visit", slot="1", key="b")
    assert "уже заняли" in said
    async with console.db.read() as session:
        assert len(list(await session.scalars(select(Appointment)))) == 1


async def test_for_a_guest_nothing_is_done_before_they_show_who_they_are(
    console: Console, agent: Browser, maria: str
) -> None:
    guest = await console.waiting()
    async with console.db.write() as session:
        session.add(ContactPoint(
            customer_id=1, kind=ContactKind.EMAIL, value="maria@example.com", created_at=console.clock.now()
        ))  # fmt: skip
    anna = await agent("anna")
    form = {"number": "1001", "fee": "0", "key": "k"}
    assert (await anna.post(f"/desk/c/{guest}/do/cancel_order", **form))[0] == 409
    _, page = await anna.get(f"/desk/c/{guest}")
    assert "1001" not in page
    _, said = await anna.post(f"/desk/c/{guest}/do/send_code", contact="nonsense", key="0")
    assert "Не похоже" in said
    _, known = await anna.post(f"/desk/c/{guest}/do/send_code", contact="maria@example.com", key="1")
    _, unknown = await anna.post(f"/desk/c/{guest}/do/send_code", contact="nobody@example.com", key="2")
    assert known == unknown, "nobody learns which contacts are on a profile"
    await anna.post(f"/desk/c/{guest}/do/send_code", contact="maria@example.com", key="3")
    async with console.db.read() as session:
        [*_, notice] = await session.scalars(select(Notice).order_by(Notice.id))
    code = next(word for word in notice.text.replace(".", " ").split() if word.isdigit() and len(word) == 6)
    wrong = "000000" if code != "000000" else "111111"
    _, said = await anna.post(f"/desk/c/{guest}/do/check_code", code=wrong, key="4")
    assert "не подошёл" in said
    assert (await anna.post(f"/desk/c/{guest}/do/check_code", code=code, key="5"))[0] == 204
    async with console.db.read() as session:
        linked = await session.scalars(select(Identity.customer_id).order_by(Identity.id))
        assert list(linked) == [1, 1]
    assert "Мария" in (await anna.get(f"/desk/c/{guest}/customer"))[1]


async def test_nobody_acts_on_another_customers_order(console: Console, agent: Browser, maria: str) -> None:
    other = await console.waiting("Ольга")
    anna = await agent("anna")
    form = {"number": "1001", "fee": "0", "key": "k"}
    assert (await anna.post(f"/desk/c/{other}/do/cancel_order", **form))[0] == 404
    async with console.db.read() as session:
        assert await session.scalar(select(Order.state)) is OrderState.NEW
        assert await session.scalar(select(Customer.given_name).where(Customer.id == 2)) == "Ольга"


async def test_history_across_channels_is_read_page_by_page_and_written_down(
    console: Console, agent: Browser, maria: str
) -> None:
    anna = await agent("anna")
    _, page = await anna.get(f"/desk/c/{maria}/history")
    assert "позовите человека" in page
    assert "1001" in page
    assert "timeline read" in await console.audited()
    assert (await anna.get(f"/desk/c/{maria}/history?after=nonsense"))[0] == 200
