"""An order with goods in it and money for it."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from core.db import Database
from crm_bridge.models import (
    Order,
    OrderItem,
    OrderState,
    Payment,
    PaymentMethod,
    PaymentState,
    Refund,
)
from crm_bridge.orders import Orders, OrderView
from tests.crm_bridge.people import Company

KETTLE, MUG = 249000, 89000  # kopecks


async def bought(
    shop: Company, customer: int, number: str = "1001", *, mugs: int = 2, paid: bool = True, **given: Any
) -> list[int]:
    """A kettle and mugs; gives the ids of the lines."""
    total = KETTLE + mugs * MUG
    order = await shop.order(customer, number, **{"state": OrderState.PAID, "total_minor": total} | given)
    async with shop.db.write() as session:
        lines = [
            OrderItem(order_id=order, title="Чайник", quantity=1, price_minor=KETTLE),
            OrderItem(order_id=order, title="Кружка", quantity=mugs, price_minor=MUG),
        ]
        session.add_all(lines)
        session.add(
            Payment(
                order_id=order,
                method=PaymentMethod.CARD,
                last_four="4242",
                state=PaymentState.PAID if paid else PaymentState.PENDING,
                amount_minor=total,
                currency="RUB",
                created_at=shop.now,
            )
        )
    return [line.id for line in lines]


async def delivered(shop: Company, customer: int, days: int = 3, **given: Any) -> list[int]:
    """The same, in the customer's hands for so many days."""
    since = shop.now - timedelta(days=days)
    return await bought(shop, customer, state=OrderState.DELIVERED, delivered_at=since, **given)


async def order_of(db: Database, customer: int, number: str = "1001") -> OrderView:
    found = await Orders(db).find(customer, number)
    assert found is not None
    return found


async def total_of(db: Database, number: str = "1001") -> int:
    async with db.read() as session:
        return (await session.execute(select(Order.total_minor).where(Order.number == number))).scalar_one()


async def refunds(db: Database) -> list[int]:
    async with db.read() as session:
        return list(await session.scalars(select(Refund.amount_minor).order_by(Refund.id)))


async def waiting(db: Database) -> list[int]:
    """Payments that are still to be made."""
    query = select(Payment.amount_minor).where(Payment.state == PaymentState.PENDING)
    async with db.read() as session:
        return list(await session.scalars(query))
