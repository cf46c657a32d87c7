"""What the rest of the product tells a CRM: this customer changed, make a ticket, write a note.

Everything is put down in the caller's transaction and sent by a job, so nothing waits for a CRM.
"""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from core.jobs import JobQueue, RetryAfter
from core.jobs.port import TRANSACTIONAL
from crm_bridge.adapters.errors import NotFound, Refused
from crm_bridge.adapters.values import Kind, Note
from crm_bridge.adapters.values import Ticket as Matter
from crm_bridge.models import Ticket
from crm_bridge.sql import insert_if_absent
from crm_bridge.sync.cases import Cases, key_of
from crm_bridge.sync.jobs import SEND, enqueue_look, enqueue_push, of_customer
from crm_bridge.sync.meeting import Party, link_of, shadow_of
from crm_bridge.sync.state import WHILE_DOWN, answers
from crm_bridge.sync.tables import CrmCase, CrmLink, CrmOutgoing, LinkState, OutgoingKind

SUBJECT_LIMIT = 200  # characters, as the table has it


class Announcements:
    """Where services leave what the CRMs should know. Does nothing while no CRM is connected."""

    def __init__(self, queue: JobQueue, clock: Clock, accounts: tuple[str, ...]) -> None:
        self._queue = queue
        self._clock = clock
        self._accounts = accounts

    async def customer_changed(self, session: AsyncSession, customer_id: int) -> None:
        """Names, phones or addresses of a customer were changed in this transaction."""
        for account in self._accounts:
            shadow = await shadow_of(session, account, customer_id)
            shadow.dirty_since = shadow.dirty_since or self._clock.now()
            await enqueue_push(self._queue, session, account, customer_id)

    async def ticket(
        self, session: AsyncSession, customer_id: int, key: str, subject: str, text: str
    ) -> None:
        """A ticket for the people who work in the CRM. The same `key` again changes nothing."""
        values = {"kind": OutgoingKind.TICKET, "subject": subject[:SUBJECT_LIMIT], "text": text}
        await self._put(session, customer_id, key, values)

    async def ticket_opened(self, session: AsyncSession, ticket: Ticket) -> None:
        """A ticket of ours was stored in this transaction. What becomes of it in the CRM comes back to it."""
        await self.ticket(session, ticket.customer_id, key_of(ticket.id), ticket.subject, ticket.text)

    async def ticket_changed(self, session: AsyncSession, ticket: Ticket) -> None:
        """State, priority or subject of a ticket were changed in this transaction.

        One that is not in the CRM yet is sent as it is then.
        """
        await session.flush()
        query = select(CrmCase).where(
            CrmCase.ticket_id == ticket.id,
            CrmCase.account.in_(self._accounts),
            CrmCase.state == LinkState.LIVE,
        )
        for case in await session.scalars(query.with_for_update()) if self._accounts else ():
            case.dirty_since = case.dirty_since or self._clock.now()
            await enqueue_look(
                self._queue, session, case.account, Kind.TICKET, case.remote_id, ticket.customer_id
            )

    async def note(
        self, session: AsyncSession, customer_id: int, key: str, text: str, deal_id: str | None = None
    ) -> None:
        """A note beside the customer, or beside one of their deals. The same `key` again changes nothing."""
        values = {"kind": OutgoingKind.NOTE, "text": text, "deal_id": deal_id}
        await self._put(session, customer_id, key, values)

    async def _put(
        self, session: AsyncSession, customer_id: int, key: str, values: Mapping[str, object]
    ) -> None:
        for account in self._accounts:
            row = {
                "account": account,
                "customer_id": customer_id,
                "key": f"{account}-{key}",
                "subject": "",
                "created_at": self._clock.now(),
                **values,
            }
            if not await insert_if_absent(session, CrmOutgoing, row):
                continue
            await enqueue_push(self._queue, session, account, customer_id)  # the contact must be there first
            await self._queue.enqueue(
                SEND,
                {"account": account, "key": row["key"]},
                partition_key=of_customer(account, customer_id),
                priority=TRANSACTIONAL,
                conn=session,
            )


class Sender:
    """Sends tickets and notes of one account."""

    def __init__(self, db: Database, clock: Clock, party: Party, cases: Cases) -> None:
        self._db = db
        self._clock = clock
        self._party = party
        self._cases = cases

    async def send(self, key: str) -> None:
        """Make the ticket or note of this key, once.

        Raises:
            RetryAfter: the customer is not in the CRM yet.
            Refused: the CRM does not take it.
        """
        async with self._db.read() as session:
            row = await _row(session, key)
            link = await link_of(session, self._party.name, row.customer_id) if row else None
        if row is None or row.sent_at is not None:  # the customer was erased, or it was sent
            return
        if link is None and not self._party.rules.create_contacts:
            raise Refused("the customer is not in the CRM, and new ones are not entered")
        if link is None:
            raise RetryAfter(WHILE_DOWN)
        remote_id = await self._make(row, link)
        async with self._db.write() as session:
            sent = await _row(session, key)
            if sent is not None:
                sent.remote_id, sent.sent_at, sent.problem = remote_id, self._clock.now(), None
                if sent.kind is OutgoingKind.TICKET:
                    await self._cases.sent(session, sent, remote_id)
            await answers(session, self._party.name)

    async def refused(self, key: str, why: str) -> None:
        """Put down why the CRM does not take it."""
        async with self._db.write() as session:
            row = await _row(session, key)
            if row is not None and row.sent_at is None:
                row.problem = row.problem or why

    async def _make(self, row: CrmOutgoing, link: CrmLink) -> str:
        if link.state is LinkState.GONE:
            raise Refused("the contact was deleted in the CRM")
        crm = self._party.crm
        try:
            if row.kind is OutgoingKind.TICKET:
                return await crm.create_ticket(Matter(row.key, link.remote_id, row.subject, row.text))
            if row.deal_id is not None:
                return await crm.append_note(Note(row.key, Kind.DEAL, row.deal_id, row.text))
            return await crm.append_note(Note(row.key, Kind.CONTACT, link.remote_id, row.text))
        except NotFound:
            raise Refused("what it belongs to is not in the CRM any more") from None


async def _row(session: AsyncSession, key: str) -> CrmOutgoing | None:
    return (await session.execute(select(CrmOutgoing).where(CrmOutgoing.key == key))).scalar_one_or_none()
