"""Carries lines from the outbox to the customer, in order per conversation.

A line becomes visible by getting its sequence number, in the very transaction that checks who owns the
conversation. So a bot line computed before a takeover never appears after it, and a line appears once,
whatever process dies.
"""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.gateway.conversations import next_seq
from bot.gateway.hub import Hub
from bot.gateway.tables import Outbox
from core import logs
from core.clock import Clock
from core.db import Database
from core.jobs import Job
from crm_bridge.models import Author, Conversation, Message, MessageState

log = logs.get("delivery")


class Delivery:
    """Handler of `deliver` jobs."""

    def __init__(self, db: Database, clock: Clock, hub: Hub) -> None:
        self._db = db
        self._clock = clock
        self._hub = hub

    async def run(self, job: Job) -> None:
        async with self._db.write() as session:
            row = await session.get(Outbox, job.payload["outbox_id"], with_for_update=True)
            if row is None or row.state != "ready":
                return
            await self._settle(session, row)
        self._hub.publish(row.conversation_id)

    async def _settle(self, session: AsyncSession, row: Outbox) -> None:
        conversation = await session.get_one(Conversation, row.conversation_id, with_for_update=True)
        message = await session.get_one(Message, row.message_id)
        now = self._clock.now()
        row.done_at = now
        if conversation.epoch != row.epoch and message.author != Author.AGENT:
            log.info("line dropped: the conversation changed hands", conversation=row.conversation_id)
            row.state = message.state = MessageState.DROPPED
            return
        await publish(session, row, now)


async def publish(session: AsyncSession, row: Outbox, now: datetime) -> None:
    """Make a line visible: it gets its place in the conversation."""
    message = await session.get_one(Message, row.message_id)
    row.state = message.state = MessageState.SENT
    row.done_at = message.sent_at = now
    message.seq = await next_seq(session, row.conversation_id)


async def mark_read(session: AsyncSession, conversation_id: str, seq: int) -> None:
    """The customer has seen everything up to `seq`."""
    await session.execute(
        update(Message)
        .where(
            Message.conversation_id == conversation_id,
            Message.author != Author.CUSTOMER,
            Message.state == MessageState.SENT,
            Message.seq <= seq,
        )
        .values(state=MessageState.READ)
        .execution_options(synchronize_session=False)
    )
