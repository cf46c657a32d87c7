"""A customer asks about their orders."""

from datetime import timedelta

import pytest

from core.clock import ManualClock
from core.db import Database
from crm_bridge.models import (
    Checkpoint,
    CheckpointKind,
    OrderItem,
    OrderState,
    Payment,
    PaymentMethod,
    PaymentState,
    Shipment,
)
from crm_bridge.money import Money
from crm_bridge.orders import Orders, order_number
from tests.crm_bridge.people import Company

DAY = timedelta(days=1)


@pytest.fixture
def company(db: Database, clock: ManualClock) -> Company:
    return Company(db, clock)


@pytest.mark.parametrize(
    "written",
    ["zb1001", "№ ZB-1001", "#zb 10 01", "ZB–1001", " zb\u00a01001 ", "Zb−1001", "ＺＢ1001", "zb\u200b1001"],
)
async def test_an_order_is_found_however_its_number_is_written(company: Company, written: str) -> None:
    maria = await company.customer()
    await company.order(maria, "ZB1001")
    found = await Orders(company.db).find(maria, written)
    assert found is not None
    assert found.number == "ZB1001"


@pytest.mark.parametrize(
    "written", ["1002", "№1002", "#1002", "10 02", " 1002 ", "1002' OR '1'='1", "1002%", "100_", "%", "", "*"]
)
async def test_somebody_elses_order_is_never_found(company: Company, written: str) -> None:
    maria, pyotr = await company.customer(), await company.customer("Пётр", "Волков")
    await company.order(pyotr, "1002")
    orders = Orders(company.db)
    assert await orders.find(maria, written) is None
    assert await orders.of_customer(maria) == []


async def test_an_order_is_told_with_everything_that_belongs_to_it(company: Company) -> None:
    maria = await company.customer()
    order_id = await company.order(maria, "1001", delivery_place="ул. Баумана, 1")
    async with company.db.write() as session:
        session.add_all(
            [
                OrderItem(order_id=order_id, title="Чайник", quantity=2, price_minor=74950),
                Payment(
                    order_id=order_id,
                    method=PaymentMethod.CARD,
                    last_four="4242",
                    state=PaymentState.PAID,
                    amount_minor=149900,
                    currency="RUB",
                    created_at=company.now,
                ),
            ]
        )
        parcel = Shipment(
            order_id=order_id, carrier="СДЭК", tracking_number="T1", created_at=company.now - 2 * DAY
        )
        session.add(parcel)
        await session.flush()
        for kind, place, ago in (
            (CheckpointKind.ACCEPTED, "Москва", 2 * DAY),
            (CheckpointKind.ARRIVED_HUB, "Казань", timedelta(hours=1)),
            (CheckpointKind.IN_TRANSIT, "Нижний Новгород", DAY),
        ):
            session.add(Checkpoint(shipment_id=parcel.id, kind=kind, place=place, at=company.now - ago))

    order = await Orders(company.db).find(maria, "1001")

    assert order is not None
    assert order.total == Money(149900, "RUB")
    assert [(item.title, item.quantity, item.price) for item in order.items] == [
        ("Чайник", 2, Money(74950, "RUB"))
    ]
    assert order.shipment is not None
    assert [point.place for point in order.shipment.checkpoints] == ["Казань", "Нижний Новгород", "Москва"]
    assert order.shipment.checkpoints[0].at == company.now - timedelta(hours=1)
    assert order.payment is not None
    assert order.payment.last_four == "4242"
    assert order.delay_cause is None


async def test_open_orders_come_first_then_the_newest(company: Company) -> None:
    maria = await company.customer()
    for number, state, age in (
        ("1", OrderState.DELIVERED, 1),
        ("2", OrderState.SHIPPED, 5),
        ("3", OrderState.NEW, 2),
        ("4", OrderState.CANCELLED, 3),
    ):
        await company.order(maria, number, state=state, placed_at=company.now - age * DAY)
    orders = Orders(company.db)
    assert [order.number for order in await orders.of_customer(maria)] == ["3", "2", "1", "4"]
    assert [order.number for order in await orders.of_customer(maria, limit=1)] == ["3"]


@pytest.mark.parametrize(
    ("state", "promised", "expected", "delivered", "late"),
    [
        (OrderState.SHIPPED, 1, None, None, 0),
        (OrderState.SHIPPED, 1, 1, None, 0),
        (OrderState.SHIPPED, 1, 3, None, 2),
        (OrderState.SHIPPED, -2, None, None, 2),
        (OrderState.SHIPPED, -2, -1, None, 2),  # what the carrier expected has not come true either
        (OrderState.SHIPPED, -2, 1, None, 3),
        (OrderState.SHIPPED, None, 1, None, 0),
        (OrderState.DELIVERED, -5, None, -6, 0),
        (OrderState.DELIVERED, -5, None, -2, 3),
        (OrderState.CANCELLED, -5, None, None, 0),
        (OrderState.RETURNED, -5, None, -2, 0),
        (OrderState.READY_FOR_PICKUP, -5, -5, None, 0),
    ],
)
async def test_lateness_is_counted_from_the_promise(
    company: Company,
    state: OrderState,
    promised: int | None,
    expected: int | None,
    delivered: int | None,
    late: int,
) -> None:
    def day(number: int | None) -> object:
        return None if number is None else company.now + number * DAY

    maria = await company.customer()
    await company.order(
        maria,
        "7",
        state=state,
        promised_at=day(promised),
        expected_at=day(expected),
        delivered_at=day(delivered),
    )
    order = await Orders(company.db).find(maria, "7")
    assert order is not None
    assert order.lateness(company.now) == late * DAY


def test_a_number_that_is_nothing_but_decoration_is_empty() -> None:
    assert order_number("№ # - –") == ""
