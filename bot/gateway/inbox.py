"""The door: an event is in the database, or it was not accepted."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.inbound import ButtonPress, Inbound, Receipt
from bot.gateway.receipts import RECEIPT
from bot.gateway.tables import Inbox, Press
from core.batching import Batch
from core.clock import Clock
from core.db import Database
from core.jobs import JobQueue
from core.jobs.port import REPLY

TURN = "turn"  # kind of job


class StaleButton(Exception):
    """The button is not of this sender's conversation, was used, or is too old."""


class InboxDoor:
    """Accepts events of every channel."""

    def __init__(self, db: Database, clock: Clock, queue: JobQueue) -> None:
        self._db = db
        self._clock = clock
        self._queue = queue
        self._batch: Batch[Sequence[Inbound], int] = Batch(self._store_all)

    async def accept_all(self, events: Sequence[Inbound]) -> int:
        """Store what a messenger pushed; returns when it is committed, together with what others pushed.

        Buttons are not tried here: a provider cannot be told that one is used up; the turn tells it.

        Returns:
            How many were new.
        """
        return await self._batch.do(events) if events else 0

    async def _store_all(self, deliveries: Sequence[Sequence[Inbound]]) -> Sequence[int]:
        events = [event for delivery in deliveries for event in delivery]
        async with self._db.write() as session:
            new = _NEW[session.get_bind().dialect.name]
            rows = await session.execute(new, [self._values(event) for event in events])
            ids = {(channel, account, event_id): id_ for id_, channel, account, event_id in rows}
            stored = []
            for delivery in deliveries:
                mine = [(event, ids.pop(_key(event), None)) for event in delivery]  # a repeat finds no id
                for event, inbox_id in mine:
                    if inbox_id is not None:
                        await self._enqueue(session, event, inbox_id)
                stored.append(sum(inbox_id is not None for _, inbox_id in mine))
        return stored

    async def accept(self, event: Inbound, conversation_id: str | None = None) -> bool:
        """Store an event and the job that will answer it, in one transaction.

        Returns:
            False when the event was accepted before; it is not stored again.

        Raises:
            StaleButton: the press names no button that may still be pressed in `conversation_id`.
        """
        if not isinstance(event.content, ButtonPress):
            return await self.accept_all([event]) == 1
        if await self._known(event):
            return False  # its button is used up, and that must not refuse the repeat
        try:
            async with self._db.write() as session:
                await self._use(session, event.content.press_id, conversation_id)
                stored = insert(Inbox).values(self._values(event)).returning(Inbox.id)
                await self._enqueue(session, event, await session.scalar(stored))
        except IntegrityError:
            if await self._known(event):
                return False
            raise
        return True

    async def _known(self, event: Inbound) -> bool:
        async with self._db.read() as session:
            found = await session.scalar(
                select(Inbox.id).where(
                    Inbox.channel == event.channel,
                    Inbox.account == event.account,
                    Inbox.event_id == event.event_id,
                )
            )
        return found is not None

    def _values(self, event: Inbound) -> dict[str, Any]:
        return {
            "channel": event.channel,
            "account": event.account,
            "event_id": event.event_id,
            "sender": event.sender,
            "content": event.as_json(),
            "received_at": self._clock.now(),
        }

    async def _enqueue(self, session: AsyncSession, event: Inbound, inbox_id: int | None) -> None:
        if isinstance(event.content, Receipt):
            await self._queue.enqueue(RECEIPT, {"inbox_id": inbox_id}, conn=session)
            return
        await self._queue.enqueue(
            TURN,
            {"inbox_id": inbox_id},
            partition_key=f"in:{event.channel}:{event.account}:{event.sender}",
            priority=REPLY,
            conn=session,
        )

    async def _use(self, session: AsyncSession, press_id: str, conversation_id: str | None) -> None:
        """A question is answered once: the message's other buttons are used up with this one."""
        now = self._clock.now()
        message_id = await session.scalar(
            select(Press.message_id).where(
                Press.id == press_id,
                Press.conversation_id == conversation_id,
                Press.used_at.is_(None),
                Press.expires_at > now,
            )
        )
        if message_id is None:
            raise StaleButton(press_id)
        await session.execute(update(Press).where(Press.message_id == message_id).values(used_at=now))


_NEW = {
    name: dialect.insert(Inbox.__table__)
    .on_conflict_do_nothing()
    .returning(Inbox.id, Inbox.channel, Inbox.account, Inbox.event_id)
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}


def _key(event: Inbound) -> tuple[str, str, str]:
    return event.channel, event.account, event.event_id


BUTTON_LIVES = timedelta(days=7)
