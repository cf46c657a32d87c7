"""No more than a provider allows: when the next message of an account, or of one chat, may go out.

Messages are spread evenly, so that there is never more than the limit in any stretch of time, and a little
below it, since their way to the provider takes now longer and now shorter. The state is in the database:
a restart does not forget it, and any number of processes may share one account.
"""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from bot.channels.port import Rate
from bot.gateway.tables import Pace
from core.batching import Batch
from core.clock import Clock
from core.db import Database
from crm_bridge.sql import insert_if_absent

SHARE = 0.95  # of the limit
LOOK_AGAIN = timedelta(milliseconds=20)
AHEAD = timedelta(milliseconds=250)  # how far ahead slots are taken: replies that come later wait no longer


def spacing(rate: Rate) -> timedelta:
    """The time from one message to the next."""
    return max(rate.per / (rate.sends * SHARE), timedelta(microseconds=1))


@dataclass(frozen=True)
class ChatPace:
    """The pace of one chat. An answer of a few lines goes out at once where the limit allows it.

    Never more than the limit in any stretch of time: half of it at once at most, and the rest spread evenly.
    """

    space: timedelta
    at_once: timedelta  # how far a chat may be ahead of an even spread

    @classmethod
    def of(cls, rate: Rate) -> "ChatPace":
        burst = max(int(rate.sends // 2), 1)
        even = spacing(Rate(max(rate.sends - burst, 1) if burst > 1 else rate.sends, rate.per))
        return cls(even, even * (burst - 1))

    def ready_at(self, free_at: datetime) -> datetime:
        """When the next message may go out; `free_at` is what is kept of the chat."""
        return free_at - self.at_once

    def after(self, free_at: datetime | None, now: datetime) -> datetime:
        """What is kept of the chat when a message goes out now."""
        return max(free_at or now, now) + self.space

    def silent_until(self, until: datetime) -> datetime:
        """What is kept of a chat that may get nothing before `until`."""
        return until + self.at_once


class AccountPace:
    """The pace of one account; the `Gate` of its worker."""

    def __init__(self, db: Database, clock: Clock, key: str, rate: Rate) -> None:
        self._db = db
        self._clock = clock
        self._key = key
        self._space = spacing(rate)
        self._free_at: datetime | None = None  # as far as this process knows
        self._held_until: datetime | None = None
        self._slots = Batch(self._reserve)
        self._rate = rate
        self._under_way = 0
        self._ended: deque[datetime] = deque()  # when the latest requests were answered

    def room(self) -> int:
        """How many jobs may be begun now, so that none waits long for its slot."""
        now = self._clock.now()
        free_at = max(self._free_at or now, now)
        if free_at > now + AHEAD:
            return 0
        return max(1, int((now + AHEAD - free_at) / self._space))

    def opens_at(self) -> datetime:
        """When there is room again."""
        return (self._free_at or self._clock.now()) - AHEAD

    @property
    def held_until(self) -> datetime | None:
        """The provider asked for silence until then; None when it does not."""
        return self._held_until if self._held_until and self._held_until > self._clock.now() else None

    async def slot(self) -> datetime:
        """The moment at which one message may go out; it is taken."""
        return await self._slots.do(None)

    def requests(self) -> int:
        """How many are under way."""
        return self._under_way

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """Around one request. Waits while as many as allowed may have reached the provider within the time.

        Slots are even, but requests are not: those that were held up on the way arrive together with the
        next ones.
        """
        while (wait := self._full_until()) is not None:
            await self._clock.sleep_until(wait)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._ended.append(self._clock.now())

    def _full_until(self) -> datetime | None:
        now = self._clock.now()
        while self._ended and self._ended[0] <= now - self._rate.per:
            self._ended.popleft()
        if self._under_way + len(self._ended) < self._rate.sends:
            return None
        return self._ended[0] + self._rate.per if self._ended else now + LOOK_AGAIN

    async def _reserve(self, wanted: Sequence[None]) -> Sequence[datetime]:
        now = self._clock.now()
        query = select(Pace.free_at).where(Pace.key == self._key).with_for_update()
        async with self._db.write() as session:
            free_at = await session.scalar(query)
            if free_at is None:
                await insert_if_absent(session, Pace, {"key": self._key, "free_at": now})
                free_at = await session.scalar(query) or now
            first = max(now, free_at)
            after = first + len(wanted) * self._space
            await session.execute(update(Pace).where(Pace.key == self._key).values(free_at=after))
        self._free_at = after
        return [first + number * self._space for number in range(len(wanted))]

    async def hold(self, until: datetime) -> None:
        """Send nothing before `until`: the provider says so."""
        async with self._db.write() as session:
            await insert_if_absent(session, Pace, {"key": self._key, "free_at": until})
            later = update(Pace).where(Pace.key == self._key, Pace.free_at < until)
            await session.execute(later.values(free_at=until))
        self._held_until = until
        self._free_at = max(self._free_at or until, until)
