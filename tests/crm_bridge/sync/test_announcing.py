"""Whoever changes what a CRM shares announces it at once; without a CRM nothing is written."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.jobs.embedded import JobRow
from crm_bridge.contacts import Contact
from crm_bridge.customers import Customers
from crm_bridge.duplicates import Arrivals, Merges, Proposals
from crm_bridge.models import ContactKind
from crm_bridge.sync import Announcements
from crm_bridge.sync.tables import CrmShadow
from tests.crm_bridge.sync.office import Office
from tests.fakes.crm.plain import PlainCrm

PHONE, EMAIL = Contact(ContactKind.PHONE, "+79161234567"), Contact(ContactKind.EMAIL, "maria@example.com")
Deed = Callable[[AsyncSession], Awaitable[object]]


class Desk:
    """The services of an installation whose profile edits reach the CRM."""

    def __init__(self, office: Office) -> None:
        self.office = office
        announce = office.sync.announcements
        arrivals = Arrivals(Proposals(office.db, office.clock))
        self.customers = Customers(office.clock, arrivals, announce)
        self.merges = Merges(office.clock, announce)

    async def does(self, deed: Deed) -> object:
        async with self.office.db.write() as session:
            return await deed(session)


@pytest.fixture
def desk(office: Office) -> Desk:
    return Desk(office)


async def test_an_edited_profile_is_in_the_crm_before_the_next_reading(desk: Desk, crm: PlainCrm) -> None:
    maria = await desk.does(lambda s: desk.customers.add(s, PHONE, given_name="Мария"))
    assert isinstance(maria, int)
    await desk.office.work()
    assert (crm.sees("1", "given_name"), crm.sees("1", "phone")) == ("Мария", "+79161234567")
    await desk.does(lambda s: desk.customers.change(s, maria, family_name="Соколова"))
    await desk.does(lambda s: desk.customers.add_contact(s, maria, EMAIL))
    await desk.office.work()
    assert (crm.sees("1", "family_name"), crm.sees("1", "email")) == ("Соколова", "maria@example.com")


async def test_what_the_crm_does_not_share_is_not_announced(desk: Desk, crm: PlainCrm) -> None:
    maria = await desk.does(lambda s: desk.customers.add(s, PHONE, given_name="Мария"))
    assert isinstance(maria, int)
    await desk.office.work()
    crm.calls.clear()
    await desk.does(lambda s: desk.customers.change(s, maria, city="Казань", vip=True))
    await desk.does(lambda s: desk.customers.change(s, maria, given_name="Мария"))
    await desk.does(lambda s: desk.customers.add_contact(s, maria, PHONE))
    await desk.office.work()
    assert crm.calls == []


async def test_what_a_merge_brings_the_survivor_is_sent(desk: Desk, crm: PlainCrm) -> None:
    maria = await desk.does(lambda s: desk.customers.add(s, PHONE, given_name="Мария"))
    other = await desk.does(lambda s: desk.customers.add(s, EMAIL, given_name="Мария"))
    assert isinstance(maria, int)
    assert isinstance(other, int)
    await desk.office.pass_time()
    await desk.does(lambda s: desk.merges.merge(s, maria, other, "root", administrator=True))
    await desk.office.work()
    assert crm.sees("1", "email") == "maria@example.com"


async def test_without_a_crm_an_announcement_writes_nothing(office: Office) -> None:
    announce = Announcements(office.queue, office.clock, ())
    maria = await office.customer()
    office.clock.advance(timedelta(seconds=1))
    before = await _rows(office)
    async with office.db.write() as session:
        await announce.customer_changed(session, maria)
        await announce.note(session, maria, "n1", "Перезвонить")
    assert await _rows(office) == before


async def _rows(office: Office) -> list[int]:
    async with office.db.read() as session:
        return [await session.scalar(select(func.count()).select_from(t)) or 0 for t in (JobRow, CrmShadow)]
