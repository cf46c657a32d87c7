"""A ticket here and a case in a CRM are one matter: what people do to the one is done to the other.

A list only says where to look. Whatever differs from what both sides last agreed on is read again by itself,
compared like a contact (`merge`), and written.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from core.jobs import JobQueue
from crm_bridge.adapters.errors import NotFound
from crm_bridge.adapters.values import CLOSED, OPEN, Case, Field, Kind, Values
from crm_bridge.models import UNSOLVED, Ticket, TicketKind, TicketPriority, TicketState
from crm_bridge.sql import insert_if_absent
from crm_bridge.sync import conflicts
from crm_bridge.sync.deals import whose
from crm_bridge.sync.jobs import enqueue_look, enqueue_notes
from crm_bridge.sync.meeting import Party, Pending
from crm_bridge.sync.merge import Agreement, Merged, merge, recognise
from crm_bridge.sync.push import LOOKS, Restless
from crm_bridge.sync.state import answers
from crm_bridge.sync.tables import CrmCase, CrmOutgoing, LinkState

SUBJECT_LIMIT, NUMBER_LIMIT = 200, 64  # characters, as the table has them
OTHER_FORM = "the CRM shows these values in another form"
_OWN = re.compile(r"t([0-9]{1,18})")


def key_of(ticket_id: int) -> str:
    """The key under which a ticket of ours is sent."""
    return f"t{ticket_id}"


def external_ref(account: str, remote_id: str) -> str:
    """How a ticket of ours names the one in the CRM."""
    return f"{account}:{remote_id}"


@dataclass(frozen=True, slots=True)
class _Met:
    """What a meeting left to be written to the CRM."""

    customer_id: int
    version: int  # of the row
    send: Values


class Cases:
    """The tickets of one account."""

    def __init__(self, db: Database, queue: JobQueue, clock: Clock, party: Party) -> None:
        self._db = db
        self._queue = queue
        self._clock = clock
        self._party = party

    async def seen(self, session: AsyncSession, case: Case) -> None:
        """A list shows a case: one that is new is a ticket from now on, one that differs is looked at."""
        row = await self._row(session, case.remote_id)
        if row is None:
            if await self._adopt(session, case) is not None:
                await enqueue_notes(self._queue, session, self._party.name, Kind.TICKET, case.remote_id)
        elif any(row.remote.get(field) != case.values.get(field, "") for field in self._party.ticket_fields):
            await self._look_again(session, row)

    async def sync(self, remote_id: str) -> None:
        """Read a case, let it meet its ticket, and write what is to be written.

        Raises:
            Restless: somebody touched it at every look.
        """
        for _ in range(LOOKS):
            async with self._db.read() as session:
                before = await self._row(session, remote_id)
            try:
                case = await self._party.crm.get_ticket(remote_id)
            except NotFound:
                await self._gone(remote_id)
                return
            async with self._db.write() as session:
                row = await self._row(session, remote_id, hold=True)
                if (row and row.version) == (before and before.version):
                    await answers(session, self._party.name)
                    met = await self._meet(session, case)
                    break
        else:
            raise Restless(remote_id)
        if met is not None and met.send:
            await self._write(case, met)

    async def sent(self, session: AsyncSession, letter: CrmOutgoing, remote_id: str) -> None:
        """A ticket of ours was made in the CRM. What became of ours meanwhile is sent after it."""
        ticket = await self._own(session, letter)
        if ticket is None:
            return
        ticket.external_ref = external_ref(self._party.name, remote_id)
        row = await self._begin(session, ticket, remote_id, *self._as_sent(letter))
        if row is not None and row.local != self._shared(ticket):
            await self._look_again(session, row)

    async def refused(self, remote_id: str, why: str) -> None:
        """Put down why the CRM does not take a change."""
        async with self._db.write() as session:
            row = await self._row(session, remote_id, hold=True)
            if row is not None:
                row.problem, row.dirty_since = why, None

    async def _write(self, case: Case, met: _Met) -> None:
        """Send what was decided, note that it was done, and meet again: more may have changed meanwhile."""
        try:
            case = await self._party.crm.update_ticket(case, met.send)
        except NotFound:
            await self._gone(case.remote_id)
            return
        async with self._db.write() as session:
            row = await self._row(session, case.remote_id, hold=True)
            if row is None:
                return
            again: _Met | None = met
            if row.version == met.version:
                again = await self._meet(session, case, dict(row.pending))
                if again is not None and again.send == met.send:
                    row.problem, row.dirty_since = OTHER_FORM, None  # writing on is useless
                    return
            if again is not None and again.send:
                await self._look_again(session, row)

    async def _meet(self, session: AsyncSession, case: Case, written: Pending | None = None) -> _Met | None:
        """Compare a case with its ticket and store what follows. None when there is no ticket."""
        row = await self._row(session, case.remote_id, hold=True) or await self._adopt(session, case)
        if row is None:
            return None
        ticket = await _held(session, row.ticket_id)
        row.state = LinkState.LIVE
        before = Agreement(_fields(row.local), _fields(row.remote))
        before = recognise(before, case.values, written or row.pending, written=written is not None)
        crm = self._party.crm
        project = partial(crm.project_ticket, key=case.key)
        merged = merge(
            values_of(ticket),
            case.values,
            before,
            self._party.rules,
            crm.capabilities.ticket_fields,
            project,
        )
        now = self._clock.now()
        taken = _take(ticket, merged.take, now)
        self._store(row, merged, taken, project({**values_of(ticket), **merged.send}))
        matter = conflicts.Matter(self._party.name, ticket.customer_id, ticket.id)
        await conflicts.record(session, matter, merged, now)
        await session.flush()
        return _Met(ticket.customer_id, row.version, merged.send)

    def _store(self, row: CrmCase, merged: Merged, taken: Values, shown: Values) -> None:
        now = self._clock.now()
        undecided = {name: pair for name, pair in row.pending.items() if Field(name) in merged.held}
        row.pending = undecided | {
            field.value: [value, shown.get(field, value)] for field, value in merged.send.items()
        }
        row.local = {field.value: value for field, value in {**merged.local, **taken}.items()}
        row.remote = {field.value: value for field, value in merged.remote.items()}
        row.version += 1
        row.touched_at = now
        row.dirty_since = (row.dirty_since or now) if merged.send else None
        if not merged.send:
            row.problem = None

    async def _adopt(self, session: AsyncSession, case: Case) -> CrmCase | None:
        """A case that is not linked yet. None when its contact is nobody's, or we are about to link it."""
        letter = await self._letter(session, case.key)
        if letter is not None:
            ticket = await self._own(session, letter) if letter.remote_id == case.remote_id else None
            return await self._begin(session, ticket, case.remote_id, *self._as_sent(letter))
        customer_id = await whose(session, self._party.name, case.contact_id)
        if customer_id is None:
            return None
        ref = external_ref(self._party.name, case.remote_id)
        await insert_if_absent(session, Ticket, _new(self._party.name, customer_id, case, self._clock.now()))
        ticket = (await session.scalars(select(Ticket).where(Ticket.external_ref == ref))).first()
        theirs = {field.value: value for field, value in case.values.items()}
        return await self._begin(session, ticket, case.remote_id, theirs, theirs)

    async def _begin(
        self,
        session: AsyncSession,
        ticket: Ticket | None,
        remote_id: str,
        local: dict[str, str],
        remote: dict[str, str],
    ) -> CrmCase | None:
        """Put down that a ticket and a case are one, and what they agree on."""
        if ticket is None or not self._party.ticket_fields:
            return None
        kept = {field.value for field in self._party.ticket_fields}
        row = {
            "account": self._party.name,
            "remote_id": remote_id,
            "ticket_id": ticket.id,
            "state": LinkState.LIVE,
            "local": {name: value for name, value in local.items() if name in kept},
            "remote": {name: value for name, value in remote.items() if name in kept},
            "pending": {},
            "version": 0,
            "touched_at": self._clock.now(),
        }
        await insert_if_absent(session, CrmCase, row)
        return await self._row(session, remote_id, hold=True)

    def _as_sent(self, letter: CrmOutgoing) -> tuple[dict[str, str], dict[str, str]]:
        """What a case said on our side when it was made, and how the CRM showed it."""
        local = {
            Field.TICKET_STATE: OPEN,
            Field.TICKET_PRIORITY: TicketPriority.NORMAL.value,
            Field.TICKET_SUBJECT: letter.subject,
        }
        shown = self._party.crm.project_ticket(local, letter.key)
        return {f.value: v for f, v in local.items()}, {f.value: v for f, v in shown.items()}

    def _shared(self, ticket: Ticket) -> dict[str, str]:
        return {f.value: v for f, v in values_of(ticket).items() if f in self._party.ticket_fields}

    async def _letter(self, session: AsyncSession, key: str) -> CrmOutgoing | None:
        query = select(CrmOutgoing).where(CrmOutgoing.key == key, CrmOutgoing.account == self._party.name)
        return (await session.scalars(query)).first() if key else None

    async def _own(self, session: AsyncSession, letter: CrmOutgoing) -> Ticket | None:
        """The ticket that a letter carries to the CRM, held until the transaction ends."""
        own = _OWN.fullmatch(letter.key.removeprefix(f"{self._party.name}-"))
        if own is None:
            return None
        query = select(Ticket).where(Ticket.id == int(own[1]), Ticket.customer_id == letter.customer_id)
        held = query.with_for_update().execution_options(populate_existing=True)
        return (await session.scalars(held)).first()

    async def _row(self, session: AsyncSession, remote_id: str, *, hold: bool = False) -> CrmCase | None:
        query = select(CrmCase).where(CrmCase.account == self._party.name, CrmCase.remote_id == remote_id)
        if hold:
            query = query.with_for_update().execution_options(populate_existing=True)
        return (await session.scalars(query)).first()

    async def _look_again(self, session: AsyncSession, row: CrmCase) -> None:
        ticket = await session.get_one(Ticket, row.ticket_id)
        await enqueue_look(self._queue, session, row.account, Kind.TICKET, row.remote_id, ticket.customer_id)

    async def _gone(self, remote_id: str) -> None:
        async with self._db.write() as session:
            row = await self._row(session, remote_id, hold=True)
            if row is not None:
                row.state, row.dirty_since = LinkState.GONE, None


