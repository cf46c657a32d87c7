"""What providers tell about our messages: delivered, read, failed. They tell it twice and in any order."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.inbound import Receipt, ReceiptState, content_of
from bot.gateway.failover import Failover
from bot.gateway.hub import Hub
from bot.gateway.sending import Line, line_of
from bot.gateway.tables import Inbox, LineState, Outbox, Sending
from core.clock import Clock
from core.db import Database
from core.jobs import Job, RetryAfter
from crm_bridge.models import Message, MessageState

# What a report may replace: states only ever move forward. A failure after an arrival is a mistake.
_BEFORE = {
    LineState.SENT: (LineState.UNCERTAIN,),
    LineState.DELIVERED: (LineState.SENT, LineState.UNCERTAIN),
    LineState.READ: (LineState.SENT, LineState.DELIVERED, LineState.UNCERTAIN),
    LineState.FAILED: (LineState.SENT, LineState.UNCERTAIN),
}


RECEIPT = "receipt"  # kind of job
SOON = timedelta(seconds=1)
PATIENCE = timedelta(minutes=1)  # a report may overtake our own note that the message was sent


class Receipts:
    """Handler of `receipt` jobs: folds reports into the state of lines."""

    def __init__(self, db: Database, clock: Clock, failover: Failover, hub: Hub) -> None:
        self._db = db
        self._clock = clock
        self._failover = failover
        self._hub = hub

    async def run(self, job: Job) -> None:
        """Take the report of one inbox row."""
        async with self._db.write() as session:
            row = await session.get_one(Inbox, job.payload["inbox_id"])
            if row.processed_at is not None:
                return
            receipt = content_of(row.content)
            assert isinstance(receipt, Receipt)
            known = await self.fold(session, row.channel, row.account, receipt)
            now = self._clock.now()
            if not known and now - row.received_at < PATIENCE:
                raise RetryAfter(SOON)
            row.processed_at, row.outcome = now, "noted" if known else "unknown"

    async def fold(self, session: AsyncSession, channel: str, account: str, receipt: Receipt) -> bool:
        """Take one report in the caller's transaction. False when no such message is known."""
        found = await _sending(session, channel, account, receipt)
        if found is None:
            return await self._by_key(session, receipt)
        if receipt.state is ReceiptState.FAILED:
            await self._failed(session, found.outbox_id, receipt)
            return True
        concerned = [found.outbox_id]
        if receipt.up_to:
            concerned = await _earlier(session, found)
        await self._forward(session, concerned, LineState(receipt.state))
        return True

    async def _by_key(self, session: AsyncSession, receipt: Receipt) -> bool:
        """Our own key, where the provider echoes it: the only trace of a line whose answer never came."""
        if not receipt.key.isdecimal():
            return False
        row = await session.get(Outbox, int(receipt.key))
        if row is None or row.state != LineState.UNCERTAIN:
            return False
        if receipt.state is ReceiptState.FAILED:
            await self._failed(session, row.id, receipt)
        else:
            await self._forward(session, [row.id], LineState(receipt.state))
        return True

    async def _forward(self, session: AsyncSession, ids: Sequence[int], state: LineState) -> None:
        before = _BEFORE[state]
        moved = (
            update(Outbox)
            .where(Outbox.id.in_(ids), Outbox.state.in_(before))
            .values(state=state)
            .returning(Outbox.message_id, Outbox.conversation_id)
            .execution_options(synchronize_session=False)
        )
        rows = (await session.execute(moved)).all()
        await session.execute(
            update(Message)
            .where(Message.id.in_([row.message_id for row in rows]))
            .values(state=MessageState(state))
            .execution_options(synchronize_session=False)
        )
        for row in rows:
            self._hub.publish(row.conversation_id)

    async def _failed(self, session: AsyncSession, outbox_id: int, receipt: Receipt) -> None:
        """It never arrived: the way is closed after all."""
        row = await session.get_one(Outbox, outbox_id, with_for_update=True)
        if row.state not in _BEFORE[LineState.FAILED]:
            return
        line: Line = await line_of(session, row)
        row.state, row.done_at = LineState.READY, None
        pending = update(Message).where(Message.id == row.message_id).values(state=MessageState.PENDING)
        await session.execute(pending.execution_options(synchronize_session=False))
        await session.flush()
        await self._failover.move(session, line, receipt.reason or "refused")
        self._hub.publish(row.conversation_id)


async def _sending(session: AsyncSession, channel: str, account: str, receipt: Receipt) -> Sending | None:
    query = select(Sending).where(
        Sending.channel == channel, Sending.account == account, Sending.ref == receipt.ref
    )
    found: Sending | None = await session.scalar(query.order_by(Sending.id.desc()).limit(1))
    return found


async def _earlier(session: AsyncSession, found: Sending) -> list[int]:
    """Every line of the chat that went out up to this one and was not reported read."""
    chat = select(Outbox.identity_id).where(Outbox.id == found.outbox_id).scalar_subquery()
    query = select(Outbox.id).where(
        Outbox.identity_id == chat,
        Outbox.state.in_((LineState.SENT, LineState.DELIVERED, LineState.UNCERTAIN)),
        Outbox.id <= found.outbox_id,
    )
    return list(await session.scalars(query))
