"""Money on its way back, as its customer may see it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, select

from core.db import Database
from crm_bridge.models import Order, Refund, RefundState
from crm_bridge.money import Money

ENDED = (RefundState.PAID, RefundState.REFUSED)


@dataclass(frozen=True, slots=True)
class RefundView:
    """One refund."""

    id: int
    order_number: str | None
    state: RefundState
    amount: Money
    requested_at: datetime
    promised_at: datetime | None
    paid_at: datetime | None

    def is_overdue(self, now: datetime) -> bool:
        """Whether we have broken our promise."""
        return self.state not in ENDED and self.promised_at is not None and self.promised_at < now


class Refunds:
    """Refunds, always of one customer."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of_customer(self, customer_id: int, limit: int = 20) -> list[RefundView]:
        """The customer's refunds: those that are not over first, then the newest."""
        over = case((Refund.state.in_(ENDED), 1), else_=0)
        query = (
            select(Refund, Order.number)
            .outerjoin(Order, Order.id == Refund.order_id)
            .where(Refund.customer_id == customer_id)
            .order_by(over, Refund.requested_at.desc(), Refund.id.desc())
            .limit(limit)
        )
        async with self._db.read() as session:
            return [_view(refund, number) for refund, number in await session.execute(query)]


def _view(refund: Refund, order_number: str | None) -> RefundView:
    return RefundView(
        id=refund.id,
        order_number=order_number,
        state=refund.state,
        amount=Money(refund.amount_minor, refund.currency),
        requested_at=refund.requested_at,
        promised_at=refund.promised_at,
        paid_at=refund.paid_at,
    )
