"""Our side of the story: a database, what people here do, and the worker process."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import aiohttp
from sqlalchemy import select

from core.clock import SystemClock
from core.db import Database
from core.jobs import EmbeddedQueue
from core.settings import ROOT
from crm_bridge.adapters import CrmAdapter, Field, Values
from crm_bridge.models import (
    ContactKind,
    ContactPoint,
    Customer,
    Interaction,
    Ticket,
    TicketKind,
    TicketPriority,
    TicketState,
)
from crm_bridge.sync import Announcements, Conflicts, ConflictView, Statuses, Sync, connect, load, people
from crm_bridge.sync.tables import CrmDeal, CrmLink, CrmOutgoing, LinkState

ACCOUNT = "shop"


class Ours:
    """An installation with one CRM account."""

    def __init__(self, url: str, config: Path) -> None:
        self.url = url
        self.config = config
        self.db = Database(url)
        self.clock = SystemClock()
        queue = EmbeddedQueue(self.db, self.clock)
        self.announcements = Announcements(queue, self.clock, (ACCOUNT,))
        self.statuses = Statuses(self.db, self.clock)
        self._conflicts = Conflicts(self.db, queue, self.clock)
        self._worker: Process | None = None

    async def start(self) -> None:
        """Start the worker, and wait until it works."""
        self._worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.real.bottlecrm.worker", self.url, str(self.config)),
            cwd=ROOT,
            env=dict(os.environ),
            stdout=PIPE,
        )
        assert self._worker.stdout is not None
        assert await self._worker.stdout.readline() == b"ready\n"

    async def kill(self) -> None:
        """End the worker as a power cut would."""
        if self._worker is not None and self._worker.returncode is None:
            self._worker.send_signal(signal.SIGKILL)
            await self._worker.wait()

    async def close(self) -> None:
        await self.kill()
        await self.db.close()

    async def adapter(self, http: aiohttp.ClientSession) -> CrmAdapter:
        return connect(load(self.config), http, self.db, self.clock, b"")[ACCOUNT].crm

    async def sweep(self) -> int:
        """What the night does. How many contacts are gone."""
        async with aiohttp.ClientSession() as http:
            parties = connect(load(self.config), http, self.db, self.clock, b"")
            return await Sync(
                self.db, EmbeddedQueue(self.db, self.clock), self.clock, parties, "Europe/Moscow"
            ).sweep(ACCOUNT)

    async def customer(self, values: Values) -> int:
        """Somebody becomes a customer here."""
        now = self.clock.now()
        async with self.db.write() as session:
            who = Customer(
                given_name=values[Field.GIVEN_NAME],
                family_name=values[Field.FAMILY_NAME],
                language="ru",
                time_zone="Europe/Moscow",
                created_at=now,
            )
            session.add(who)
            await session.flush()
            for field, kind in ((Field.PHONE, ContactKind.PHONE), (Field.EMAIL, ContactKind.EMAIL)):
                if values[field]:
                    point = {"customer_id": who.id, "kind": kind, "value": values[field], "created_at": now}
                    session.add(ContactPoint(**point))
            await self.announcements.customer_changed(session, who.id)
            return who.id

    async def edit(self, customer_id: int, field: Field, value: str) -> None:
        """Somebody here changes a profile."""
        async with self.db.write() as session:
            await people.write(session, customer_id, {field: value}, self.clock.now())
            await self.announcements.customer_changed(session, customer_id)

    async def ticket(self, customer_id: int, number: int) -> None:
        now = self.clock.now()
        async with self.db.write() as session:
            ticket = Ticket(
                customer_id=customer_id,
                number=f"T{number}",
                kind=TicketKind.COMPLAINT,
                state=TicketState.OPEN,
                priority=TicketPriority.NORMAL,
                subject=f"Не греет чайник, обращение {number}",
                text="Купила неделю назад, не греет.",
                opened_at=now,
                updated_at=now,
            )
            session.add(ticket)
            await session.flush()
            await self.announcements.ticket_opened(session, ticket)

    async def note(self, customer_id: int, number: int) -> None:
        async with self.db.write() as session:
            await self.announcements.note(
                session, customer_id, f"n{number}", f"Просила перезвонить, {number}"
            )

    async def links(self) -> dict[str, int]:
        """Contacts that are there and their customers."""
        query = select(CrmLink).where(CrmLink.state == LinkState.LIVE, CrmLink.customer_id.is_not(None))
        async with self.db.read() as session:
            return {link.remote_id: link.customer_id or 0 for link in await session.scalars(query)}

    async def people(self) -> dict[int, Values]:
        """All customers as they are here."""
        found = {}
        async with self.db.write() as session:
            for customer_id in list(await session.scalars(select(Customer.id))):
                values = await people.read(session, customer_id)
                assert values is not None
                found[customer_id] = values
        return found

    async def tickets(self) -> dict[str, Ticket]:
        """Every ticket that is in the CRM, by its id there."""
        async with self.db.read() as session:
            rows = await session.scalars(select(Ticket).where(Ticket.external_ref.is_not(None)))
            return {str(row.external_ref).partition(":")[2]: row for row in rows}

    async def handle(self, ticket_id: int, **values: object) -> None:
        """Somebody here changes a ticket."""
        async with self.db.write() as session:
            ticket = await session.get_one(Ticket, ticket_id, with_for_update=True)
            for name, value in (values | {"updated_at": self.clock.now()}).items():
                setattr(ticket, name, value)
            await self.announcements.ticket_changed(session, ticket)

    async def notes(self) -> list[tuple[int, str]]:
        """Whose timeline tells of which note that people there wrote."""
        query = select(Interaction.customer_id, Interaction.text).where(Interaction.source == "crm:shop")
        async with self.db.read() as session:
            return [(row.customer_id, row.text) for row in await session.execute(query)]

    async def letters(self) -> dict[str, str | None]:
        """Tickets and notes that were sent, and what they are in the CRM."""
        async with self.db.read() as session:
            return {row.key: row.remote_id for row in await session.scalars(select(CrmOutgoing))}

    async def deals(self) -> dict[str, tuple[int | None, str | None]]:
        async with self.db.read() as session:
            return {
                row.remote_id: (row.amount_minor, row.currency)
                for row in await session.scalars(select(CrmDeal))
            }

    async def conflicts(self) -> list[ConflictView]:
        return list(await self._conflicts.listed(ACCOUNT, limit=100_000))
