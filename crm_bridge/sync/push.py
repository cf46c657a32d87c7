"""From us to the CRM: one customer at a time, always after a fresh look at how the CRM holds them.

Crash-safe by what is put down before a request leaves: a write that was done and not noted is recognised
when the contact is read again (`CrmShadow.pending`), a contact that was entered and not linked is found by
its phone or address.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from core.jobs import JobQueue
from crm_bridge.adapters.errors import NotFound
from crm_bridge.adapters.values import Contact, Field, Kind, Values
from crm_bridge.sync import deals, people
from crm_bridge.sync.jobs import enqueue_push
from crm_bridge.sync.meeting import Meetings, Met, Party, Pending, find_link, link_of, shadow_of
from crm_bridge.sync.state import answers
from crm_bridge.sync.tables import CrmLink, CrmShadow, LinkState

LOOKS = 5  # tries to look at a contact while somebody else keeps touching it


class Restless(Exception):
    """The contact was touched at every look. The job comes back."""


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where a customer stands before the CRM is asked."""

    remote_id: str | None
    ours: Values
    pending: Pending  # what an interrupted try was about to enter


class Pusher:
    """Looks and writes for one account."""

    def __init__(self, db: Database, queue: JobQueue, clock: Clock, party: Party) -> None:
        self._db = db
        self._queue = queue
        self._clock = clock
        self._party = party
        self._meetings = Meetings(party, clock)

    async def look(self, kind: Kind, remote_id: str) -> None:
        """Read one record of the CRM and do what follows."""
        if kind is Kind.DEAL:
            await self._look_at_deal(remote_id)
        elif kind is Kind.CONTACT:
            met = await self._look(remote_id)
            if met is not None and met.send:
                async with self._db.write() as session:
                    await enqueue_push(self._queue, session, self._party.name, met.customer_id)

    async def push(self, customer_id: int) -> None:
        """Bring a customer's changes into the CRM."""
        stand = await self._stand(customer_id)
        if stand is None:
            return
        remote_id = stand.remote_id or await self._enter(customer_id, stand)
        met = await self._look(remote_id) if remote_id else None
        if met is None or not met.send or remote_id is None:
            return
        await self._write(remote_id, met)

    async def _look_at_deal(self, remote_id: str) -> None:
        try:
            deal = await self._party.crm.get_order(remote_id)
        except NotFound:
            return
        async with self._db.write() as session:
            await deals.keep(session, self._party.name, deal, self._clock.now())

    async def _look(self, remote_id: str) -> Met | None:
        """Read a contact and let it meet its customer. Nobody else may have done so since it was read."""
        for _ in range(LOOKS):
            async with self._db.read() as session:
                version = await self._version(session, remote_id)
            try:
                contact = await self._party.crm.get_contact(remote_id)
            except NotFound:
                await self._gone(remote_id)
                return None
            async with self._db.write() as session:
                await find_link(session, self._party.name, remote_id)  # held from here on
                if await self._version(session, remote_id) == version:
                    await answers(session, self._party.name)
                    return await self._meetings.meet(session, contact)
        raise Restless(remote_id)

    async def _version(self, session: AsyncSession, remote_id: str) -> int | None:
        query = (
            select(CrmShadow.version)
            .join(CrmLink, CrmLink.customer_id == CrmShadow.customer_id)
            .where(CrmLink.account == self._party.name, CrmShadow.account == self._party.name)
            .where(CrmLink.remote_id == remote_id)
        )
        return (await session.execute(query)).scalar_one_or_none()

    async def _gone(self, remote_id: str) -> None:
        async with self._db.write() as session:
            link = await find_link(session, self._party.name, remote_id)
            if link is not None:
                link.state = LinkState.GONE
                if link.customer_id is not None:
                    shadow = await shadow_of(session, self._party.name, link.customer_id)
                    shadow.dirty_since = None

    async def _write(self, remote_id: str, met: Met) -> None:
        """Send what was decided; note that it was done, and meet again: more may have changed meanwhile."""
        try:
            contact = await self._party.crm.upsert_contact(met.send, remote_id)
        except NotFound:
            await self._gone(remote_id)
            return
        async with self._db.write() as session:
            await find_link(session, self._party.name, remote_id)
            shadow = await shadow_of(session, self._party.name, met.customer_id)
            if shadow.version == met.version:
                again = await self._meetings.meet(session, contact, dict(shadow.pending))
                if again is not None and again.send == met.send:
                    shadow.problem = "the CRM shows these values in another form"  # writing on is useless
                    return
            else:
                again = Met(met.customer_id, shadow.version, met.send)  # look again
            if again is not None and again.send:
                await enqueue_push(self._queue, session, self._party.name, met.customer_id)

    async def _stand(self, customer_id: int) -> _Stand | None:
        """Where the customer stands; None when there is nothing to be done for them."""
        account = self._party.name
        async with self._db.write() as session:
            ours = await people.read(session, customer_id)
            if ours is None:
                return None
            link = await link_of(session, account, customer_id)
            if link is not None:
                return None if link.state is LinkState.GONE else _Stand(link.remote_id, ours, {})
            if not self._party.rules.create_contacts or not _reachable(ours):
                return None
            shadow = await shadow_of(session, account, customer_id)
            return _Stand(None, ours, dict(shadow.pending))

    async def _enter(self, customer_id: int, stand: _Stand) -> str | None:
        """Find the customer in the CRM, or enter them. The id there."""
        contact = await self._find(customer_id, stand)
        if contact is None:
            await self._intend(customer_id, stand.ours)
            fields = self._party.fields
            values = {field: value for field, value in stand.ours.items() if value and field in fields}
            contact = await self._party.crm.upsert_contact(values)
        async with self._db.write() as session:
            linked = await self._meetings.link(session, contact.remote_id, customer_id)
        return contact.remote_id if linked else None  # else a pull was faster and has compared already

    async def _intend(self, customer_id: int, ours: Values) -> None:
        """Put down what is about to be entered: by it the contact is recognised, whatever dies meanwhile."""
        shown = self._party.crm.project(ours)
        async with self._db.write() as session:
            shadow = await shadow_of(session, self._party.name, customer_id)
            shadow.pending = {
                field.value: [ours[field], shown[field]] for field in self._party.fields & shown.keys()
            }
            shadow.version += 1

    async def _find(self, customer_id: int, stand: _Stand) -> Contact | None:
        """Somebody there with the customer's phone or address, and no other name, who is nobody else's.

        What an interrupted try was about to enter counts as well: the customer may have a new phone since.
        """
        intended = {Field(name): pair[0] for name, pair in stand.pending.items()}
        for values in (stand.ours, intended):
            phone, email = values.get(Field.PHONE, ""), values.get(Field.EMAIL, "")
            if not phone and not email:
                continue
            for contact in await self._party.crm.find_contact(phone=phone, email=email):
                if people.same_person(contact.values, values) and await self._free(contact, customer_id):
                    return contact
        return None

    async def _free(self, contact: Contact, customer_id: int) -> bool:
        async with self._db.read() as session:
            link = await find_link(session, self._party.name, contact.remote_id)
        return link is None or link.customer_id == customer_id


def _reachable(values: Values) -> bool:
    """Somebody without phone and address could not be found again after a crash, nor be reached."""
    return bool(values.get(Field.PHONE) or values.get(Field.EMAIL))
