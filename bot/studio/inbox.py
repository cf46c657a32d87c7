"""The training inbox: what comes in, grouped, and what people decide about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.studio.grouping import Groups
from bot.studio.tables import Decision, Reason, Sample, Verdict
from bot.web.staff.accounts import Staff
from core.audit import Audit
from core.clock import Clock
from core.texts import DEFAULT_LANGUAGE
from crm_bridge.models import Author, Conversation, Customer, Identity, Message
from crm_bridge.privacy.redaction import redact

SHOWN = 100  # different messages of a group on one card
RANKED = 3  # intents that are suggested


class NotACustomersMessage(Exception):
    """Only what a customer wrote can be an example."""


class Unknown(Exception):
    """There is no such group or decision, or somebody was quicker."""


async def correct(session: AsyncSession, message_id: str, intent: str, staff: Staff) -> None:
    """An agent says what a message means. It waits in the inbox for an administrator's word.

    The same message again: the newer word counts. After a decision nothing changes.

    Raises:
        NotACustomersMessage
    """
    message = await session.get(Message, message_id)
    if message is None or message.author is not Author.CUSTOMER or not message.text.strip():
        raise NotACustomersMessage(message_id)
    known = await session.scalar(
        select(Sample).where(Sample.message_id == message_id).with_for_update().limit(1)
    )
    if known is None:
        known = await take(session, message, Reason.CORRECTED)
    if known is None or known.decision_id is not None:
        return
    known.suggested, known.suggested_by = intent, staff.id
    if known.reason is not Reason.RANDOM:
        known.reason = Reason.CORRECTED
    await session.flush()


async def take(
    session: AsyncSession, message: Message, reason: Reason, groups: Groups | None = None
) -> Sample | None:
    """Put a message into the inbox, redacted; None when nothing is left of it to learn from."""
    language, text = await redacted(session, message)
    if not any(char.isalpha() for char in text):
        return None
    understood = (message.details or {}).get("nlu") or {}
    ranking = understood.get("ranking") or []
    best = ranking[0] if ranking else {}
    sample = Sample(
        message_id=message.id,
        text=text,
        language=language,
        reason=reason,
        guess=best.get("name"),
        confidence=best.get("confidence"),
        ranking=ranking[:RANKED],
        at=message.created_at,
    )
    session.add(sample)
    await session.flush()
    groups = groups or await open_groups(session)
    sample.group_id = groups.place(sample.id, text) if reason is not Reason.RANDOM else sample.id
    await session.flush()
    return sample


async def redacted(session: AsyncSession, message: Message) -> tuple[str, str]:
    """The language of a message, and its text without anything personal."""
    conversation = await session.get_one(Conversation, message.conversation_id)
    understood = (message.details or {}).get("nlu") or {}
    names = [*await _names_of(session, message), *understood.get("people", ())]
    language = understood.get("language") or conversation.language or DEFAULT_LANGUAGE
    return language, redact(message.text, names, language)


async def open_groups(session: AsyncSession) -> Groups:
    """The groups that wait for a decision."""
    query = select(Sample.group_id, Sample.text).where(
        Sample.decision_id.is_(None), Sample.group_id == Sample.id, Sample.reason != Reason.RANDOM
    )
    return Groups((group, text) for group, text in await session.execute(query) if group is not None)


async def _names_of(session: AsyncSession, message: Message) -> list[str]:
    query = (
        select(Customer.given_name, Customer.family_name, Customer.patronymic)
        .join(Identity, Identity.customer_id == Customer.id)
        .join(Conversation, Conversation.identity_id == Identity.id)
        .where(Conversation.id == message.conversation_id)
    )
    row = (await session.execute(query)).first()
    return [name for name in row or () if name]


@dataclass(frozen=True)
class Group:
    """Messages that one decision is about."""

    id: int
    size: int
    texts: list[str]  # different ones, the commonest first
    language: str
    reasons: list[Reason]
    suggested: list[tuple[str, float | None]]  # intents with the model's confidence; None: an agent said so
    last: datetime


class Inbox:
    """Reads the inbox and keeps decisions. Everything runs in the caller's transaction."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._audit = Audit(clock)

    async def groups(
        self, session: AsyncSession, *, limit: int = 100, measuring: bool = False
    ) -> list[Group]:
        """What waits, the largest groups first. `measuring`: the random draw instead of the rest."""
        drawn = (
            Sample.reason == Reason.RANDOM if measuring else Sample.reason != Reason.RANDOM,
            Sample.decision_id.is_(None),
        )
        ids = await session.scalars(
            select(Sample.group_id)
            .where(*drawn)
            .group_by(Sample.group_id)
            .order_by(func.count().desc(), func.max(Sample.at).desc())
            .limit(limit)
        )
        order = list(ids)
        rows = await session.scalars(
            select(Sample).where(Sample.group_id.in_(order), *drawn).order_by(Sample.id)
        )
        by_group: dict[int | None, list[Sample]] = {}
        for row in rows:
            by_group.setdefault(row.group_id, []).append(row)
        return [_group(id_, by_group[id_]) for id_ in order if id_ is not None and by_group.get(id_)]

    async def waiting(self, session: AsyncSession, *, measuring: bool = False) -> int:
        """How many messages wait for a decision; `measuring`: of the random draw, else of the rest."""
        drawn = Sample.reason == Reason.RANDOM if measuring else Sample.reason != Reason.RANDOM
        query = select(func.count()).where(Sample.decision_id.is_(None), drawn)
        return await session.scalar(query) or 0

    async def decide(
        self,
        session: AsyncSession,
        group_id: int,
        verdict: Verdict,
        intent: str | None,
        staff: Staff | None,
    ) -> Decision:
        """Decide about all messages of a group that wait.

        Raises:
            Unknown: nothing of the group waits (any more).
        """
        decision = Decision(
            verdict=verdict,
            intent=intent if verdict is Verdict.INTENT else None,
            staff_id=staff.id if staff else None,
            at=self._clock.now(),
        )
        session.add(decision)
        await session.flush()
        taken = await session.scalars(
            update(Sample)
            .where(Sample.group_id == group_id, Sample.decision_id.is_(None))
            .values(decision_id=decision.id)
            .returning(Sample.id)
            .execution_options(synchronize_session=False)
        )
        count = len(list(taken))
        if not count:
            raise Unknown(str(group_id))
        await self._audit.record(
            session, _actor(staff), f"sample {verdict}", f"decision:{decision.id}", intent=intent, count=count
        )
        return decision

    async def undo(self, session: AsyncSession, decision_id: int, staff: Staff | None) -> None:
        """Take a decision back: its messages wait again, and what it put into the files is taken out.

        Raises:
            Unknown
        """
        decision = await session.get(Decision, decision_id, with_for_update=True)
        if decision is None or decision.undone_at is not None:
            raise Unknown(str(decision_id))
        decision.undone_at, decision.undone_by = self._clock.now(), staff.id if staff else None
        if decision.written_at is None:
            await release(session, decision_id)
        await self._audit.record(session, _actor(staff), "decision undone", f"decision:{decision_id}")

    async def decisions(self, session: AsyncSession, limit: int = 20) -> list[tuple[Decision, int, str]]:
        """The newest decisions that hold: with how many messages, and one of them."""
        query = (
            select(Decision, func.count(Sample.id), func.min(Sample.text))
            .join(Sample, Sample.decision_id == Decision.id)
            .where(Decision.undone_at.is_(None))
            .group_by(*Decision.__table__.columns)
            .order_by(Decision.id.desc())
            .limit(limit)
        )
        return [(one, count, text) for one, count, text in await session.execute(query)]


