"""A way that turned out closed: the line takes the customer's next one, or people are told.

The line stays one row: it is never under way in two channels. It moves only when it is certain that it was
not delivered here.
"""

from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.port import Channel, Channels, Reason
from bot.gateway.policy import ChannelPolicy, Use
from bot.gateway.sending import Line, enqueue_line
from bot.gateway.tables import LineState, Outbox
from core import logs
from core.clock import Clock
from core.db import Database
from core.jobs import JobQueue
from core.jobs.port import REPLY
from crm_bridge.addresses import Address, mark_dead, ways_to
from crm_bridge.identity import Identities
from crm_bridge.models import Identity, Message, MessageState

log = logs.get("failover")

DEAD = frozenset({Reason.BLOCKED, Reason.DEAD_ADDRESS})
NO_OTHER_WAY_HELPS = frozenset({Reason.REFUSED})  # it is the message that is wrong, not the way
Tell = Callable[[AsyncSession, str], Coroutine[Any, Any, None]]  # people must look at a conversation


class Failover:
    """Finds the next way."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        queue: JobQueue,
        channels: Channels,
        policy: ChannelPolicy,
        identities: Identities,
        tell: Tell,
    ) -> None:
        self._db = db
        self._clock = clock
        self._queue = queue
        self._channels = channels
        self._policy = policy
        self._identities = identities
        self._tell = tell

    async def elsewhere(self, line: Line, why: str) -> bool:
        """Send the line another way, since this one is closed. False when there is none.

        It failed then, unless it is our account that is refused: that is set right by us, and the line waits.
        """
        async with self._db.write() as session:
            return await self.move(session, line, why)

    async def move(self, session: AsyncSession, line: Line, why: str) -> bool:
        """`elsewhere` in the caller's transaction."""
        row = await session.get(Outbox, line.outbox_id, with_for_update=True, populate_existing=True)
        if row is None or row.state not in (LineState.READY, LineState.SENDING):
            return True
        if why in DEAD:
            await mark_dead(session, line.identity_id, why, self._clock.now())
        found = None if why in NO_OTHER_WAY_HELPS else await self._next(session, line, row)
        if found is None:
            if why != Reason.ACCOUNT:
                await self._failed(session, row, why)
            return False
        row.tried = [*row.tried, _name(row.channel, line.address)]
        row.channel, row.account, row.identity_id = found.channel, found.account, found.id
        row.state, row.part, row.repeats = LineState.READY, 0, 0
        moved = update(Message).where(Message.id == row.message_id).values(identity_id=found.id)
        await session.execute(moved.execution_options(synchronize_session=False))
        await session.flush()
        await enqueue_line(self._queue, session, row)
        log.info("another way is tried", line=row.id, why=why, channel=row.channel)
        return True

    async def fail(self, line: Line, why: str) -> None:
        """It was given up: say so to people."""
        async with self._db.write() as session:
            row = await session.get_one(Outbox, line.outbox_id)
            await self._failed(session, row, why)

    async def _failed(self, session: AsyncSession, row: Outbox, why: str) -> None:
        log.error("a line could not be delivered", line=row.id, channel=row.channel, why=why)
        if row.state in (LineState.READY, LineState.SENDING):
            row.state, row.failure, row.done_at = LineState.FAILED, why, self._clock.now()
            failed = update(Message).where(Message.id == row.message_id).values(state=MessageState.FAILED)
            await session.execute(failed.execution_options(synchronize_session=False))
        if row.priority == REPLY and why not in DEAD:  # who blocked us does not wait for an answer
            await self._tell(session, row.conversation_id)

    async def _next(self, session: AsyncSession, line: Line, row: Outbox) -> Identity | None:
        if line.customer_id is None:
            return None
        tried = {*row.tried, _name(row.channel, line.address)}
        for way in await ways_to(session, line.customer_id):
            if _name(way.channel, way.external_id) in tried:
                continue
            channel = self._carries(way, line.use, bool(line.template))
            if channel is not None:
                return await self._identity(session, way, channel, line.customer_id)
        return None

    def _carries(self, way: Address, use: Use, has_template: bool) -> Channel | None:
        """The account that can bring a line there; None when this way is closed too."""
        if not self._policy.allows(way.channel, use):
            return None
        channel = _connected(self._channels.all(), way)
        if channel is None or has_template or channel.capabilities.window is None:
            return channel
        return channel if _open(way.last_inbound, channel, self._clock.now()) else None

    async def _identity(
        self, session: AsyncSession, way: Address, channel: Channel, customer_id: int
    ) -> Identity:
        if way.identity_id is not None:
            return await session.get_one(Identity, way.identity_id)
        account = await self._identities.get_or_create(
            session, channel.name, channel.account, way.external_id
        )
        identity = await session.get_one(Identity, account.id)
        # Theirs, since the contact is verified; but nobody proved yet who writes from there.
        identity.customer_id = identity.customer_id or customer_id
        await session.flush()
        return identity


def _name(channel: str, address: str) -> str:
    return f"{channel}:{address}"


def _connected(channels: Sequence[Channel], way: Address) -> Channel | None:
    for channel in channels:
        if channel.name == way.channel and way.account in (None, channel.account):
            return channel
    return None


def _open(last_inbound: datetime | None, channel: Channel, now: datetime) -> bool:
    window = channel.capabilities.window
    return window is None or (last_inbound is not None and now - last_inbound <= window)
