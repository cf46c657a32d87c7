"""A contact as the CRM shows it meets our customer: everything that follows, in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from crm_bridge.adapters.port import CrmAdapter
from crm_bridge.adapters.values import Contact, Field
from crm_bridge.sql import insert_if_absent
from crm_bridge.sync import conflicts, people
from crm_bridge.sync.merge import Agreement, Merged, merge, recognise
from crm_bridge.sync.rules import SyncRules
from crm_bridge.sync.tables import CrmDeal, CrmLink, CrmShadow, LinkState

Pending = dict[str, list[str]]


@dataclass(frozen=True)
class Party:
    """One account: its name, its adapter and its rules."""

    name: str
    crm: CrmAdapter
    rules: SyncRules

    @property
    def fields(self) -> frozenset[Field]:
        return self.rules.kept(self.crm.capabilities.fields)

    @property
    def ticket_fields(self) -> frozenset[Field]:
        return self.rules.kept(self.crm.capabilities.ticket_fields)


@dataclass(frozen=True, slots=True)
class Met:
    """What a meeting left to be done."""

    customer_id: int
    version: int  # of the shadow
    send: Mapping[Field, str]  # to be written to the CRM


async def find_link(session: AsyncSession, account: str, remote_id: str) -> CrmLink | None:
    """The link of a contact, held until the transaction ends."""
    query = select(CrmLink).where(CrmLink.account == account, CrmLink.remote_id == remote_id)
    return (await session.execute(query.with_for_update())).scalar_one_or_none()


async def link_of(session: AsyncSession, account: str, customer_id: int) -> CrmLink | None:
    """The link of a customer."""
    query = select(CrmLink).where(CrmLink.account == account, CrmLink.customer_id == customer_id)
    return (await session.execute(query)).scalar_one_or_none()


async def shadow_of(session: AsyncSession, account: str, customer_id: int) -> CrmShadow:
    """The shadow of a customer, made if need be, held until the transaction ends."""
    fresh = {"account": account, "customer_id": customer_id, "local": {}, "remote": {}, "pending": {}}
    await insert_if_absent(session, CrmShadow, {**fresh, "version": 0})
    query = select(CrmShadow).where(CrmShadow.account == account, CrmShadow.customer_id == customer_id)
    held = query.with_for_update().execution_options(populate_existing=True)
    return (await session.execute(held)).scalar_one()


class Meetings:
    """Meetings of one account."""

    def __init__(self, party: Party, clock: Clock) -> None:
        self._party = party
        self._clock = clock

    async def meet(
        self, session: AsyncSession, contact: Contact, written: Pending | None = None
    ) -> Met | None:
        """Compare a contact with its customer, store what is to be taken, record conflicts.

        A contact that nobody knows is linked to a customer of the same phone or address and name, or becomes
        a new one. None when there is nobody to compare with.

        Args:
            written: what we have just written to the CRM.
        """
        customer_id = await self._whose(session, contact)
        if customer_id is None:
            return None
        ours = await people.read(session, customer_id)
        if ours is None:
            return None
        shadow = await shadow_of(session, self._party.name, customer_id)
        before = _agreement(shadow)
        before = recognise(before, contact.values, written or shadow.pending, written=written is not None)
        crm = self._party.crm
        merged = merge(ours, contact.values, before, self._party.rules, crm.capabilities.fields, crm.project)
        await self._store(session, shadow, merged, contact)
        return Met(customer_id, shadow.version, merged.send)

    async def link(self, session: AsyncSession, remote_id: str, customer_id: int) -> bool:
        """Put down that they are one person. False when either belongs to somebody else already."""
        now = self._clock.now()
        row = {
            "account": self._party.name,
            "remote_id": remote_id,
            "customer_id": customer_id,
            "state": LinkState.LIVE,
            "seen_at": now,
            "created_at": now,
        }
        if not await insert_if_absent(session, CrmLink, row):
            return False
        await session.execute(
            update(CrmDeal)
            .where(CrmDeal.account == self._party.name, CrmDeal.contact_id == remote_id)
            .values(customer_id=customer_id)
        )
        return True

    async def _whose(self, session: AsyncSession, contact: Contact) -> int | None:
        link = await find_link(session, self._party.name, contact.remote_id)
        if link is not None:
            link.state = LinkState.LIVE  # it may have been restored
            return link.customer_id  # None: the customer was erased here
        for customer_id in await people.alike(session, contact.values):
            await self._unlink_gone(session, customer_id)
            if await self.link(session, contact.remote_id, customer_id):
                return customer_id
        if not self._party.rules.create_customers or not any(contact.values.values()):
            return None
        newcomer = people.Newcomer(self._party.rules.language, self._party.rules.time_zone)
        kept = {field: contact.values.get(field, "") for field in self._party.fields}
        customer_id = await people.create(session, kept, newcomer, self._clock.now())
        await self.link(session, contact.remote_id, customer_id)
        shadow = await shadow_of(session, self._party.name, customer_id)
        ours = await people.read(session, customer_id) or {}
        shadow.local = {field.value: ours.get(field, "") for field in kept}
        shadow.remote = {field.value: value for field, value in kept.items()}
        return customer_id

    async def _unlink_gone(self, session: AsyncSession, customer_id: int) -> None:
        """Let go of a contact that the CRM deleted: people there may have merged it into another one."""
        link = await link_of(session, self._party.name, customer_id)
        if link is None or link.state is not LinkState.GONE:
            return
        await session.delete(link)
        shadow = await shadow_of(session, self._party.name, customer_id)
        shadow.local, shadow.remote, shadow.pending = {}, {}, {}
        await session.flush()

    async def _store(
        self, session: AsyncSession, shadow: CrmShadow, merged: Merged, contact: Contact
    ) -> None:
        now = self._clock.now()
        taken = {field: people.fit(field, value) for field, value in merged.take.items()}
        if taken:
            await people.write(session, shadow.customer_id, taken, now)
        local = {**merged.local, **taken}
        shown = self._party.crm.project({**dict.fromkeys(self._party.fields, ""), **local, **merged.send})
        undecided = {name: pair for name, pair in shadow.pending.items() if Field(name) in merged.held}
        shadow.pending = undecided | {
            field.value: [value, shown.get(field, value)] for field, value in merged.send.items()
        }
        shadow.local = {field.value: value for field, value in local.items()}
        shadow.remote = {field.value: value for field, value in merged.remote.items()}
        shadow.remote_updated_at = contact.updated_at
        shadow.version += 1
        shadow.touched_at = now
        if merged.send:
            shadow.dirty_since = shadow.dirty_since or now
        else:
            shadow.dirty_since, shadow.problem = None, None
        await conflicts.record(session, conflicts.Matter(self._party.name, shadow.customer_id), merged, now)
        await session.flush()


def _agreement(shadow: CrmShadow) -> Agreement:
    return Agreement(
        {Field(name): value for name, value in shadow.local.items()},
        {Field(name): value for name, value in shadow.remote.items()},
    )
