"""Every night: everything is read, what was deleted in the CRM is found, what nobody announced is sent."""

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from core.jobs import JobQueue
from crm_bridge.adapters.values import Kind
from crm_bridge.models import ContactPoint, Customer, Ticket
from crm_bridge.sync.jobs import enqueue_look, enqueue_push
from crm_bridge.sync.meeting import Party
from crm_bridge.sync.notes import Notes
from crm_bridge.sync.pull import SWEEP, Puller, Round
from crm_bridge.sync.state import state_of
from crm_bridge.sync.tables import CrmCase, CrmLink, LinkState

STEP = 500  # rows in one transaction


class Sweeper:
    """Sweeps one account."""

    def __init__(self, db: Database, queue: JobQueue, clock: Clock, party: Party) -> None:
        self._db = db
        self._queue = queue
        self._clock = clock
        self._party = party
        self._puller = Puller(db, queue, clock, party)

    async def sweep(self) -> int:
        """Read everything and compare. How many links seem to have lost their contact."""
        await self._puller.read(Kind.CONTACT, SWEEP)
        lost = await self._look_for_lost()
        if self._party.rules.create_contacts:
            await self._send_unknown()
        await self._send_changed_tickets()
        await Notes(self._db, self._clock, self._party).night()
        async with self._db.write() as session:
            (await state_of(session, self._party.name)).swept_at = self._clock.now()
        return lost

    async def _look_for_lost(self) -> int:
        """Look again at every contact that the sweep did not see. The CRM has the last word on each."""
        count, after = 0, 0
        while True:
            async with self._db.write() as session:
                lost = await self._lost(session, after)
                for link in lost:
                    await enqueue_look(
                        self._queue,
                        session,
                        self._party.name,
                        Kind.CONTACT,
                        link.remote_id,
                        link.customer_id,
                    )
            if not lost:
                return count
            count, after = count + len(lost), lost[-1].id

    async def _lost(self, session: AsyncSession, after: int) -> list[CrmLink]:
        state = await state_of(session, self._party.name)
        turn = Round.read(state.cursors.get(SWEEP))
        if turn is None or turn.began is None:
            return []
        query = (
            select(CrmLink)
            .where(
                CrmLink.account == self._party.name,
                CrmLink.state == LinkState.LIVE,
                CrmLink.seen_at < turn.began,
                CrmLink.id > after,
            )
            .order_by(CrmLink.id)
            .limit(STEP)
        )
        return list(await session.scalars(query))

    async def _send_unknown(self) -> None:
        """Customers whom the CRM does not know, and who can be reached."""
        linked = exists().where(CrmLink.account == self._party.name, CrmLink.customer_id == Customer.id)
        reachable = exists().where(ContactPoint.customer_id == Customer.id)
        after = 0
        while True:
            query = (
                select(Customer.id)
                .where(Customer.id > after, Customer.merged_into_id.is_(None), ~linked, reachable)
                .order_by(Customer.id)
                .limit(STEP)
            )
            async with self._db.write() as session:
                unknown = list(await session.scalars(query))
                for customer_id in unknown:
                    await enqueue_push(self._queue, session, self._party.name, customer_id)
            if not unknown:
                return
            after = unknown[-1]

    async def _send_changed_tickets(self) -> None:
        """Tickets that were changed here since they were compared last."""
        after = 0
        while True:
            query = (
                select(CrmCase.id, CrmCase.remote_id, Ticket.customer_id)
                .join(Ticket, Ticket.id == CrmCase.ticket_id)
                .where(CrmCase.account == self._party.name, CrmCase.state == LinkState.LIVE)
                .where(CrmCase.id > after, Ticket.updated_at > CrmCase.touched_at)
                .order_by(CrmCase.id)
                .limit(STEP)
            )
            async with self._db.write() as session:
                changed = (await session.execute(query)).all()
                for case in changed:
                    await enqueue_look(
                        self._queue,
                        session,
                        self._party.name,
                        Kind.TICKET,
                        case.remote_id,
                        case.customer_id,
                    )
            if not changed:
                return
            after = changed[-1].id
