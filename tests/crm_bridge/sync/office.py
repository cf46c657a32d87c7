"""A company with our product on one side, its CRM on the other, and jobs in between."""

import random
from datetime import timedelta

from sqlalchemy import select

from core.clock import ManualClock
from core.db import Database
from core.jobs import EmbeddedQueue, Worker
from crm_bridge.adapters import Field, Values
from crm_bridge.adapters.port import CrmAdapter
from crm_bridge.models import (
    ContactKind,
    ContactPoint,
    Customer,
    Ticket,
    TicketKind,
    TicketPriority,
    TicketState,
)
from crm_bridge.sql import reserve_ids
from crm_bridge.sync import Conflicts, ConflictView, Statuses, Sync, people
from crm_bridge.sync.meeting import Party
from crm_bridge.sync.rules import SyncRules
from crm_bridge.sync.tables import CrmLink
from crm_bridge.timeline import EventKind, Timelines

MINUTE = timedelta(minutes=1)
KINDS = {"phone": ContactKind.PHONE, "email": ContactKind.EMAIL}


class Office:
    """What people do on our side, and the passing of time."""

    def __init__(
        self, db: Database, clock: ManualClock, crm: CrmAdapter, rules: SyncRules | None = None
    ) -> None:
        self.db = db
        self.clock = clock
        self.party = Party("shop", crm, rules or SyncRules())
        self.statuses = Statuses(db, clock)
        self.use(EmbeddedQueue(db, clock))

    def use(self, queue: EmbeddedQueue) -> None:
        """Leave jobs in this queue."""
        self.queue = queue
        self.sync = Sync(self.db, queue, self.clock, {"shop": self.party}, "Europe/Moscow")
        self.conflicts = Conflicts(self.db, queue, self.clock)

    def worker(self) -> Worker:
        return Worker("gateway", self.queue, self.sync.handlers(), self.clock, random.Random(1), 4)

    async def work(self) -> None:
        """Everything that is due now."""
        await self.worker().drain()

    async def pass_time(self, minutes: int = 3) -> None:
        """Minutes go by, and the jobs with them."""
        await self.sync.start()
        for _ in range(minutes):
            self.clock.advance(MINUTE)
            await self.work()

    async def night(self) -> None:
        self.clock.advance(timedelta(days=1))
        await self.pass_time()

    async def customer(
        self, given: str = "Мария", family: str = "Соколова", phone: str = "", email: str = ""
    ) -> int:
        """Somebody becomes a customer here."""
        now = self.clock.now()
        async with self.db.write() as session:
            who = Customer(
                given_name=given, family_name=family, language="ru", time_zone="UTC", created_at=now
            )
            session.add(who)
            await session.flush()
            for kind, value in ((ContactKind.PHONE, phone), (ContactKind.EMAIL, email)):
                if value:
                    session.add(ContactPoint(customer_id=who.id, kind=kind, value=value, created_at=now))
            await session.flush()
            await self.sync.announcements.customer_changed(session, who.id)
        return who.id

    async def edit(self, customer_id: int, *, announced: bool = True, **values: str) -> None:
        """Somebody here changes a profile."""
        change = {Field(name): value for name, value in values.items()}
        async with self.db.write() as session:
            await people.write(session, customer_id, change, self.clock.now())
            if announced:
                await self.sync.announcements.customer_changed(session, customer_id)

    async def ticket(self, customer_id: int, subject: str = "Не греет") -> int:
        """A ticket is opened here."""
        now = self.clock.now()
        async with self.db.write() as session:
            [ticket_id] = await reserve_ids(session, Ticket, 1)
            ticket = Ticket(
                id=ticket_id,
                customer_id=customer_id,
                number=f"T-{ticket_id}",
                kind=TicketKind.DEFECT,
                state=TicketState.OPEN,
                priority=TicketPriority.NORMAL,
                subject=subject,
                text="Купила неделю назад",
                opened_at=now,
                updated_at=now,
            )
            session.add(ticket)
            await session.flush()
            await self.sync.announcements.ticket_opened(session, ticket)
        return ticket_id

    async def handle(self, ticket_id: int, *, announced: bool = True, **values: object) -> None:
        """Somebody here changes a ticket: `state`, `priority`, `subject`."""
        async with self.db.write() as session:
            ticket = await session.get_one(Ticket, ticket_id, with_for_update=True)
            for name, value in (values | {"updated_at": self.clock.now()}).items():
                setattr(ticket, name, value)
            if announced:
                await self.sync.announcements.ticket_changed(session, ticket)

    async def tickets(self) -> dict[str, Ticket]:
        """All tickets that are in the CRM, by their id there."""
        async with self.db.read() as session:
            rows = await session.scalars(select(Ticket).where(Ticket.external_ref.is_not(None)))
            return {str(row.external_ref).partition(":")[2]: row for row in rows}

    async def notes(self, customer_id: int) -> list[str]:
        """What colleagues in the CRM wrote, as the customer's timeline shows it, newest first."""
        page = await Timelines(self.db).page(customer_id, kinds={EventKind.INTERACTION})
        return [event.title for event in page.events]

    async def values(self, customer_id: int) -> Values:
        async with self.db.write() as session:
            found = await people.read(session, customer_id)
        assert found is not None
        return found

    async def sees(self, customer_id: int, name: str) -> str:
        return (await self.values(customer_id))[Field(name)]

    async def links(self) -> dict[str, int | None]:
        """Who is who: {contact: customer}."""
        async with self.db.read() as session:
            rows = await session.execute(select(CrmLink.remote_id, CrmLink.customer_id))
            return {row.remote_id: row.customer_id for row in rows}

    async def linked(self, remote_id: str) -> int:
        customer_id = (await self.links())[remote_id]
        assert customer_id is not None
        return customer_id

    async def record(self) -> list[ConflictView]:
        return list(await self.conflicts.listed("shop", limit=1000))
