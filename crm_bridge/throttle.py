"""Wrong guesses are counted, and too many of them end guessing for a while."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.models import Throttle
from crm_bridge.sql import insert_if_absent

GUESSES = 5
LOCK = timedelta(minutes=15)


class Guesses:
    """The wrong guesses of one subject, held for the length of the caller's transaction.

    Whoever wants to guess about the same subject waits for that transaction, so guesses that arrive
    together are counted one after another.
    """

    def __init__(self, session: AsyncSession, row: Throttle) -> None:
        self._session = session
        self._row = row

    @classmethod
    async def hold(cls, session: AsyncSession, subject: str, now: datetime) -> "Guesses":
        """Take hold of a subject's count. It starts anew when its window or its lock is over."""
        await insert_if_absent(session, Throttle, {"subject": subject, "failures": 0, "since": now})
        query = select(Throttle).where(Throttle.subject == subject).with_for_update()
        row = (await session.execute(query, execution_options={"populate_existing": True})).scalar_one()
        if now >= (row.locked_until or row.since + LOCK):
            row.failures, row.since, row.locked_until = 0, now, None
        return cls(session, row)

    @property
    def locked_until(self) -> datetime | None:
        """Until when no guess is heard; None when one may guess."""
        return self._row.locked_until

    @property
    def left(self) -> int:
        """How many wrong guesses are still allowed."""
        return max(GUESSES - self._row.failures, 0)

    async def fail(self, now: datetime) -> None:
        """Count a wrong guess; the last one allowed locks."""
        if self._row.failures == 0:
            self._row.since = now
        self._row.failures += 1
        if self.left == 0:
            self._row.locked_until = now + LOCK
        await self._session.flush()

    async def clear(self) -> None:
        """The guess was right."""
        self._row.failures = 0
        await self._session.flush()
