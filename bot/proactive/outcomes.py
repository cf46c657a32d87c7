"""What customers did after a decision, read for many of them at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.tables import DecisionRow, SignalRow
from crm_bridge.models import (
    Author,
    ConsentRecord,
    Decision,
    Direction,
    Identity,
    Interaction,
    Message,
    Order,
    OrderItem,
    OrderState,
    Rating,
    Subscription,
    Ticket,
    TicketKind,
)

REACTION = timedelta(hours=1)  # after a press on our message, it is the dialogue we asked for
Moments = dict[int, list[datetime]]


@dataclass(slots=True)
class Happenings:
    """Moments by customer."""

    contacts: Moments = field(default_factory=lambda: defaultdict(list))
    reactions: Moments = field(default_factory=lambda: defaultdict(list))  # presses of our own buttons
    complaints: Moments = field(default_factory=lambda: defaultdict(list))
    purchases: Moments = field(default_factory=lambda: defaultdict(list))
    opt_outs: Moments = field(default_factory=lambda: defaultdict(list))
    cancellations: Moments = field(default_factory=lambda: defaultdict(list))
    ratings: dict[int, list[tuple[datetime, int]]] = field(default_factory=lambda: defaultdict(list))
    cancelled_orders: set[str] = field(default_factory=set)
    delivered: dict[str, tuple[datetime | None, datetime | None]] = field(default_factory=dict)
    bought: dict[tuple[int, str], list[datetime]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    async def read(cls, session: AsyncSession, rows: Sequence[Any], within: timedelta) -> Self:
        """All that the customers of these decisions did in their time."""
        self = cls()
        ids = {decision.customer_id for decision, _ in rows}
        began = [decision.sent_at or decision.decided_at for decision, _ in rows]
        since, until = min(began), max(began) + within
        await self._talk(session, ids, since, until, {d.message_id for d, _ in rows if d.message_id})
        await self._deeds(session, ids, since, until)
        await self._orders(session, ids, since, until)
        return self

    async def _talk(
        self, session: AsyncSession, ids: set[int], since: datetime, until: datetime, ours: set[str]
    ) -> None:
        buttons = {
            button["id"]
            for shown in await session.scalars(select(Message.buttons).where(Message.id.in_(ours)))
            for button in shown or ()
        }
        said = (
            select(Identity.customer_id, Message.created_at, Message.details)
            .join(Identity, Identity.id == Message.identity_id)
            .where(
                Identity.customer_id.in_(ids),
                Message.author == Author.CUSTOMER,
                Message.created_at.between(since, until),
            )
        )
        for customer_id, at, details in await session.execute(said):
            pressed = (details or {}).get("press_id") in buttons
            (self.reactions if pressed else self.contacts)[customer_id].append(at)
        met = select(Interaction.customer_id, Interaction.at).where(
            Interaction.customer_id.in_(ids),
            Interaction.direction == Direction.IN,
            Interaction.at.between(since, until),
        )
        for customer_id, at in await session.execute(met):
            self.contacts[customer_id].append(at)

    async def _deeds(self, session: AsyncSession, ids: set[int], since: datetime, until: datetime) -> None:
        opened = select(Ticket.customer_id, Ticket.opened_at, Ticket.kind).where(
            Ticket.customer_id.in_(ids), Ticket.opened_at.between(since, until)
        )
        for customer_id, at, kind in await session.execute(opened):
            self.contacts[customer_id].append(at)
            if kind in (TicketKind.COMPLAINT, TicketKind.DEFECT):
                self.complaints[customer_id].append(at)
        withdrawn = select(ConsentRecord.customer_id, ConsentRecord.at).where(
            ConsentRecord.customer_id.in_(ids),
            ConsentRecord.decision == Decision.WITHDRAWN,
            ConsentRecord.at.between(since, until),
        )
        for customer_id, at in await session.execute(withdrawn):
            self.opt_outs[customer_id].append(at)
        ended = select(Subscription.customer_id, Subscription.cancelled_at).where(
            Subscription.customer_id.in_(ids), Subscription.cancelled_at.between(since, until)
        )
        for customer_id, ended_at in await session.execute(ended):
            if ended_at is not None:
                self.cancellations[customer_id].append(ended_at)
        rated = select(Rating.customer_id, Rating.at, Rating.score).where(
            Rating.customer_id.in_(ids), Rating.at.between(since, until)
        )
        for rated_by, at, score in await session.execute(rated):
            if rated_by is not None:
                self.ratings[rated_by].append((at, score))

    async def _orders(self, session: AsyncSession, ids: set[int], since: datetime, until: datetime) -> None:
        query = select(Order).where(
            Order.customer_id.in_(ids), (Order.placed_at.between(since, until)) | (Order.promised_at >= since)
        )
        placed = {}
        for order in await session.scalars(query):
            self.delivered[order.number] = (order.promised_at, order.delivered_at)
            if order.state is OrderState.CANCELLED:
                self.cancelled_orders.add(order.number)
            elif since <= order.placed_at <= until:
                self.purchases[order.customer_id].append(order.placed_at)
                placed[order.id] = order
        items = select(OrderItem.order_id, OrderItem.title).where(OrderItem.order_id.in_(placed))
        for order_id, title in await session.execute(items):
            order = placed[order_id]
            self.bought[order.customer_id, title].append(order.placed_at)


def outcome_of(
    seen: Happenings, decision: DecisionRow, signal: SignalRow, within: timedelta
) -> dict[str, Any]:
    """The outcome of one decision, as it is stored."""
    start = decision.sent_at or decision.decided_at
    who = decision.customer_id

    def any_of(moments: Moments) -> bool:
        return any(start < at <= start + within for at in moments.get(who, ()))

    asked_for = [at for at in seen.reactions.get(who, ()) if start < at <= start + within]
    contacts = [
        at
        for at in seen.contacts.get(who, ())
        if start < at <= start + within and not any(press <= at <= press + REACTION for press in asked_for)
    ]
    scores = [score for at, score in seen.ratings.get(who, ()) if start < at <= start + within]
    order = signal.reason.get("order")
    return {
        "decision_id": decision.id,
        "treated": decision.sent_at is not None,
        "happened": _happened(seen, signal, start, within),
        "contacted": bool(contacts),
        "complained": any_of(seen.complaints),
        "cancelled": any_of(seen.cancellations) or order in seen.cancelled_orders,
        "bought": any_of(seen.purchases),
        "opted_out": any_of(seen.opt_outs),
        "rating": sum(scores) / len(scores) if scores else None,
    }


def _happened(seen: Happenings, signal: SignalRow, start: datetime, within: timedelta) -> bool | None:
    """Whether it came as predicted; None where nobody can know."""
    if signal.kind == "late_delivery":
        promised, delivered = seen.delivered.get(signal.reason["order"], (None, None))
        if promised is None:
            return None
        return (delivered or start + within) > promised
    if signal.kind == "restock_due":
        moments = seen.bought.get((signal.customer_id, signal.reason["title"]), ())
        return any(start < at <= start + within for at in moments)
    if signal.kind == "churn_risk":
        return not any(start < at <= start + within for at in seen.purchases.get(signal.customer_id, ()))
    return None
