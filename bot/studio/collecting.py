"""Looks through what customers wrote since the last look, and keeps what can teach something.

This runs beside the turns, never in them. The mark is the inbox row up to which everything was looked at; a
row that is still being answered holds it back for a minute at most.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from bot.gateway.tables import Inbox as Arrived
from bot.studio.inbox import open_groups, take
from bot.studio.tables import Mark, Reason, Sample
from core import logs
from core.clock import Clock
from core.db import Database
from crm_bridge.models import Author, Message
from crm_bridge.sql import insert_if_absent

BATCH = 500  # messages of one transaction
PATIENCE = timedelta(minutes=1)  # for a message that is being answered
EVERY = timedelta(seconds=5)
UNSURE = 0.6  # below this confidence a person should look
NARROW = 0.15  # likewise when the second best intent comes so close
ONE_IN = 50  # messages drawn by chance for measuring
_NAME = "messages"
_OUTSIDE, _PEOPLE, _CLARIFY = "out_of_scope", "human_agent", "action_clarify"

log = logs.get("studio")


class Collector:
    """Fills the inbox."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def run(self) -> None:
        """Look every few seconds, for ever."""
        while True:
            try:
                while await self.look() == BATCH:
                    pass
            except Exception as error:  # the pages must go on when one look fails
                log.error("the inbox could not be filled", kind=type(error).__name__, exc_info=error)
            await self._clock.sleep_until(self._clock.now() + EVERY)

    async def look(self) -> int:
        """Look through the next messages; how many were looked at."""
        if not await self._anything():
            return 0
        async with self._db.write() as session:
            mark = await _mark(session)
            rows = await self._settled(session, mark.inbox_id)
            if not rows:
                return 0
            messages = await _messages(session, rows)
            groups = await open_groups(session)
            for message in messages:
                for wanted, reason in await _reasons(session, message):
                    if not await _known(session, wanted.id, reason):
                        await take(session, wanted, reason, groups)
            mark.inbox_id = rows[-1]
            return len(rows)

    async def _anything(self) -> bool:
        """Whether there is something new: a look that finds nothing writes nothing."""
        async with self._db.read() as session:
            mark = await session.scalar(select(Mark.inbox_id).where(Mark.name == _NAME)) or 0
            return await session.scalar(select(Arrived.id).where(Arrived.id > mark).limit(1)) is not None

    async def _settled(self, session: AsyncSession, after: int) -> list[int]:
        """Rows after the mark, up to the first that is still being answered."""
        query = select(Arrived.id, Arrived.processed_at, Arrived.received_at)
        found = []
        for id_, done, came in await session.execute(
            query.where(Arrived.id > after).order_by(Arrived.id).limit(BATCH)
        ):
            if done is None and came > self._clock.now() - PATIENCE:
                break
            found.append(id_)
        return found


async def _mark(session: AsyncSession) -> Mark:
    await insert_if_absent(session, Mark, {"name": _NAME, "inbox_id": 0})
    return await session.get_one(Mark, _NAME, with_for_update=True)


async def _messages(session: AsyncSession, rows: Sequence[int]) -> list[Message]:
    ids = [f"m{row}" for row in rows]
    query = select(Message).where(Message.id.in_(ids), Message.author == Author.CUSTOMER)
    return list(await session.scalars(query.order_by(Message.created_at, Message.id)))


async def _known(session: AsyncSession, message_id: str, reason: Reason) -> bool:
    """Whether it is in the inbox already; a graver reason that becomes known later is noted."""
    sample = await session.scalar(select(Sample).where(Sample.message_id == message_id))
    if sample is None:
        return False
    order = list(Reason)
    if sample.reason is not Reason.RANDOM and order.index(reason) < order.index(sample.reason):
        sample.reason = reason
    return True


async def _reasons(session: AsyncSession, message: Message) -> list[tuple[Message, Reason]]:
    """Which messages this one gives reason to look at: itself, or the one before it."""
    details = message.details or {}
    understood = details.get("nlu")
    if not understood:
        return []
    intent = (understood.get("intent") or {}).get("name")
    found = []
    if intent == _PEOPLE and (before := await _before(session, message)) is not None:
        asked = _CLARIFY in ((before.details or {}).get("actions") or ())
        found.append((before, Reason.NOTHING_FITS if asked and details.get("press") else Reason.ESCALATED))
    if details.get("press"):
        return found
    if drawn(message.id):
        return [*found, (message, Reason.RANDOM)]
    if intent == _OUTSIDE:
        return [*found, (message, Reason.REJECTED)]
    return [*found, (message, Reason.UNSURE)] if _unsure(understood) else found


def drawn(message_id: str) -> bool:
    """Whether chance draws a message for measuring: the same answer whoever asks."""
    return int.from_bytes(hashlib.sha256(message_id.encode()).digest()[:4]) % ONE_IN == 0


def _unsure(understood: dict[str, Any]) -> bool:
    confidences = [one["confidence"] for one in understood.get("ranking") or ()]
    if not confidences:
        return False
    return confidences[0] < UNSURE or (len(confidences) > 1 and confidences[0] - confidences[1] < NARROW)


async def _before(session: AsyncSession, message: Message) -> Message | None:
    """What the customer wrote before, in their own words, if the assistant tried to answer it."""
    query = (
        select(Message)
        .where(
            Message.conversation_id == message.conversation_id,
            Message.author == Author.CUSTOMER,
            tuple_(Message.created_at, Message.id) < tuple_(message.created_at, message.id),
        )
        .order_by(Message.created_at.desc(), Message.id.desc())
        .limit(1)
    )
    before: Message | None = await session.scalar(query)
    details = (before.details if before else None) or {}
    usable = before is not None and details.get("nlu") and not details.get("press")
    return (
        before
        if usable and before and before.created_at > message.created_at - timedelta(minutes=10)
        else None
    )
