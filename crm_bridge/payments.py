"""What the company can see of a customer's payments, and what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select

from core.db import Database
from crm_bridge.models import Order, Payment, PaymentMethod, PaymentState
from crm_bridge.money import Money


@dataclass(frozen=True, slots=True)
class PaymentSeen:
    """One payment as the company knows it."""

    method: PaymentMethod
    last_four: str | None
    state: PaymentState
    amount: Money
    at: datetime


class Finding(StrEnum):
    """What the payments of an order say."""

    TWICE = "twice"  # more came than the order costs
    PAID = "paid"
    PENDING = "pending"  # the bank has not answered yet
    FAILED = "failed"
    ON_DELIVERY = "on_delivery"  # nothing is due before
    REFUNDED = "refunded"
    NOTHING = "nothing"  # no payment is seen


class Payments:
    """Payments, always of one customer."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of_order(self, customer_id: int, number: str) -> list[PaymentSeen]:
        """Payments of one of the customer's orders, oldest first."""
        query = (
            select(Payment)
            .join(Order, Payment.order_id == Order.id)
            .where(Order.customer_id == customer_id, Order.number == number)
            .order_by(Payment.created_at, Payment.id)
        )
        async with self._db.read() as session:
            return [_seen(payment) for payment in await session.scalars(query)]


def examine(payments: Sequence[PaymentSeen], total: Money) -> Finding:
    """What is going on with an order that costs `total`. Who pays in parts pays no more than that."""
    paid = [one for one in payments if one.state is PaymentState.PAID]
    if sum(one.amount.minor for one in paid) > total.minor:
        return Finding.TWICE
    if paid:
        return Finding.PAID
    if not payments:
        return Finding.NOTHING
    last = payments[-1]
    if last.state is PaymentState.PENDING:
        return Finding.ON_DELIVERY if last.method is PaymentMethod.ON_DELIVERY else Finding.PENDING
    return {PaymentState.FAILED: Finding.FAILED, PaymentState.REFUNDED: Finding.REFUNDED}.get(
        last.state, Finding.NOTHING
    )


def _seen(payment: Payment) -> PaymentSeen:
    return PaymentSeen(
        payment.method,
        payment.last_four,
        payment.state,
        Money(payment.amount_minor, payment.currency),
        payment.created_at,
    )
