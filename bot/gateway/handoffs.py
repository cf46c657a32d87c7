"""What people owe a customer whom the bot handed to them: an answer, by when, from whom.

One row a conversation, written in the transactions that change it, so that the desk's lists need no search.
Nothing is written here while the bot answers.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    ForeignKey,
    Index,
    String,
    and_,
    bindparam,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from core.db import Base, BigId
from crm_bridge.company.desk import DeskRules
from crm_bridge.models import Author, Conversation, Customer, Identity, Message
from crm_bridge.models.choice import choice

UPSET = -0.4  # sentiment of a message that sounds upset
URGENT_AHEAD = timedelta(days=30)
AFTER_ALL = timedelta(days=3650)  # what needs no answer stands behind everything that does
LOOK_BACK = 12  # messages of the customer in which the topic is looked for
NO_TOPICS = frozenset(
    {"human_agent", "greet", "goodbye", "thanks", "affirm", "deny", "chitchat", "bot_challenge"}
    | {"out_of_scope", "nlu_fallback"}
)


class Place(StrEnum):
    """Whose turn it is."""

    WAITING = "waiting"  # nobody has taken it
    ANSWER = "answer"  # its agent's
    CUSTOMER = "customer"  # the customer's
    SNOOZED = "snoozed"  # nobody's until a moment
    DONE = "done"  # the bot's again


OWED = (Place.WAITING, Place.ANSWER)  # an answer
OPEN = (Place.WAITING, Place.ANSWER, Place.CUSTOMER, Place.SNOOZED)  # the matter is not settled


class PromiseKind(StrEnum):
    """What a customer is promised."""

    FIRST_ANSWER = "first_answer"
    NEXT_ANSWER = "next_answer"
    RESOLUTION = "resolution"


class Handoff(Base):
    """A dialogue on the desk. The lists are sorted by `rank_at`: the deadline, earlier for the urgent."""

    __tablename__ = "handoff"
    __table_args__ = (
        Index("ix_handoff_place", "place", "rank_at", "conversation_id"),
        Index("ix_handoff_agent", "agent_id", "place", "rank_at"),
        Index("ix_handoff_offered", "offered_to", "place"),
        Index("ix_handoff_updated", "updated_at"),
        Index("ix_handoff_queued", "queued_at"),
        Index("ix_handoff_resolve", "place", "resolve_warned_at", "resolve_by"),
    )

    conversation_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("conversation.id", ondelete="CASCADE"), primary_key=True
    )
    place: Mapped[Place] = mapped_column(choice(Place, "place"))
    agent_id: Mapped[int | None] = mapped_column(BigId)
    last_agent_id: Mapped[int | None] = mapped_column(BigId)  # who had it before
    offered_to: Mapped[int | None] = mapped_column(BigId)  # who is asked to take it
    offered_at: Mapped[datetime | None]
    team: Mapped[str | None] = mapped_column(String(40))
    topic: Mapped[str | None] = mapped_column(String(100))  # an intent
    vip: Mapped[bool] = mapped_column(default=False)
    urgent: Mapped[bool] = mapped_column(default=False)
    missed: Mapped[bool] = mapped_column(default=False)  # nobody came in time; the bot is back meanwhile
    sentiment: Mapped[float | None]  # of the customer's last message that has one
    queued_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]  # since when an answer is owed; None: none is
    due_at: Mapped[datetime | None]  # by when
    first_answer_at: Mapped[datetime | None]
    resolve_by: Mapped[datetime]
    resolve_warned_at: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    snoozed_until: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    rank_at: Mapped[datetime]
    updated_at: Mapped[datetime]


def overdue(now: datetime) -> ColumnElement[bool]:
    """Where a promise is broken and not kept yet: an answer's, or that the matter is settled.

    A condition on the place stands before both: given only an OR, SQLite would read all that is done.
    """
    answer = and_(Handoff.place.in_(OWED), Handoff.due_at < now)
    return and_(Handoff.place.in_(OPEN), or_(answer, Handoff.resolve_by < now))


class Promise(Base):
    """A promise that was kept, in time or late."""

    __tablename__ = "promise"
    __table_args__ = (Index("ix_promise_kept_at", "kept_at", "kind"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("conversation.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[PromiseKind] = mapped_column(choice(PromiseKind, "kind"))
    agent_id: Mapped[int | None] = mapped_column(BigId)
    made_at: Mapped[datetime]
    due_at: Mapped[datetime]
    kept_at: Mapped[datetime]


class Handoffs:
    """Writes what happened to a dialogue on the desk, in the caller's transaction."""

    def __init__(self, clock: Clock, rules: DeskRules) -> None:
        self._clock = clock
        self.rules = rules

    async def queued(self, session: AsyncSession, conversation_id: str, *, urgent: bool) -> None:
        """People are asked for, or an agent leaves it to whoever is free."""
        now = self._clock.now()
        row = await session.get(Handoff, conversation_id, with_for_update=True, populate_existing=True)
        if row is None or row.place is Place.DONE:
            row = await self._begun(session, conversation_id, row, now)
        row.place = Place.WAITING
        row.last_agent_id, row.agent_id = row.agent_id or row.last_agent_id, None
        row.offered_to = row.offered_at = row.snoozed_until = None
        row.urgent = row.urgent or urgent
        self._owe(row, now)
        self._rank(row, now)
        await session.flush()

    async def taken(self, session: AsyncSession, conversation_id: str, agent_id: int) -> None:
        """An agent claimed it, be it from the queue, from the bot, or from a colleague."""
        now = self._clock.now()
        row = await session.get(Handoff, conversation_id, with_for_update=True, populate_existing=True)
        if row is None or row.place is Place.DONE:
            row = await self._begun(session, conversation_id, row, now)
            self._owe(row, now)
        row.place = Place.ANSWER if row.asked_at else Place.CUSTOMER
        row.agent_id = agent_id
        row.offered_to = row.offered_at = row.snoozed_until = None
        row.missed = False
        self._rank(row, now)
        await session.flush()

    async def left(self, session: AsyncSession, conversation_id: str) -> None:
        """The bot goes on."""
        now = self._clock.now()
        row = await session.get(Handoff, conversation_id, with_for_update=True, populate_existing=True)
        if row is None or row.place is Place.DONE:
            return
        row.place, row.closed_at = Place.DONE, now
        row.last_agent_id, row.agent_id = row.agent_id or row.last_agent_id, None
        row.offered_to = row.offered_at = row.snoozed_until = row.asked_at = row.due_at = None
        self._rank(row, now)
        await session.flush()

    async def missed(self, session: AsyncSession, conversation_id: str) -> None:
        """The bot is back because nobody came; people still have to see to it."""
        row = await session.get(Handoff, conversation_id, with_for_update=True, populate_existing=True)
        if row is None:
            return
        now = self._clock.now()
        row.place, row.missed, row.closed_at = Place.WAITING, True, None
        row.escalated_at = row.escalated_at or now
        self._owe(row, now)
        self._rank(row, now)
        await session.flush()

    async def resolved(self, session: AsyncSession, conversation_id: str, agent_id: int) -> None:
        """The matter is settled; to be called before it is left to the bot."""
        row = await session.get(Handoff, conversation_id, with_for_update=True, populate_existing=True)
        if row and row.place is not Place.DONE:
            self._keep(session, row, PromiseKind.RESOLUTION, row.queued_at, row.resolve_by, agent_id)

    async def customer_wrote(
        self, session: AsyncSession, conversation_id: str, sentiment: float | None = None
    ) -> None:
        """The customer wrote while people have the dialogue."""
        row = await session.get(Handoff, conversation_id, with_for_update=True, populate_existing=True)
        if row is not None:
            self._wrote(row, sentiment)
            await session.flush()

    async def customers_wrote(self, session: AsyncSession, conversation_ids: Sequence[str]) -> None:
        """The same of several dialogues."""
        rows = await session.scalars(_OF_THESE, {"ids": conversation_ids})
        for row in rows:
            self._wrote(row)
        await session.flush()

    def _wrote(self, row: Handoff, sentiment: float | None = None) -> None:
        if row.place is Place.DONE:
            return
        now = self._clock.now()
        row.place = Place.ANSWER if row.agent_id else Place.WAITING
        row.snoozed_until = None
        row.sentiment = row.sentiment if sentiment is None else sentiment
        self._owe(row, now)
        self._rank(row, now)

    async def answered(self, session: AsyncSession, conversation_id: str, agent_id: int) -> None:
        """An agent answered."""
        row = await session.get(Handoff, conversation_id, with_for_update=True, populate_existing=True)
        if row is None:
            return
        now = self._clock.now()
        if row.asked_at and row.due_at:
            kind = PromiseKind.NEXT_ANSWER if row.first_answer_at else PromiseKind.FIRST_ANSWER
            self._keep(session, row, kind, row.asked_at, row.due_at, agent_id)
        row.first_answer_at = row.first_answer_at or now
        row.asked_at = row.due_at = row.warned_at = row.escalated_at = row.snoozed_until = None
        row.place = Place.CUSTOMER
        self._rank(row, now)
        await session.flush()

    async def snoozed(self, session: AsyncSession, conversation_id: str, until: datetime) -> None:
        """Nothing is to be done before a moment, unless the customer writes."""
        row = await session.get_one(Handoff, conversation_id, with_for_update=True, populate_existing=True)
        row.place, row.snoozed_until = Place.SNOOZED, until
        self._rank(row, self._clock.now())
        await session.flush()

    async def woken(self, session: AsyncSession, conversation_id: str) -> bool:
        """The moment has come; False when somebody was quicker. What was snoozed is owed an answer now."""
        now = self._clock.now()
        row = await session.get_one(Handoff, conversation_id, with_for_update=True, populate_existing=True)
        if row.place is not Place.SNOOZED or row.snoozed_until is None or row.snoozed_until > now:
            return False
        row.place, row.snoozed_until = (Place.ANSWER if row.agent_id else Place.WAITING), None
        row.asked_at = row.due_at = None
        self._owe(row, now)
        self._rank(row, now)
        await session.flush()
        return True

    async def moved(self, session: AsyncSession, conversation_id: str, team: str | None) -> None:
        """It is another team's now."""
        row = await session.get_one(Handoff, conversation_id, with_for_update=True, populate_existing=True)
        row.team = team
        row.updated_at = self._clock.now()
        await session.flush()

    async def offered(self, session: AsyncSession, conversation_id: str, to: int | None) -> bool:
        """Somebody is asked to take it; False when it does not wait any more. None takes the offer back."""
        now = self._clock.now()
        changed = await session.execute(
            update(Handoff)
            .where(Handoff.conversation_id == conversation_id, Handoff.place == Place.WAITING)
            .values(offered_to=to, offered_at=now if to else None, updated_at=now)
            .execution_options(synchronize_session=False)
        )
        return cast("CursorResult[Any]", changed).rowcount == 1

    async def _begun(
        self, session: AsyncSession, conversation_id: str, old: Handoff | None, now: datetime
    ) -> Handoff:
        """A fresh matter. Who had the last one stays known while it may be the same."""
        found = (
            await session.execute(
                select(Conversation.channel, Conversation.language, Conversation.urgent, Customer.vip)
                .join(Identity, Identity.id == Conversation.identity_id)
                .outerjoin(Customer, Customer.id == Identity.customer_id)
                .where(Conversation.id == conversation_id)
            )
        ).one()
        topic, sentiment = await _topic(session, conversation_id)
        row = old or Handoff(conversation_id=conversation_id)
        if old is None:
            session.add(row)
        same = bool(old and old.closed_at and now - old.closed_at <= self.rules.reopen_within)
        row.last_agent_id = row.last_agent_id if same else None
        row.agent_id = row.asked_at = row.due_at = row.first_answer_at = row.closed_at = None
        row.warned_at = row.escalated_at = row.resolve_warned_at = None
        row.team = self.rules.team_for(topic, found.language, found.channel)
        row.topic, row.sentiment = topic, sentiment
        row.vip, row.urgent, row.missed = bool(found.vip), found.urgent, False
        row.queued_at, row.resolve_by = now, self.rules.due(now, self.rules.resolution)
        return row

    def _owe(self, row: Handoff, now: datetime) -> None:
        """An answer is owed from now on, if none was."""
        if row.asked_at is not None:
            return
        within = self.rules.next_answer if row.first_answer_at else self.rules.first_answer
        row.asked_at, row.due_at = now, self.rules.due(now, within)
        row.warned_at = row.escalated_at = None

    def _rank(self, row: Handoff, now: datetime) -> None:
        rules = self.rules
        row.updated_at = now
        if row.place is Place.SNOOZED and row.snoozed_until:
            row.rank_at = row.snoozed_until
        elif row.place in (Place.CUSTOMER, Place.DONE) or row.due_at is None:
            row.rank_at = now + AFTER_ALL
        else:
            upset = row.sentiment is not None and row.sentiment <= UPSET
            ahead = URGENT_AHEAD * row.urgent + rules.vip_ahead * row.vip + rules.upset_ahead * upset
            row.rank_at = row.due_at - ahead
        if row.resolve_warned_at and row.place in OPEN:
            row.rank_at = min(row.rank_at, row.resolve_by)

    def resolution_near(self, row: Handoff) -> None:
        """The matter is to be settled soon, or should have been: it comes forward in the lists."""
        now = self._clock.now()
        row.resolve_warned_at = now
        self._rank(row, now)

    def _keep(
        self,
        session: AsyncSession,
        row: Handoff,
        kind: PromiseKind,
        made_at: datetime,
        due_at: datetime,
        agent_id: int,
    ) -> None:
        session.add(
            Promise(
                conversation_id=row.conversation_id,
                kind=kind,
                agent_id=agent_id,
                made_at=made_at,
                due_at=due_at,
                kept_at=self._clock.now(),
            )
        )


_OF_THESE = (
    select(Handoff)
    .where(Handoff.conversation_id.in_(bindparam("ids", expanding=True)))
    .order_by(Handoff.conversation_id)
    .with_for_update()
    .execution_options(populate_existing=True)
)


async def _topic(session: AsyncSession, conversation_id: str) -> tuple[str | None, float | None]:
    """What the customer's newest messages are about, and how the newest sounds."""
    query = (
        select(Message.details)
        .where(Message.conversation_id == conversation_id, Message.author == Author.CUSTOMER)
        .order_by(Message.created_at.desc(), Message.id.desc())
        .limit(LOOK_BACK)
    )
    understood = [(details or {}).get("nlu") or {} for details in await session.scalars(query)]
    intents = ((nlu.get("intent") or {}).get("name") for nlu in understood)
    topic = next((intent for intent in intents if intent and intent not in NO_TOPICS), None)
    sentiment = next((nlu["sentiment"] for nlu in understood if nlu.get("sentiment") is not None), None)
    return topic, sentiment
