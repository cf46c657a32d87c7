"""The loyalty account as its customer may see it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.db import Database
from crm_bridge.loyalty import Points, burnings, standing
from crm_bridge.models import LoyaltyAccount, LoyaltyEntry, LoyaltyReason, Order, OrderState

LAST = 5


@dataclass(frozen=True, slots=True)
class EntryView:
    """Points that came or went, and for which order."""

    points: int
    reason: LoyaltyReason
    at: datetime
    order_number: str | None


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account at a moment."""

    number: str
    tier: str | None
    balance: int
    burns: tuple[Points, ...]  # what is left and ends some day, soonest first
    last: tuple[EntryView, ...]  # newest first
    waiting: tuple[tuple[str, datetime], ...]  # delivered orders without points: number, delivered at
    currency: str | None  # of the newest order


class LoyaltyAccounts:
    """Accounts, always of one customer."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def read(self, customer_id: int, now: datetime) -> AccountView | None:
        """The customer's account; None when they are not in the programme."""
        async with self._db.read() as session:
            query = select(LoyaltyAccount).where(LoyaltyAccount.customer_id == customer_id)
            account = (await session.scalars(query.order_by(LoyaltyAccount.id).limit(1))).first()
            if account is None:
                return None
            entries = await _entries(session, customer_id)
            orders = await _orders(session, customer_id)
        return _view(account, entries, orders, now)


async def _entries(session: AsyncSession, customer_id: int) -> list[Row[LoyaltyEntry, str | None]]:
    query = (
        select(LoyaltyEntry, Order.number)
        .outerjoin(Order, LoyaltyEntry.order_id == Order.id)
        .where(LoyaltyEntry.customer_id == customer_id)
        .order_by(LoyaltyEntry.at, LoyaltyEntry.id)
    )
    return list((await session.execute(query)).all())


async def _orders(session: AsyncSession, customer_id: int) -> list[Order]:
    query = select(Order).where(Order.customer_id == customer_id).order_by(Order.placed_at.desc())
    return list(await session.scalars(query))


def _view(
    account: LoyaltyAccount,
    rows: list[Row[LoyaltyEntry, str | None]],
    orders: list[Order],
    now: datetime,
) -> AccountView:
    points = [Points(entry.points, entry.at, entry.expires_at) for entry, _ in rows]
    earned = {entry.order_id for entry, _ in rows if entry.reason is LoyaltyReason.EARNED}
    last = [
        EntryView(entry.points, entry.reason, entry.at, number)
        for entry, number in reversed(rows)
        if entry.at <= now
    ]
    waiting = [
        (order.number, order.delivered_at)
        for order in orders
        if order.state is OrderState.DELIVERED and order.delivered_at and order.id not in earned
    ]
    return AccountView(
        number=account.number,
        tier=account.tier,
        balance=standing(points, now).balance,
        burns=tuple(burnings(points, now)),
        last=tuple(last[:LAST]),
        waiting=tuple(waiting),
        currency=orders[0].currency if orders else None,
    )
