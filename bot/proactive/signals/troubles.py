"""Trouble on our side: incidents, and complaints that nobody solved."""

from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.signals.base import Question, Signal, only
from bot.proactive.signals.parcels import UNDER_WAY
from bot.proactive.tables import Incident
from crm_bridge.models import (
    UNSOLVED,
    Asset,
    Customer,
    Order,
    OrderItem,
    OrderState,
    Subscription,
    SubscriptionState,
    Ticket,
    TicketKind,
)

PATIENCE = timedelta(days=3)  # a complaint without a term of its own


class IncidentKind(StrEnum):
    """What an incident's `match` is compared with."""

    OUTAGE = "outage"  # a city
    SERVICE = "service"  # the title of a subscription
    RECALL = "recall"  # the title of a product
    CLOSED_POINT = "closed_point"  # a pick-up point with parcels


class IncidentTouches:
    """Customers whom a known incident touches."""

    kind, profiles = "incident", False

    async def signals(self, session: AsyncSession, asked: Question) -> list[Signal]:
        query = select(Incident).where(
            Incident.starts_at <= asked.end,
            or_(Incident.ends_at.is_(None), Incident.ends_at > asked.now),
        )
        if asked.since is not None:
            began = Incident.starts_at > asked.since + asked.horizon
            query = query.where(or_(Incident.created_at >= asked.since, began))
        incidents = list(await session.scalars(only(asked, query, "incident", Incident.id, int)))
        found = []
        for incident in incidents:
            touched = _touched(IncidentKind(incident.kind), incident.match, asked)
            found += [
                Signal(
                    self.kind,
                    customer_id,
                    f"incident:{incident.id}:{customer_id}",
                    incident.starts_at,
                    1.0,
                    f"incident_{incident.kind}",
                    {"what": incident.said, "match": incident.match},
                )
                for customer_id in await session.scalars(touched)
            ]
        return found


def _touched(kind: IncidentKind, match: str, asked: Question) -> Select[Any]:
    if kind is IncidentKind.OUTAGE:
        return select(Customer.id).where(asked.customers(Customer.id), Customer.city == match)
    if kind is IncidentKind.SERVICE:
        theirs = Subscription.customer_id
        running = Subscription.state == SubscriptionState.ACTIVE
        return select(theirs).where(asked.customers(theirs), running, Subscription.title == match).distinct()
    if kind is IncidentKind.CLOSED_POINT:
        waits = Order.state.in_([*UNDER_WAY, OrderState.READY_FOR_PICKUP])
        here = Order.delivery_place == match
        return select(Order.customer_id).where(asked.customers(Order.customer_id), waits, here).distinct()
    bought = (
        select(Order.customer_id)
        .join(OrderItem, OrderItem.order_id == Order.id)
        .where(
            asked.customers(Order.customer_id), OrderItem.title == match, Order.state != OrderState.CANCELLED
        )
    )
    return bought.union(
        select(Asset.customer_id).where(asked.customers(Asset.customer_id), Asset.title == match)
    )  # type: ignore[return-value]


class UnresolvedComplaint:
    """Complaints and defects whose term is over and that nobody solved."""

    kind, profiles = "unresolved_complaint", False

    async def signals(self, session: AsyncSession, asked: Question) -> list[Signal]:
        patient = replace(asked, now=asked.now - PATIENCE, since=asked.since and asked.since - PATIENCE)
        query = select(Ticket).where(
            asked.customers(Ticket.customer_id),
            Ticket.kind.in_([TicketKind.COMPLAINT, TicketKind.DEFECT]),
            Ticket.state.in_(sorted(UNSOLVED)),
            Ticket.opened_at >= asked.start - PATIENCE,
            or_(
                asked.entered(Ticket.due_at, turns=True),
                Ticket.due_at.is_(None) & patient.entered(Ticket.opened_at, turns=True),
            ),
        )
        rows = await session.scalars(only(asked, query, "ticket", Ticket.number, str))
        found = []
        for row in rows:
            due = row.due_at or row.opened_at + PATIENCE
            probability = 0.9 if due <= asked.now else 0.5
            if probability >= asked.least:
                words = {"number": row.number, "subject": row.subject, "opened": row.opened_at.isoformat()}
                reason = "complaint_overdue" if due <= asked.now else "complaint_due"
                found.append(
                    Signal(
                        self.kind, row.customer_id, f"ticket:{row.number}", due, probability, reason, words
                    )
                )
        return found