def values_of(ticket: Ticket) -> Values:
    """A ticket as the CRMs share it."""
    return {
        Field.TICKET_STATE: OPEN if ticket.state in UNSOLVED else CLOSED,
        Field.TICKET_PRIORITY: ticket.priority.value,
        Field.TICKET_SUBJECT: ticket.subject,
    }


def _take(ticket: Ticket, values: Values, now: datetime) -> Values:
    """Store what people in the CRM changed, as far as it fits. What is stored."""
    if not values:
        return {}
    state = values.get(Field.TICKET_STATE)
    if state == CLOSED:
        ticket.state, ticket.solved_at = TicketState.CLOSED, ticket.solved_at or now
    elif state == OPEN:
        ticket.state, ticket.solved_at = TicketState.OPEN, None
    if Field.TICKET_PRIORITY in values:
        ticket.priority = TicketPriority(values[Field.TICKET_PRIORITY])
    if Field.TICKET_SUBJECT in values:
        ticket.subject = values[Field.TICKET_SUBJECT][:SUBJECT_LIMIT]
    ticket.updated_at = now
    stored = values_of(ticket)
    return {field: stored[field] for field in values}


async def _held(session: AsyncSession, ticket_id: int) -> Ticket:
    query = select(Ticket).where(Ticket.id == ticket_id).with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).one()


def _fields(stored: dict[str, str]) -> Values:
    return {Field(name): value for name, value in stored.items()}


def _new(account: str, customer_id: int, case: Case, now: datetime) -> dict[str, object]:
    """A ticket that people in the CRM made."""
    is_open = case.values.get(Field.TICKET_STATE) != CLOSED
    subject = case.values.get(Field.TICKET_SUBJECT) or case.text.partition("\n")[0]
    return {
        "customer_id": customer_id,
        "number": f"{account[:24]}-{case.remote_id}"[:NUMBER_LIMIT],
        "external_ref": external_ref(account, case.remote_id),
        "kind": TicketKind.REQUEST,
        "state": TicketState.OPEN if is_open else TicketState.CLOSED,
        "priority": TicketPriority(case.values.get(Field.TICKET_PRIORITY, TicketPriority.NORMAL)),
        "subject": subject[:SUBJECT_LIMIT],
        "text": case.text,
        "opened_at": now,
        "solved_at": None if is_open else now,
        "updated_at": now,
    }
