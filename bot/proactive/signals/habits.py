"""Habits: what will be needed again, and who is about to leave. Predictions about the person."""

from typing import Any

from sqlalchemy import Float, String, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.learning.churn import (
    OWN_RHYTHM_AFTER,
    UPSET,
    ChurnModel,
    features_of,
    shrunk_gap,
    stated_probability,
)
from bot.proactive.learning.rhythm import Expected, expected_interval, purchases_of
from bot.proactive.signals.background import BOUGHT_SINCE, LATE_SINCE, Background
from bot.proactive.signals.base import BY_RULE, DAY, Question, Signal, day_of, epoch
from bot.proactive.signals.moods import moods_before
from crm_bridge.models import Identity, Order, OrderItem, OrderState, Review, Ticket, TicketKind

LONGEST = 6  # times the usual interval: longer ago does not tell when somebody comes back
GONE_AFTER = 2.0  # own gaps without an order


class RestockDue:
    """Things that are bought again and again.

    The interval is the customer's own for this product, drawn to that of everybody who buys it: the fewer
    purchases, the more. A single purchase uses the group's alone. Reckoned by whole days.
    """

    kind, profiles = "restock_due", True

    def __init__(self, known: Background) -> None:
        self._known = known

    async def signals(self, session: AsyncSession, asked: Question) -> list[Signal]:
        titles, today = list(self._known.rhythms), asked.of_the_day
        if not titles or asked.since is not None:
            return []
        placed = epoch(Order.placed_at)
        longest = max(days for days, _, _ in self._known.rhythms.values()) * DAY * LONGEST
        bought = cast(placed, String) + ":" + cast(OrderItem.quantity, String)
        query = (
            select(
                Order.customer_id, OrderItem.title, func.aggregate_strings(bought, ",").label("bought"),
                func.max(OrderItem.id).label("item"),
            )
            .join(Order, Order.id == OrderItem.order_id)
            .where(
                asked.customers(Order.customer_id),
                OrderItem.title.in_(titles),
                Order.state != OrderState.CANCELLED,
                Order.placed_at.between(today.now - BOUGHT_SINCE, asked.now),
            )
            .group_by(Order.customer_id, OrderItem.title)
            .having(func.max(placed) > int(today.start.timestamp() - longest))
        )  # fmt: skip
        found = [self._of(row, today) for row in await session.execute(query)]
        return [signal for signal in found if signal is not None and asked.subject in (None, signal.subject)]

    def _of(self, row: Any, today: Question) -> Signal | None:
        purchases = purchases_of(row.bought)
        interval = expected_interval(
            purchases, self._known.rhythms[row.title][0], self._known.habit(row.title)
        )
        last = purchases[-1][0] * DAY
        expected = last + interval.likeliest * DAY
        if not today.start.timestamp() <= expected <= today.end.timestamp():
            return None
        probability = _soon(today, last, interval)
        if probability < today.least:
            return None
        words = {
            "title": row.title,
            "date": day_of(expected).isoformat(),
            "days": round(interval.likeliest),
            "n": len(purchases),
        }
        reason = "own_rhythm" if len(purchases) > 1 else "group_rhythm"
        return Signal(
            self.kind, row.customer_id, f"bought:{row.item}", day_of(expected), probability, reason, words
        )


def _soon(today: Question, last: float, interval: Expected) -> float:
    """That the next purchase comes in the window, given that it has not come yet."""
    passed = interval.before((today.now.timestamp() - last) / DAY)
    until = interval.before((today.end.timestamp() + today.late.total_seconds() - last) / DAY)
    return (until - passed) / max(1 - passed, 1e-6)


class ChurnRisk:
    """People who used to buy and have been silent for long, by their own rhythm.

    The calibrated model; without one, the stated rule: silent for twice one's own gap is as good as even,
    complaints and upset messages make it worse. Reckoned by whole days.
    """

    kind, profiles = "churn_risk", True

    def __init__(self, known: Background, model: ChurnModel | None = None) -> None:
        self._known = known
        self._model = model

    async def signals(self, session: AsyncSession, asked: Question) -> list[Signal]:
        if asked.since is not None:
            return []
        placed, n, today = epoch(Order.placed_at), func.count(), asked.of_the_day
        first, last = func.min(placed), func.max(placed)
        common = self._known.gap_days * DAY
        gap = cast(last - first + OWN_RHYTHM_AFTER * common, Float) / (n - 1 + OWN_RHYTHM_AFTER)
        gone = last + GONE_AFTER * gap
        query = (
            select(
                Order.customer_id, n.label("n"), first.label("first"), last.label("last"),
                func.max(Order.id).label("newest"),
            )
            .where(
                asked.customers(Order.customer_id),
                Order.state != OrderState.CANCELLED,
                Order.placed_at <= asked.now,
            )
            .group_by(Order.customer_id)
            .having(n > 1, gone.between(today.start.timestamp(), today.end.timestamp()))
        )  # fmt: skip
        rows = (await session.execute(query)).all()
        if not rows:
            return []
        complaints, stars = await self._judged(session, asked)
        # What is written today counts from tomorrow on: nobody's lines are watched one by one.
        theirs = moods_before(today.now).where(Identity.customer_id.in_([row[0] for row in rows]))
        moods: dict[int, float] = {row[0]: row[1] for row in await session.execute(theirs)}
        found = [
            self._of(row, today, complaints.get(row[0], 0), stars.get(row[0]), moods.get(row[0]))
            for row in rows
        ]
        return [
            signal
            for signal in found
            if signal.probability >= asked.least and asked.subject in (None, signal.subject)
        ]

    async def _judged(
        self, session: AsyncSession, asked: Question
    ) -> tuple[dict[int, int], dict[int, float]]:
        since = asked.of_the_day.now - LATE_SINCE
        complained = (
            select(Ticket.customer_id, func.count())
            .where(
                asked.customers(Ticket.customer_id),
                Ticket.kind.in_([TicketKind.COMPLAINT, TicketKind.DEFECT]),
                Ticket.opened_at.between(since, asked.now),
            )
            .group_by(Ticket.customer_id)
        )
        reviewed = (
            select(Review.customer_id, func.avg(Review.stars))
            .where(asked.customers(Review.customer_id), Review.at.between(since, asked.now))
            .group_by(Review.customer_id)
        )
        counts = {row[0]: int(row[1]) for row in await session.execute(complained)}
        return counts, {row[0]: float(row[1]) for row in await session.execute(reviewed)}

    def _of(
        self, row: Any, today: Question, complaints: int, stars: float | None, mood: float | None
    ) -> Signal:
        span, since = (row.last - row.first) / DAY, max(today.now.timestamp() - row.last, 0.0) / DAY
        gap = shrunk_gap(row.n, span, self._known.gap_days)
        if self._model is None:
            probability, version = stated_probability(since, gap, complaints, mood or 0.0), BY_RULE
        else:
            given = features_of(
                row.n, span, since, span + since, self._known.gap_days, complaints, stars, mood
            )
            probability, version = self._model.probability(given), self._model.version
        upset = mood is not None and mood <= UPSET
        words = {"days": round(since), "gap": round(gap), "complaints": complaints}
        return Signal(
            self.kind,
            row.customer_id,
            f"customer:{row.customer_id}:{row.newest}",
            day_of(row.last + GONE_AFTER * gap * DAY),
            probability,
            "silent_with_complaints" if complaints else "silent_upset" if upset else "silent",
            words,
            version,
        )
