"""The door: an event is in the database, or it was not accepted."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.inbound import ButtonPress, Inbound, Receipt, Text
from bot.gateway.hub import Hub
from bot.gateway.noting import Chat, Noting, Sender, partition_of, sender_of
from bot.gateway.receipts import RECEIPT
from bot.gateway.tables import Inbox, Press
from core.batching import Batch
from core.clock import Clock
from core.db import Database
from core.jobs import JobQueue
from core.jobs.port import REPLY

TURN = "turn"  # kind of job
APART = 0.02  # seconds between transactions in which events arrive; one that comes alone does not wait


class StaleButton(Exception):
    """The button is not of this sender's conversation, was used, or is too old."""


class InboxDoor:
    """Accepts events of every channel."""

    def __init__(self, db: Database, clock: Clock, queue: JobQueue, noting: Noting, hub: Hub) -> None:
        self._db = db
        self._clock = clock
        self._queue = queue
        self._noting = noting
        self._hub = hub
        self._batch: Batch[Sequence[Inbound], int] = Batch(self._store_all, apart=APART)

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
            chats = await self._noting.chats(session, events)
            ids = await self._insert(session, events, chats)
            stored, noted = [], list[tuple[Chat, Inbound, int]]()
            for delivery in deliveries:
                new = [(event, id_) for event in delivery if (id_ := ids.pop(_key(event), None)) is not None]
                for event, inbox_id in new:  # a repeat found no id
                    if chat := _noted_in(event, chats):
                        noted.append((chat, event, inbox_id))
                    else:
                        await self._enqueue(session, event, inbox_id)
                stored.append(len(new))
            grown = await self._noting.note(session, noted)
        for conversation_id in grown:
            self._hub.publish(conversation_id)
        return stored

    async def _insert(
        self, session: AsyncSession, events: Sequence[Inbound], chats: Mapping[Sender, Chat]
    ) -> dict[tuple[str, str, str], int]:
        """The ids of those that were not there before."""
        new = _NEW[session.get_bind().dialect.name]
        values = [self._values(event, noted=_noted_in(event, chats) is not None) for event in events]
        rows = await session.execute(new, values)
        return {(channel, account, event_id): id_ for id_, channel, account, event_id in rows}

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

    def _values(self, event: Inbound, *, noted: bool = False) -> dict[str, Any]:
        now = self._clock.now()
        return {
            "channel": event.channel,
            "account": event.account,
            "event_id": event.event_id,
            "sender": event.sender,
            "content": event.as_json(),
            "received_at": now,
            "processed_at": now if noted else None,
            "outcome": "silent" if noted else None,
        }

    async def _enqueue(self, session: AsyncSession, event: Inbound, inbox_id: int | None) -> None:
        if isinstance(event.content, Receipt):
            await self._queue.enqueue(RECEIPT, {"inbox_id": inbox_id}, conn=session)
            return
        await self._queue.enqueue(
            TURN,
            {"inbox_id": inbox_id},
            partition_key=partition_of(sender_of(event)),
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


def _noted_in(event: Inbound, chats: Mapping[Sender, Chat]) -> Chat | None:
    """The dialogue in which the event is noted at once."""
    return chats.get(sender_of(event)) if isinstance(event.content, Text) else None


def _key(event: Inbound) -> tuple[str, str, str]:
    return event.channel, event.account, event.event_id


BUTTON_LIVES = timedelta(days=7)
