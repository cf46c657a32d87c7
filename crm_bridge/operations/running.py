"""How an operation runs: in one transaction, once for its key, and the company's CRM hears of it."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from crm_bridge.models import Ticket
from crm_bridge.operations.once import Result, once


class Announce(Protocol):
    """Tells other systems, in the transaction of the change, what has changed."""

    async def customer_changed(self, session: AsyncSession, customer_id: int) -> None: ...

    async def ticket_opened(self, session: AsyncSession, ticket: Ticket) -> None: ...

    async def ticket_changed(self, session: AsyncSession, ticket: Ticket) -> None: ...


class Operations:
    """What all operations share."""

    def __init__(self, db: Database, clock: Clock, announce: Announce | None = None) -> None:
        """`announce`: None when no CRM is connected."""
        self.db = db
        self.clock = clock
        self._announce = announce

    async def run(
        self, key: str, name: str, customer_id: int, work: Callable[[AsyncSession], Awaitable[Result]]
    ) -> Result:
        """Run `work`, or return what it gave the first time this key came.

        Args:
            key: conversation, message and what is done.
            name: of the operation.
            work: reads with a lock what it changes; gives a result that JSON can hold.

        Raises:
            KeyReused: the key belongs to another operation.
        """
        async with self.db.write() as session:
            done = await once(session, key, name, self.clock.now(), lambda: work(session))
            if self._announce and not done.repeated:
                await self._announce.customer_changed(session, customer_id)
        return done.result

    async def ticket_opened(self, session: AsyncSession, ticket: Ticket) -> None:
        """Let other systems hear of a new ticket, which this session has written."""
        if self._announce:
            await self._announce.ticket_opened(session, ticket)

    async def ticket_changed(self, session: AsyncSession, ticket: Ticket) -> None:
        """Let other systems hear of what this session has changed about a ticket."""
        if self._announce:
            await self._announce.ticket_changed(session, ticket)
