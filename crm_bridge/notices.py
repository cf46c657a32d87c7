"""SMS and e-mails that wait to be sent."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from core.jobs import JobQueue
from core.jobs.port import REPLY
from crm_bridge.contacts import Contact
from crm_bridge.models import Notice, NoticeChannel


class Notifier(Protocol):
    """Whoever sees to it that a text reaches a contact, if the caller's transaction is committed."""

    async def notify(self, session: AsyncSession, contact: Contact, text: str) -> None: ...

    async def withhold(self, session: AsyncSession, contact: Contact) -> None:
        """Do the work of `notify`, and send nothing."""
        ...


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A notice that is to go out."""

    id: int
    channel: NoticeChannel
    address: str
    text: str
    created_at: datetime


NOTICE = "notice"  # kind of job: {"notice_id": …}


class Notices:
    """The notices in the database; a sender takes them from there, or the demo shows them on a page."""

    def __init__(self, db: Database, clock: Clock, queue: JobQueue | None = None) -> None:
        """`queue`: where whoever sends them hears of new ones; without it nothing is sent."""
        self._db = db
        self._clock = clock
        self._queue = queue

    async def notify(self, session: AsyncSession, contact: Contact, text: str) -> None:
        """Leave a text for a contact."""
        await self._leave(session, contact.channel, contact.value, text, withheld=False)

    async def withhold(self, session: AsyncSession, contact: Contact) -> None:
        """Leave a row that is never sent: strangers must not be written to, nor be remembered."""
        await self._leave(session, contact.channel, contact.masked, "", withheld=True)

    async def _leave(
        self, session: AsyncSession, channel: NoticeChannel, address: str, text: str, *, withheld: bool
    ) -> None:
        now = self._clock.now()
        left = Notice(channel=channel, address=address, text=text, withheld=withheld, created_at=now)
        session.add(left)
        await session.flush()
        if self._queue is not None:  # of a withheld one too: it must take as long
            await self._queue.enqueue(NOTICE, {"notice_id": left.id}, priority=REPLY, conn=session)

    async def waiting(self, notice_id: int) -> NoticeView | None:
        """A notice that is still to go out; None when it is not."""
        query = select(Notice).where(
            Notice.id == notice_id, Notice.withheld.is_(False), Notice.sent_at.is_(None)
        )
        async with self._db.read() as session:
            found = await session.scalar(query)
        return _view(found) if found else None

    async def unsent(self, limit: int = 50) -> list[NoticeView]:
        """What waits to go out, newest first."""
        query = (
            select(Notice)
            .where(Notice.withheld.is_(False), Notice.sent_at.is_(None))
            .order_by(Notice.id.desc())
            .limit(limit)
        )
        async with self._db.read() as session:
            return [_view(notice) for notice in await session.scalars(query)]

    async def mark_sent(self, session: AsyncSession, notice_id: int) -> None:
        """It has gone out; what it said is not needed any more."""
        await session.execute(
            update(Notice).where(Notice.id == notice_id).values(sent_at=self._clock.now(), text="")
        )


def _view(notice: Notice) -> NoticeView:
    return NoticeView(notice.id, notice.channel, notice.address, notice.text, notice.created_at)
