"""The last look, and the ordinary outbox.

One decision, one transaction: it is taken, everything is looked at once more, and the line and the mark
«sent» are stored together. So a process may die anywhere, and two workers may take the same decision: the
customer gets the message once.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.gateway.conversations import Conversations, conversation_of
from bot.gateway.outbox import OutboxShelf
from bot.gateway.policy import Use
from bot.gateway.sending import EXPIRED
from bot.gateway.tables import LineState, Outbox
from bot.proactive.book import RuleBook
from bot.proactive.cases import signal_of
from bot.proactive.compose import Composed, Reader, compose
from bot.proactive.facts import facts_of, history_of
from bot.proactive.policy import Allows, Decision, Way, decide, open_until
from bot.proactive.rules import Limits, Rule
from bot.proactive.signals.all import predictors
from bot.proactive.signals.background import background
from bot.proactive.signals.base import Predictor, Question, Range, Signal
from bot.proactive.tables import DecisionRow, RuleRow, RuleState, SignalRow, Verdict
from core import logs
from core.clock import Clock
from core.db import Database
from core.jobs.port import PROACTIVE
from crm_bridge.addresses import ways_to
from crm_bridge.identity import Identities
from crm_bridge.models import (
    Author,
    Conversation,
    ConversationStatus,
    Customer,
    Identity,
    Message,
    Owner,
    Purpose,
)

log = logs.get("proactive")

AT_ONCE = 200  # decisions looked up together
PERSON_OWNS = timedelta(minutes=30)  # then it is looked at again
QUIET_FOR = timedelta(minutes=5)  # since the customer's last message
RECENT = timedelta(days=3)  # decisions whose messages may still not be out
MOVED = timedelta(days=2)  # a date that is computed may move so far and still mean the same


class Sent(StrEnum):
    """What became of a decision that was due."""

    SENT = "sent"
    LATER = "later"
    NOT_AT_ALL = "not_at_all"
    TAKEN = "taken"  # somebody else dealt with it


class Sender:
    """Sends what was decided."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        outbox: OutboxShelf,
        identities: Identities,
        conversations: Conversations,
        *,
        book: RuleBook,
        limits: Limits,
        allows: Allows,
        channels: Callable[[], Collection[tuple[str, str]]],  # name and account of those that are connected
        models: Path,
    ) -> None:
        self._db = db
        self._clock = clock
        self._outbox = outbox
        self._identities = identities
        self._conversations = conversations
        self._book = book
        self._limits = limits
        self._allows = allows
        self._channels = channels
        self._models = models

    async def due(self) -> Sequence[int]:
        """Decisions whose moment has come, the most urgent first."""
        row, now = DecisionRow, self._clock.now()
        query = (
            select(row.id)
            .where(row.verdict == Verdict.SEND, row.sent_at.is_(None), row.until <= now)
            .order_by(row.until, row.id)
            .limit(AT_ONCE)
        )
        async with self._db.read() as session:
            return (await session.scalars(query)).all()

    async def next_due(self) -> datetime | None:
        """When the next decision is due."""
        row = DecisionRow
        query = select(func.min(row.until)).where(row.verdict == Verdict.SEND, row.sent_at.is_(None))
        async with self._db.read() as session:
            return await session.scalar(query)

    async def look_again(self) -> int:
        """Look anew at what was stored and certainly never went out; how many.

        An agent took over before, or the provider was away until quiet hours began.
        """
        now, row = self._clock.now(), DecisionRow
        never = exists().where(
            Outbox.message_id == row.message_id,
            or_(
                Outbox.state == LineState.DROPPED,
                and_(Outbox.state == LineState.FAILED, Outbox.failure == EXPIRED),
            ),
        )
        async with self._db.write() as session:
            rules = [rule.name for rule in await self._book.live(session)]
            back = (
                update(row)
                .where(row.rule.in_(rules), row.verdict == Verdict.SEND, row.decided_at > now - RECENT, never)
                .values(verdict=Verdict.WAIT, why="not_out", until=now, sent_at=None, message_id=None)
                .returning(row.id)
                .execution_options(synchronize_session=False)
            )
            return len((await session.execute(back)).all())

    async def look(self) -> "Look":
        """What the decisions of one round are looked at with."""
        now = self._clock.now()
        known = await background(self._db, now)
        async with self._db.read() as session:
            rules = await self._book.live(session)
        return Look({rule.name: rule for rule in rules}, predictors(known, self._models))

    async def send_due(self) -> dict[Sent, int]:
        """Deal with everything that is due; what became of it."""
        told: dict[Sent, int] = {}
        while due := await self.due():
            look = await self.look()
            for id_ in due:
                became = await self.send(id_, look)
                told[became] = told.get(became, 0) + 1
        return told

    async def send(self, decision_id: int, look: "Look") -> Sent:
        """Deal with one decision that is due."""
        async with self._db.write() as session:
            taken = await session.scalar(
                update(DecisionRow)
                .where(
                    DecisionRow.id == decision_id,
                    DecisionRow.verdict == Verdict.SEND,
                    DecisionRow.sent_at.is_(None),
                )
                .values(looks=DecisionRow.looks + 1)
                .returning(DecisionRow.id)
                .execution_options(synchronize_session=False)
            )
            if taken is None:
                return Sent.TAKEN
            row = await session.get_one(DecisionRow, decision_id, populate_existing=True)
            return await self._look(session, row, look)

    async def _look(self, session: AsyncSession, row: DecisionRow, look: "Look") -> Sent:
        now = self._clock.now()
        # Held to the end: two messages of one customer are looked at one after the other.
        await session.execute(select(Customer.id).where(Customer.id == row.customer_id).with_for_update())
        rule = look.rules.get(row.rule)
        state = await session.scalar(select(RuleRow.state).where(RuleRow.name == row.rule))
        if rule is None or state is not RuleState.LIVE:
            return self._not_at_all(row, "rule_off")
        predictor = look.predictors[rule.predictor]
        signal = await self._still(session, row, rule, predictor, now)
        if signal is None:
            return self._not_at_all(row, "problem_gone")
        made, way, until = await self._decided(session, row, rule, signal, now, profiles=predictor.profiles)
        row.inputs = {**row.inputs, "last_look": {"at": now.isoformat(), **made.inputs}}
        if made.verdict is Verdict.WAIT:
            return self._later(row, made.until or now + PERSON_OWNS, made.why)
        if made.verdict is not Verdict.SEND or way is None:
            row.verdict, row.why, row.until = made.verdict, made.why, None
            return Sent.NOT_AT_ALL
        return await self._say(session, row, rule, signal, way, until, now)

    async def _still(
        self, session: AsyncSession, row: DecisionRow, rule: Rule, predictor: Predictor, now: datetime
    ) -> Signal | None:
        """The signal as it is found now; None when the problem has gone."""
        found = signal_of(await session.get_one(SignalRow, row.signal_id))
        asked = Question(
            now,
            Range(row.customer_id - 1, row.customer_id),
            rule.horizon + MOVED,
            max(rule.expires, timedelta(0)) + MOVED,
            0.0,
            found.subject,
        )
        looked = await predictor.signals(session, asked)
        again = next((one for one in looked if one.subject == found.subject), None)
        return replace(again, expected_at=found.expected_at) if again else None

    async def _decided(
        self,
        session: AsyncSession,
        row: DecisionRow,
        rule: Rule,
        signal: Signal,
        now: datetime,
        *,
        profiles: bool,
    ) -> tuple[Decision, Way | None, datetime]:
        """What is decided now, where it may go, and until when it may."""
        known = await history_of(session, [row.customer_id], now, besides=row.id)
        names = frozenset(name for name, _ in self._channels())
        facts = (await facts_of(session, [row.customer_id], now, names, known)).get(row.customer_id)
        if facts is None:
            return Decision(Verdict.SUPPRESSED, "no_address"), None, now
        made = decide(facts, rule, signal, now, self._limits, self._allows, profiles=profiles)
        way = next((way for way in facts.ways if way.channel == made.channel), None)
        return made, way, open_until(facts, rule, signal, now, self._limits)

    async def _say(
        self,
        session: AsyncSession,
        row: DecisionRow,
        rule: Rule,
        signal: Signal,
        way: Way,
        until: datetime,
        now: datetime,
    ) -> Sent:
        if await _with_people(session, row.customer_id):
            return self._later(row, now + PERSON_OWNS, "person_owns")
        identity = await self._identity(session, way, row)
        if identity is None:
            return self._not_at_all(row, "no_address")
        conversation = await self._conversation(session, identity)
        if conversation.owner is not Owner.BOT:
            return self._later(row, now + PERSON_OWNS, "person_owns")
        if (spoke := await _last_heard(session, conversation.id)) and now - spoke < QUIET_FOR:
            return self._later(row, spoke + QUIET_FOR, "in_dialogue")
        customer = await session.get_one(Customer, row.customer_id)
        reader = Reader(customer.given_name, customer.language, customer.time_zone)
        said = compose(rule, signal, reader, identity.channel)
        message_id = await self._put(session, conversation, identity, rule, signal, said, until)
        row.why, row.channel, row.sent_at, row.message_id = "sent", identity.channel, now, message_id
        log.info("proactive message", rule=rule.name, decision=row.id, channel=identity.channel)
        return Sent.SENT

    async def _identity(self, session: AsyncSession, way: Way, row: DecisionRow) -> Identity | None:
        if way.identity_id is not None:
            return await session.get(Identity, way.identity_id)
        account = next((account for name, account in self._channels() if name == way.channel), None)
        address = next(
            (each for each in await ways_to(session, row.customer_id) if each.channel == way.channel), None
        )
        if account is None or address is None:
            return None
        made = await self._identities.get_or_create(session, way.channel, account, address.external_id)
        identity = await session.get_one(Identity, made.id)
        identity.customer_id = identity.customer_id or row.customer_id
        await session.flush()
        return identity

    async def _conversation(self, session: AsyncSession, identity: Identity) -> Conversation:
        """Where it is said. Unlike a message of theirs, it does not move the conversation there."""
        found = await conversation_of(session, identity.id, identity.channel)
        if found is None:
            found = await self._conversations.current(
                session, identity.id, identity.channel, identity.account, identity.language
            )
        return await session.get_one(Conversation, found.id, with_for_update=True, populate_existing=True)

    async def _put(
        self,
        session: AsyncSession,
        conversation: Conversation,
        identity: Identity,
        rule: Rule,
        signal: Signal,
        said: Composed,
        until: datetime,
    ) -> str | None:
        use = Use.MARKETING if rule.purpose is Purpose.MARKETING else Use.SERVICE
        await self._outbox.say(
            session,
            conversation.id,
            [said.line],
            author=Author.ASSISTANT,
            epoch=conversation.epoch,
            priority=PROACTIVE,
            use=use,
            to=identity.id,
            expires_at=until,  # a provider that is away must not make it a message of the night
        )
        newest = select(func.max(Outbox.id)).where(Outbox.conversation_id == conversation.id)
        message_id = await session.scalar(
            select(Outbox.message_id).where(Outbox.id == newest.scalar_subquery())
        )
        message = await session.get_one(Message, message_id)
        details: dict[str, Any] = {"proactive": {"rule": rule.name, "subject": signal.subject}}
        if said.template is not None:
            made = said.template
            details["template"] = {"name": made.name, "language": made.language, "values": list(made.values)}
        message.details = {**(message.details or {}), **details}
        return message_id

    def _not_at_all(self, row: DecisionRow, why: str) -> Sent:
        row.verdict, row.why, row.until = Verdict.SUPPRESSED, why, None
        return Sent.NOT_AT_ALL

    def _later(self, row: DecisionRow, until: datetime, why: str) -> Sent:
        """A wait that a run ends: it decides again, with all that has changed by then."""
        row.verdict, row.why, row.until = Verdict.WAIT, why, until
        return Sent.LATER


@dataclass(frozen=True, slots=True)
class Look:
    """What decisions are looked at with, for one round."""

    rules: dict[str, Rule]
    predictors: dict[str, Predictor]


async def _with_people(session: AsyncSession, customer_id: int) -> bool:
    """Whether a person talks with them anywhere, or they wait for one."""
    query = (
        select(Conversation.id)
        .join(Identity, Identity.id == Conversation.identity_id)
        .where(
            Identity.customer_id == customer_id,
            Conversation.owner != Owner.BOT,
            Conversation.status != ConversationStatus.RESOLVED,
        )
    )
    return await session.scalar(query.limit(1)) is not None


async def _last_heard(session: AsyncSession, conversation_id: str) -> datetime | None:
    return await session.scalar(
        select(func.max(Message.created_at)).where(
            Message.conversation_id == conversation_id, Message.author == Author.CUSTOMER
        )
    )
