"""What is known of all customers together: how late carriers are, how often goods are bought again.

Computed once for a run and kept, so that a range of customers need not look at the others.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Float, case, cast, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.learning.rhythm import Habit
from bot.proactive.signals.base import DAY, epoch, midnight
from bot.proactive.tables import Background as BackgroundRow
from core.db import Database
from crm_bridge.models import Appointment, AppointmentState, Order, OrderItem, OrderState, Shipment
from crm_bridge.sql import insert_if_absent

LATE_SINCE = timedelta(days=180)
BOUGHT_SINCE = timedelta(days=730)
LEAST_REPEATS = 3  # customers who bought a thing again, before its rhythm means anything
PRIOR = 10.0  # shipments that the wider group counts for
DRAWN = 5.0  # intervals that all products count for
LEAST_GAPS = 30  # more than one of a customer, before they tell how far intervals spread
NAME = "figures"


@dataclass(frozen=True, slots=True)
class Background:
    """Figures over all customers."""

    late: dict[str, tuple[int, int]] = field(default_factory=dict)  # carrier → finished, late
    routes: dict[str, tuple[int, int]] = field(default_factory=dict)  # carrier|city → finished, late
    # title → usual days of one piece, how far one customer's intervals spread (see `Habit.own`), customers
    rhythms: dict[str, tuple[float, float, int]] = field(default_factory=dict)
    apart: float = Habit().apart
    gap_days: float = 60.0  # between two orders of one customer, on average
    missed: float = 0.1  # share of visits that nobody came to

    def habit(self, title: str) -> Habit:
        """How intervals between purchases of a thing spread."""
        return Habit(self.rhythms[title][1], self.apart)

    def late_share(self, carrier: str, city: str) -> float:
        """How often this carrier is late on this route: the route's own share, drawn to the carrier's."""
        finished = sum(n for n, _ in self.late.values())
        overall = (sum(late for _, late in self.late.values()) + 1.0) / (finished + 8.0)
        n, late = self.late.get(carrier, (0, 0))
        of_carrier = (late + PRIOR * overall) / (n + PRIOR)
        n, late = self.routes.get(f"{carrier}|{city}", (0, 0))
        return (late + PRIOR * of_carrier) / (n + PRIOR)


async def background(db: Database, now: datetime, *, keep: bool = True) -> Background:
    """The figures of the day, in UTC: computed once, so that nothing moves by itself from run to run.

    Args:
        keep: read and write the stored ones. A simulation computes its own.
    """
    async with db.read() as session:
        row = await session.get(BackgroundRow, NAME) if keep else None
        if row is not None and midnight(now) <= row.computed_at <= now:
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
        apart=value["apart"],
        gap_days=value["gap_days"],
        missed=value["missed"],
    )


async def compute(session: AsyncSession, now: datetime) -> Background:
    """Look at everything that was finished before `now`."""
    late, routes = await _late(session, now)
    rhythms, apart = await _rhythms(session, now)
    return Background(
        late, routes, rhythms, apart, await _gap(session, now), await _missed(session, now)
    )  # fmt: skip


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


async def _rhythms(session: AsyncSession, now: datetime) -> tuple[dict[str, tuple[float, float, int]], float]:
    """The usual days between purchases of one piece, by product; how far customers are apart in that."""
    day = epoch(Order.placed_at) // DAY
    bought = (
        select(
            Order.customer_id, OrderItem.title, day.label("day"), func.sum(OrderItem.quantity).label("pieces")
        )
        .join(Order, Order.id == OrderItem.order_id)
        .where(Order.placed_at.between(now - BOUGHT_SINCE, now), Order.state != OrderState.CANCELLED)
        .group_by(Order.customer_id, OrderItem.title, day)
        .subquery()
    )
    whose = (bought.c.customer_id, bought.c.title)

    def last(column: Any) -> Any:
        return func.lag(column).over(partition_by=whose, order_by=bought.c.day)

    before = select(
        bought.c.customer_id,
        bought.c.title,
        (bought.c.day - last(bought.c.day)).label("days"),
        last(bought.c.pieces).label("pieces"),
    ).subquery()
    gap = func.ln(cast(before.c.days, Float) / before.c.pieces)
    own = (
        select(
            before.c.title, func.count().label("n"), func.sum(gap).label("total"),
            func.sum(gap * gap).label("squares"),
        )
        .where(before.c.days > 0, before.c.pieces > 0)
        .group_by(before.c.customer_id, before.c.title)
        .subquery()
    )  # fmt: skip
    n, total = own.c.n, own.c.total
    query = (
        select(
            own.c.title, func.count(), func.sum(n), func.sum(total), func.sum(own.c.squares),
            func.sum(total * total / n), func.sum(n * n),
        )
        .group_by(own.c.title)
        .having(func.count() >= LEAST_REPEATS)
    )  # fmt: skip
    rows = (await session.execute(query)).all()
    groups = [tuple(map(float, row[1:])) for row in rows]
    habit, usual = habit_of(groups), {}
    for row, group in zip(rows, groups, strict=True):
        usual[row[0]] = (math.exp(group[2] / group[1]), own_spread(group, habit), int(row[1]))
    return usual, habit.apart


def habit_of(groups: Sequence[Sequence[float]]) -> Habit:
    """How far intervals spread within a customer and between them: a one-way analysis of variance.

    Args:
        groups: of each product: customers, intervals, the sum of their logarithms, the sum of the squares of
            these, the sum over customers of (their sum)² / their intervals, the sum of their intervals².
    """
    within = sum(squares - owns for _, _, _, squares, owns, _ in groups)
    free = sum(n - customers for customers, n, _, _, _, _ in groups)
    if free < LEAST_GAPS:
        return Habit()
    own = max(within / free, 0.01)
    between = sum(owns - total * total / n for _, n, total, _, owns, _ in groups)
    degrees = sum(customers - 1 for customers, _, _, _, _, _ in groups)
    weight = sum(n - squared / n for _, n, _, _, _, squared in groups)
    apart = max((between - degrees * own) / max(weight, 1.0), 0.01)
    return Habit(math.sqrt(own), math.sqrt(apart))


def own_spread(group: Sequence[float], all_of_them: Habit) -> float:
    """How far one customer's intervals spread with one product, drawn to all products' while they are few.

    Coffee has a rhythm, chairs have none.
    """
    customers, n, _, squares, owns, _ = group
    free = n - customers
    return math.sqrt(max(squares - owns + DRAWN * all_of_them.own**2, 0.01) / (free + DRAWN))


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
