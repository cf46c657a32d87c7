"""What a customer gets again and again, and what a change of plan means for the paid time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from core.db import Database
from crm_bridge.models import Period, SavedMethod, Subscription, SubscriptionState
from crm_bridge.money import Money

LENGTHS = {  # of a paid period, for sharing its price among its days
    Period.MONTH: timedelta(days=30),
    Period.QUARTER: timedelta(days=91),
    Period.YEAR: timedelta(days=365),
}


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """A subscription as a customer may see it."""

    id: int
    title: str
    state: SubscriptionState
    price: Money  # of one period
    period: Period
    renews: bool
    paid_until: datetime
    last_four: str | None  # of the card that is charged

    def runs(self, now: datetime) -> bool:
        """Whether the customer has it now; a cancelled one runs on while it is paid for."""
        if self.state is SubscriptionState.CANCELLED:
            return self.paid_until > now
        return self.state is not SubscriptionState.ENDED

    @property
    def ends(self) -> bool:
        """Whether nothing more is charged after the paid time."""
        return self.state is SubscriptionState.CANCELLED or not self.renews


@dataclass(frozen=True, slots=True)
class Quote:
    """What a change of plan does: unused money of the old plan buys time of the new one."""

    credit: Money  # what is left of the paid period
    paid_until: datetime  # so long it lasts at the new price


def quote(
    price: Money, period: Period, paid_until: datetime, new_price: Money, new_period: Period, now: datetime
) -> Quote:
    """Change from one plan to another without charging anything now.

    The credit is the price times the unused share of the period, rounded down to minor units; the time it
    buys is credit / new price of the new period. Both plans have one currency and cost something.
    """
    left = max(paid_until - now, timedelta())
    credit = Money(int(price.minor * (left / LENGTHS[period])), price.currency)
    bought = LENGTHS[new_period] * (credit.minor / new_price.minor)
    return Quote(credit, now + timedelta(seconds=round(bought.total_seconds())))


class Subscriptions:
    """Subscriptions, always of one customer."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of_customer(self, customer_id: int) -> list[SubscriptionView]:
        """All of them, the newest first."""
        query = (
            select(Subscription, SavedMethod.last_four)
            .outerjoin(SavedMethod, Subscription.payment_method_id == SavedMethod.id)
            .where(Subscription.customer_id == customer_id)
            .order_by(Subscription.started_at.desc(), Subscription.id.desc())
        )
        async with self._db.read() as session:
            return [_view(row, last_four) for row, last_four in await session.execute(query)]


def _view(row: Subscription, last_four: str | None) -> SubscriptionView:
    return SubscriptionView(
        row.id,
        row.title,
        row.state,
        Money(row.price_minor, row.currency),
        row.period,
        row.renews,
        row.paid_until,
        last_four,
    )
