"""The door: an event is in the database, or it was not accepted."""

from datetime import timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.inbound import ButtonPress, Inbound
from bot.gateway.tables import Inbox, Press
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

    async def accept(self, event: Inbound, conversation_id: str | None = None) -> bool:
        """Store an event and the job that will answer it, in one transaction.

        Returns:
            False when the event was accepted before; it is not stored again.

        Raises:
            StaleButton: the press names no button that may still be pressed in `conversation_id`.
        """
        if isinstance(event.content, ButtonPress) and await self._known(event):
            return False  # its button is used up, and that must not refuse the repeat
        try:
            async with self._db.write() as session:
                await self._store(session, event, conversation_id)
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

    async def _store(self, session: AsyncSession, event: Inbound, conversation_id: str | None) -> None:
        if isinstance(event.content, ButtonPress):
            await self._use(session, event.content.press_id, conversation_id)
        inbox_id = await session.scalar(
            insert(Inbox)
            .values(
                channel=event.channel,
                account=event.account,
                event_id=event.event_id,
                sender=event.sender,
                content={**event.content.as_json(), "language": event.language},
                received_at=self._clock.now(),
            )
            .returning(Inbox.id)
        )
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


BUTTON_LIVES = timedelta(days=7)
