"""What stands beside a dialogue: who the customer is, what is going on with them, what was before."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.cases import cases_of, choices
from bot.desk.dialogues import Dialogue
from bot.gateway.handoffs import UPSET, Handoff
from bot.proactive.explaining import Explained, why
from bot.web.staff.accounts import Staff
from core.audit import Audit
from core.clock import Clock
from core.db import Database
from crm_bridge.consent import Consents
from crm_bridge.models import Conversation, Identity, Payment, Purpose, Rating
from crm_bridge.models import Order as OrderRow
from crm_bridge.money import Money
from crm_bridge.operations.orders import OrderOperations
from crm_bridge.orders import Orders, OrderView
from crm_bridge.profile import Profile, Profiles, UnknownCustomer
from crm_bridge.timeline import Position, Timelines

SHOWN = 10  # ratings, payments, earlier dialogues
PAGE = 40  # events of the timeline
STALE = timedelta(days=3)  # after its day a prediction is shown no more


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that is on its way, and what cancelling it would cost; None: it is too late."""

    order: OrderView
    fee: Money | None


@dataclass(frozen=True, slots=True)
class PaymentLine:
    """A payment of the customer."""

    number: str  # of the order
    state: str
    amount: Money
    at: datetime


class Beside:
    """Reads it. Every look at a customer's data goes into the audit log."""

    def __init__(self, db: Database, clock: Clock, order_operations: OrderOperations) -> None:
        self._db = db
        self._clock = clock
        self._profiles = Profiles(db, clock)
        self._orders = Orders(db)
        self._timelines = Timelines(db)
        self._consents = Consents(db, clock)
        self._order_operations = order_operations
        self._audit = Audit(clock)

    async def values(self, staff: Staff, shown: Dialogue) -> dict[str, Any]:
        """The customer, for the page; hardly anything while they have not said who they are."""
        profile = await self._profile(staff, shown)
        values: dict[str, Any] = {"profile": profile, "orders": [], "payments": [], "ratings": []}
        values |= {"consent": {}, "problems": [], "cases": [], "moods": []} | choices()
        async with self._db.read() as session:
            values["ratings"] = await _ratings(session, shown)
            if profile is None:
                return values
            values["payments"] = await _payments(session, profile.id)
            values["cases"] = await cases_of(session, profile.id)
            values["moods"] = await _moods(session, profile.id)
            values["problems"] = await self._problems(session, profile.id, staff.language)
        for order in await self._orders.of_customer(profile.id):
            if order.is_open:
                fee = self._order_operations.cancellation_fee(order)
                values["orders"].append(OpenOrder(order, fee))
        values["consent"] = {
            purpose.value: decision.value
            for (purpose, channel), decision in profile.decisions.items()
            if channel in (None, shown.channel)
        }
        return values | {"purposes": [purpose.value for purpose in Purpose]}

    async def _problems(self, session: AsyncSession, customer_id: int, language: str) -> list[Explained]:
        """What is predicted and has not come true or passed: each once, the newest word."""
        now, newest = self._clock.now(), dict[str, Explained]()
        for one in await why(session, customer_id, language):
            if not one.outcome and one.expected_at >= now - STALE:
                newest.setdefault(one.rule, one)
        return list(newest.values())

    async def _profile(self, staff: Staff, shown: Dialogue) -> Profile | None:
        if shown.customer_id is None:
            return None
        async with self._db.write() as session:
            subject = f"customer:{shown.customer_id}"
            await self._audit.record(session, staff.actor, "profile read", subject, conversation=shown.id)
        try:
            return await self._profiles.read(shown.customer_id)
        except UnknownCustomer:
            return None

    async def history(self, staff: Staff, shown: Dialogue, after: str | None) -> dict[str, Any]:
        """Everything that happened between the customer and the company, newest first."""
        if shown.customer_id is None:
            return {"events": [], "next": None, "earlier": []}
        try:
            position = Position.read(after) if after else None
        except ValueError:
            position = None
        async with self._db.write() as session:
            subject = f"customer:{shown.customer_id}"
            await self._audit.record(session, staff.actor, "timeline read", subject, conversation=shown.id)
        page = await self._timelines.page(shown.customer_id, after=position, limit=PAGE)
        async with self._db.read() as session:
            query = (
                select(Conversation)
                .join(Identity, Identity.id == Conversation.identity_id)
                .where(Identity.customer_id == shown.customer_id, Conversation.id != shown.id)
                .order_by(Conversation.updated_at.desc())
                .limit(SHOWN)
            )
            earlier = [] if after else list(await session.scalars(query))
        return {"events": page.events, "next": page.next, "earlier": earlier}


async def _ratings(session: AsyncSession, shown: Dialogue) -> list[Rating]:
    """How the customer rated the help, newest first."""
    whose = (
        Rating.conversation_id == shown.id
        if shown.customer_id is None
        else Rating.customer_id == shown.customer_id
    )
    return list(await session.scalars(select(Rating).where(whose).order_by(Rating.at.desc()).limit(SHOWN)))


async def _moods(session: AsyncSession, customer_id: int) -> list[tuple[str, datetime]]:
    """How the customer sounded in their last dialogues with people, newest first: a word, and when."""
    query = (
        select(Handoff.sentiment, Handoff.queued_at)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .join(Identity, Identity.id == Conversation.identity_id)
        .where(Identity.customer_id == customer_id, Handoff.sentiment.is_not(None))
        .order_by(Handoff.queued_at.desc())
        .limit(SHOWN)
    )
    return [(_mood(sentiment or 0.0), at) for sentiment, at in await session.execute(query)]


def _mood(sentiment: float) -> str:
    if sentiment <= UPSET:
        return "upset"
    return "pleased" if sentiment >= -UPSET else "calm"


async def _payments(session: AsyncSession, customer_id: int) -> list[PaymentLine]:
    query = (
        select(Payment, OrderRow.number)
        .join(OrderRow, OrderRow.id == Payment.order_id)
        .where(OrderRow.customer_id == customer_id)
        .order_by(Payment.created_at.desc())
        .limit(SHOWN)
    )
    return [
        PaymentLine(number, payment.state, Money(payment.amount_minor, payment.currency), payment.created_at)
        for payment, number in await session.execute(query)
    ]
