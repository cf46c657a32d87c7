"""What is known of all customers together: how late carriers are, how often goods are bought again.

Computed once for a run and kept, so that a range of customers need not look at the others.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Float, case, cast, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.signals.base import DAY, epoch
from bot.proactive.tables import Background as BackgroundRow
from core.db import Database
from crm_bridge.models import Appointment, AppointmentState, Order, OrderItem, OrderState, Shipment
from crm_bridge.sql import insert_if_absent

LATE_SINCE = timedelta(days=180)
BOUGHT_SINCE = timedelta(days=730)
FRESH = timedelta(hours=6)
LEAST_REPEATS = 3  # customers who bought a thing again, before its rhythm means anything
PRIOR = 10.0  # shipments that the wider group counts for
NAME = "background"


@dataclass(frozen=True, slots=True)
class Background:
    """Figures over all customers."""

    late: dict[str, tuple[int, int]] = field(default_factory=dict)  # carrier → finished, late
    routes: dict[str, tuple[int, int]] = field(default_factory=dict)  # carrier|city → finished, late
    rhythms: dict[str, tuple[float, float, int]] = field(
        default_factory=dict
    )  # title → days, spread, customers
    gap_days: float = 60.0  # between two orders of one customer, on average
    missed: float = 0.1  # share of visits that nobody came to

    def late_share(self, carrier: str, city: str) -> float:
        """How often this carrier is late on this route: the route's own share, drawn to the carrier's."""
        finished = sum(n for n, _ in self.late.values())
        overall = (sum(late for _, late in self.late.values()) + 1.0) / (finished + 8.0)
        n, late = self.late.get(carrier, (0, 0))
        of_carrier = (late + PRIOR * overall) / (n + PRIOR)
        n, late = self.routes.get(f"{carrier}|{city}", (0, 0))
        return (late + PRIOR * of_carrier) / (n + PRIOR)


async def background(db: Database, now: datetime, *, keep: bool = True) -> Background:
    """The figures as of now; those of the last hours, if there are any.

    Args:
        keep: read and write the stored ones. A simulation computes its own.
    """
    async with db.read() as session:
        row = await session.get(BackgroundRow, NAME) if keep else None
        if row is not None and now - FRESH < row.computed_at <= now:
            return _of(row.value)
        found = await compute(session, now)
    if keep:
        values = {"value": asdict(found), "computed_at": now}
        async with db.write() as session:
            if not await insert_if_absent(session, BackgroundRow, {"name": NAME, **values}):
                await session.execute(update(BackgroundRow).where(BackgroundRow.name == NAME).values(values))
    return found


def _of(value: dict[str, Any]) -> Background:
    return Background(
        late={key: (each[0], each[1]) for key, each in value["late"].items()},
        routes={key: (each[0], each[1]) for key, each in value["routes"].items()},
        rhythms={key: (each[0], each[1], each[2]) for key, each in value["rhythms"].items()},
        gap_days=value["gap_days"],
        missed=value["missed"],
    )


async def compute(session: AsyncSession, now: datetime) -> Background:
    """Look at everything that was finished before `now`."""
    late, routes = await _late(session, now)
    return Background(
        late, routes, await _rhythms(session, now), await _gap(session, now), await _missed(session, now)
    )


async def _late(
    session: AsyncSession, now: datetime
) -> tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]]:
    was_late = func.sum(case((Order.delivered_at > Order.promised_at, 1), else_=0))
    query = (
        select(Shipment.carrier, Order.delivery_city, func.count(), was_late)
        .join(Order, Order.id == Shipment.order_id)
        .where(Order.delivered_at.between(now - LATE_SINCE, now), Order.promised_at.is_not(None))
        .group_by(Shipment.carrier, Order.delivery_city)
    )
    carriers: dict[str, tuple[int, int]] = {}
    routes: dict[str, tuple[int, int]] = {}
    for carrier, city, n, delayed in await session.execute(query):
        routes[f"{carrier}|{city}"] = (n, int(delayed))
        before = carriers.get(carrier, (0, 0))
        carriers[carrier] = (before[0] + n, before[1] + int(delayed))
    return carriers, routes


async def _rhythms(session: AsyncSession, now: datetime) -> dict[str, tuple[float, float, int]]:
    """Days between purchases of one thing by one customer, and how far customers are apart in that."""
    first, last = func.min(epoch(Order.placed_at)), func.max(epoch(Order.placed_at))
    n = func.count()
    own = (
        select(OrderItem.title.label("title"), (cast(last - first, Float) / (n - 1) / DAY).label("days"))
        .join(Order, Order.id == OrderItem.order_id)
        .where(Order.placed_at.between(now - BOUGHT_SINCE, now), Order.state != OrderState.CANCELLED)
        .group_by(Order.customer_id, OrderItem.title)
        .having(n > 1, last - first >= DAY * (n - 1))
        .subquery()
    )
    query = (
        select(own.c.title, func.avg(own.c.days), func.avg(own.c.days * own.c.days), func.count())
        .group_by(own.c.title)
        .having(func.count() >= LEAST_REPEATS)
    )
    return {
        title: (float(mean), max(float(square) - float(mean) ** 2, 1.0) ** 0.5, count)
        for title, mean, square, count in await session.execute(query)
    }


async def _gap(session: AsyncSession, now: datetime) -> float:
    first, last, n = func.min(epoch(Order.placed_at)), func.max(epoch(Order.placed_at)), func.count()
    own = (
        select((last - first).label("span"), (n - 1).label("gaps"))
        .where(Order.placed_at.between(now - BOUGHT_SINCE, now), Order.state != OrderState.CANCELLED)
        .group_by(Order.customer_id)
        .having(n > 1)
        .subquery()
    )
    span, gaps = (await session.execute(select(func.sum(own.c.span), func.sum(own.c.gaps)))).one()
    return float(span) / float(gaps) / DAY if gaps else 60.0


async def _missed(session: AsyncSession, now: datetime) -> float:
    missed = func.sum(case((Appointment.state == AppointmentState.MISSED, 1), else_=0))
    over = Appointment.state.in_([AppointmentState.MISSED, AppointmentState.DONE])
    query = select(func.count(), missed).where(over, Appointment.starts_at.between(now - LATE_SINCE * 2, now))
    n, count = (await session.execute(query)).one()
    return (float(count or 0) + 1.0) / (float(n) + 10.0)
