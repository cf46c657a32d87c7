"""Parcels: late ones, and those we promised to watch."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.learning.delivery import LateModel, features_of
from bot.proactive.signals.background import Background
from bot.proactive.signals.base import BY_RULE, Question, Signal, only
from crm_bridge.models import DELAYS, Checkpoint, CheckpointKind, Order, OrderState, Shipment, Watch

UNDER_WAY = (OrderState.PAID, OrderState.PACKING, OrderState.SHIPPED, OrderState.IN_DELIVERY)
OVERDUE, CARRIER_SAYS, DELAYED = 0.99, 0.95, 0.85  # as likely as that
NEWS = (CheckpointKind.READY_FOR_PICKUP, CheckpointKind.OUT_FOR_DELIVERY, CheckpointKind.DELIVERED)


class LateDelivery:
    """Orders likely to miss their promised time.

    Known at once when the time is over, the carrier names a later one, or reports a delay. Otherwise the
    calibrated model; without one, the share of late orders of the same carrier on the same route. The model
    looks at the time that passed, so it is asked anew about every parcel that is under way.
    """

    kind, profiles = "late_delivery", False

    def __init__(self, known: Background, model: LateModel | None = None) -> None:
        self._known = known
        self._model = model

    async def signals(self, session: AsyncSession, asked: Question) -> list[Signal]:
        last_kind, last_at = _last(Checkpoint.kind), _last(Checkpoint.at)
        query = (
            select(
                Order.customer_id, Order.number, Order.promised_at, Order.expected_at, Order.placed_at,
                Order.delivery_city, Order.delivery_method, Shipment.carrier,
                last_kind.label("kind"), last_at.label("seen_at"),
            )
            .outerjoin(Shipment, Shipment.order_id == Order.id)
            .where(
                asked.customers(Order.customer_id),
                Order.state.in_(UNDER_WAY),
                Order.promised_at.between(asked.start, asked.end)
                if self._model
                else asked.entered(Order.promised_at, turns=True),
            )
            .order_by(Order.id)
        )  # fmt: skip
        rows = await session.execute(only(asked, query, "order", Order.number, str))
        found = {row.number: self._of(row, asked.now) for row in rows}  # of several parcels the newest speaks
        return [signal for signal in found.values() if signal.probability >= asked.least]

    def _of(self, row: Any, now: datetime) -> Signal:
        probability, reason, model = self._judged(row, now)
        expected = row.expected_at if row.expected_at and row.expected_at > row.promised_at else None
        return Signal(
            self.kind,
            row.customer_id,
            f"order:{row.number}",
            row.promised_at,
            probability,
            reason,
            {
                "order": row.number,
                "promised": row.promised_at.isoformat(),
                "expected": expected.isoformat() if expected else None,
                "carrier": row.carrier or "",
                "share": round(self._known.late_share(row.carrier or "", row.delivery_city), 2),
            },
            model,
        )

    def _judged(self, row: Any, now: datetime) -> tuple[float, str, str]:
        if row.promised_at <= now:
            return OVERDUE, "overdue", BY_RULE
        if row.expected_at and row.expected_at > row.promised_at + timedelta(hours=1):
            return CARRIER_SAYS, "carrier_says", BY_RULE
        if row.kind in DELAYS:
            return DELAYED, "delayed", BY_RULE
        share = self._known.late_share(row.carrier or "", row.delivery_city)
        if self._model is None:
            return share, "slow_route", BY_RULE
        given = features_of(
            share, row.placed_at, row.promised_at, row.seen_at, row.delivery_method, now,
        )  # fmt: skip
        return self._model.probability(given), "slow_route", self._model.version


def _last(column: Any) -> Any:
    return (
        select(column)
        .where(Checkpoint.shipment_id == Shipment.id)
        .order_by(Checkpoint.at.desc(), Checkpoint.id.desc())
        .limit(1)
        .correlate(Shipment)
        .scalar_subquery()
    )


class WatchedParcel:
    """Orders that we promised to watch, and about which there is news."""

    kind, profiles = "watched_parcel", False

    async def signals(self, session: AsyncSession, asked: Question) -> list[Signal]:
        query = (
            select(
                Watch.customer_id, Watch.id, Order.number, Shipment.carrier, Checkpoint.kind,
                Checkpoint.place, Checkpoint.at,
            )
            .join(Order, Order.id == Watch.order_id)
            .join(Shipment, Shipment.order_id == Order.id)
            .join(Checkpoint, Checkpoint.shipment_id == Shipment.id)
            .where(
                asked.customers(Watch.customer_id),
                Watch.until > asked.now,
                Checkpoint.at > Watch.created_at,
                Checkpoint.at.between(asked.start, asked.now),
                Checkpoint.kind.in_(NEWS),
            )
        )  # fmt: skip
        rows = await session.execute(only(asked, query, "watch", Watch.id, int))
        return [
            Signal(
                self.kind,
                row.customer_id,
                f"watch:{row.id}:{row.kind}",
                row.at,
                1.0,
                f"watched_{row.kind}",
                {"order": row.number, "place": row.place, "carrier": row.carrier},
            )
            for row in rows
        ]
