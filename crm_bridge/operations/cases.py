"""Cases: matters that people see to, with a number and a deadline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.media.tables import Media
from crm_bridge.company.cases import CaseRules
from crm_bridge.models import (
    UNSOLVED,
    Order,
    Ticket,
    TicketFile,
    TicketKind,
    TicketPriority,
    TicketState,
)
from crm_bridge.operations.once import Result
from crm_bridge.operations.running import Operations
from crm_bridge.orders import order_number
from crm_bridge.sql import reserve_ids

SUBJECT_LIMIT, NAME_LIMIT = 200, 255  # characters, as the tables have them


@dataclass(frozen=True, slots=True)
class CaseDraft:
    """What a case is to say. `due`: None for the company's own deadline."""

    kind: TicketKind
    subject: str
    text: str
    priority: TicketPriority = TicketPriority.NORMAL
    due: datetime | None = None
    order_number: str | None = None
    conversation_id: str | None = None
    files: Sequence[Mapping[str, str]] = ()  # `key` in the media store and `name`


class Cases:
    """Opens and changes cases, by the company's rules."""

    def __init__(self, operations: Operations, rules: CaseRules) -> None:
        self._operations = operations
        self._rules = rules

    async def open_case(
        self,
        key: str,
        customer_id: int,
        kind: TicketKind,
        subject: str,
        text: str,
        priority: TicketPriority = TicketPriority.NORMAL,
        due: datetime | None = None,
        order_number: str | None = None,
        conversation_id: str | None = None,
        files: Sequence[Mapping[str, str]] = (),
    ) -> Result:
        """Open a case, once for the key.

        Args:
            due: by when it must be answered; None: as the company's rules say for its priority.
            order_number: an order of this customer; any other is left out.
            files: what the customer sent: `key` in the media store and `name`.

        Returns:
            `{"number": …, "due": ISO 8601}`
        """
        draft = CaseDraft(kind, subject, text, priority, due, order_number, conversation_id, files)

        async def work(session: AsyncSession) -> Result:
            return await self.add(session, customer_id, draft)

        return await self._operations.run(key, "open_case", customer_id, work)

    async def change_case(
        self,
        key: str,
        customer_id: int,
        number: str,
        *,
        state: TicketState | None = None,
        priority: TicketPriority | None = None,
        subject: str = "",
    ) -> Result:
        """Change a case of the customer, once for the key; what is not given stays as it is.

        Returns:
            `{"number": …, "state": …}`; without `state` when they have no such case.
        """

        async def work(session: AsyncSession) -> Result:
            query = select(Ticket).where(Ticket.customer_id == customer_id, Ticket.number == number)
            ticket = await session.scalar(query.with_for_update())
            if ticket is None:
                return {"number": number}
            now = self._operations.clock.now()
            if state is not None:
                ticket.state = state
                ticket.solved_at = None if state in UNSOLVED else ticket.solved_at or now
            ticket.priority = priority or ticket.priority
            ticket.subject = subject[:SUBJECT_LIMIT] or ticket.subject
            ticket.updated_at = now
            await self._operations.ticket_changed(session, ticket)
            return {"number": number, "state": ticket.state.value}

        return await self._operations.run(key, "change_case", customer_id, work)

    async def add_files(
        self,
        key: str,
        customer_id: int,
        conversation_id: str,
        since: datetime,
        files: Sequence[Mapping[str, str]],
    ) -> Result:
        """Put files to the newest case that was opened in a conversation after `since` and is not solved.

        Returns:
            `{"number": of the case, None when there is none}`
        """

        async def work(session: AsyncSession) -> Result:
            theirs = (
                Ticket.customer_id == customer_id,
                Ticket.conversation_id == conversation_id,
                Ticket.opened_at > since,
                Ticket.state.in_(UNSOLVED),
            )
            newest = select(Ticket).where(*theirs).order_by(Ticket.id.desc()).limit(1).with_for_update()
            if (ticket := await session.scalar(newest)) is None:
                return {"number": None}
            ticket.updated_at = self._operations.clock.now()
            await self._keep_files(session, ticket, files)
            return {"number": ticket.number}

        return await self._operations.run(key, "add_files", customer_id, work)

    async def add(self, session: AsyncSession, customer_id: int, draft: CaseDraft) -> Result:
        """Open a case in the transaction of another operation."""
        now = self._operations.clock.now()
        due = draft.due or self._rules.due(draft.priority, now)
        [ticket_id] = await reserve_ids(session, Ticket, 1)
        ticket = Ticket(
            id=ticket_id,
            customer_id=customer_id,
            number=f"T-{ticket_id:05}",
            kind=draft.kind,
            state=TicketState.OPEN,
            priority=draft.priority,
            subject=draft.subject[:SUBJECT_LIMIT],
            text=draft.text,
            order_id=await _order_id(session, customer_id, draft.order_number),
            conversation_id=draft.conversation_id,
            opened_at=now,
            due_at=due,
            updated_at=now,
        )
        session.add(ticket)
        await session.flush()
        await self._keep_files(session, ticket, draft.files)
        await self._operations.ticket_opened(session, ticket)
        return {"number": ticket.number, "due": due.isoformat()}

    async def _keep_files(
        self, session: AsyncSession, ticket: Ticket, files: Sequence[Mapping[str, str]]
    ) -> None:
        """Attach what is in the media store, each once. A case is opened all the same when a file is gone."""
        there = set(await session.scalars(select(TicketFile.sha256).where(TicketFile.ticket_id == ticket.id)))
        named = {file["key"]: file.get("name", "") for file in files if file["key"] not in there}
        kept = await session.scalars(select(Media.sha256).where(Media.sha256.in_(named)))
        session.add_all(
            TicketFile(
                ticket_id=ticket.id, sha256=sha256, name=named[sha256][:NAME_LIMIT], at=ticket.updated_at
            )
            for sha256 in kept
        )


async def _order_id(session: AsyncSession, customer_id: int, number: str | None) -> int | None:
    if not number:
        return None
    query = select(Order.id).where(Order.customer_id == customer_id, Order.number == order_number(number))
    return await session.scalar(query)
