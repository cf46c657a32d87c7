"""Puts the payments of an order right when what is owed for it has changed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.models import Order, Payment, PaymentMethod, PaymentState, Refund, RefundState


@dataclass(frozen=True, slots=True)
class Settlement:
    """What changed for the customer, in minor units: promised back, or to be paid on delivery or online."""

    refund: int = 0
    due: int = 0


async def settle(
    session: AsyncSession, order: Order, owed: int, reason: str, now: datetime, refund_within: timedelta
) -> Settlement:
    """Promise back what was paid too much; what is still due waits in one payment.

    An order of which nothing was paid and nothing waits for payment is left alone: when the customer pays,
    they pay its total. Lock the order first.

    Args:
        owed: for the whole order, in minor units.
        reason: of the refund, for the company's staff.
    """
    payments = list(await session.scalars(select(Payment).where(Payment.order_id == order.id)))
    waiting = [payment for payment in payments if payment.state is PaymentState.PENDING]
    kept = await money_kept(session, order.id, payments)
    due = owed - kept
    if due <= 0:
        for payment in waiting:
            payment.state = PaymentState.CANCELLED
        if due < 0:
            session.add(_refund(order, -due, reason, now, refund_within))
        return Settlement(refund=-due)
    if kept == 0 and not waiting:
        return Settlement(due=due)
    for payment in waiting[:-1]:
        payment.state = PaymentState.CANCELLED
    if waiting:
        waiting[-1].amount_minor = due
    else:
        session.add(
            Payment(
                order_id=order.id,
                method=PaymentMethod.ON_DELIVERY,
                state=PaymentState.PENDING,
                amount_minor=due,
                currency=order.currency,
                created_at=now,
            )
        )
    return Settlement(due=due)


async def money_kept(session: AsyncSession, order_id: int, payments: list[Payment]) -> int:
    """What was paid for an order, less what was paid back or is promised back."""
    paid = sum(payment.amount_minor for payment in payments if payment.state is PaymentState.PAID)
    given = select(func.coalesce(func.sum(Refund.amount_minor), 0)).where(
        Refund.order_id == order_id, Refund.state != RefundState.REFUSED
    )
    return paid - int(await session.scalar(given) or 0)


def _refund(order: Order, amount: int, reason: str, now: datetime, within: timedelta) -> Refund:
    return Refund(
        customer_id=order.customer_id,
        order_id=order.id,
        state=RefundState.APPROVED,
        amount_minor=amount,
        currency=order.currency,
        reason=reason,
        requested_at=now,
        promised_at=now + within,
    )