async def release(session: AsyncSession, decision_id: int) -> None:
    """The messages of a decision wait again."""
    await session.execute(
        update(Sample)
        .where(Sample.decision_id == decision_id)
        .values(decision_id=None)
        .execution_options(synchronize_session=False)
    )


def _actor(staff: Staff | None) -> str:
    return staff.actor if staff else "cli"


def _group(id_: int, rows: Sequence[Sample]) -> Group:
    counted: dict[str, int] = {}
    for row in rows:
        counted[row.text] = counted.get(row.text, 0) + 1
    return Group(
        id=id_,
        size=len(rows),
        texts=sorted(counted, key=lambda text: -counted[text])[:SHOWN],
        language=rows[0].language,
        reasons=sorted({row.reason for row in rows}),
        suggested=_suggested(rows),
        last=max(row.at for row in rows),
    )


def _suggested(rows: Sequence[Sample]) -> list[tuple[str, float | None]]:
    """What agents said, then the model's guesses by their mean confidence over the group."""
    said = list(dict.fromkeys(row.suggested for row in rows if row.suggested))
    weight: dict[str, float] = {}
    for row in rows:
        for one in row.ranking:
            weight[one["name"]] = weight.get(one["name"], 0.0) + one["confidence"] / len(rows)
    guesses = sorted(weight.items(), key=lambda item: -item[1])
    return [*((name, None) for name in said), *((n, w) for n, w in guesses if n not in said)][:RANKED]
