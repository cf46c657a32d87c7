"""An agent corrects a profile; a customer says when and how they want to be written to."""

from typing import Any

import pytest
from sqlalchemy import update

from core.clock import ManualClock
from core.db import Database
from crm_bridge.contacts import Contact
from crm_bridge.customers import BadValue, Customers
from crm_bridge.duplicates import Arrivals, Proposals
from crm_bridge.models import ContactKind, Customer
from crm_bridge.profile import Profiles
from tests.crm_bridge.people import Company

PHONE = Contact(ContactKind.PHONE, "+79000001001")


@pytest.fixture
def customers(db: Database, clock: ManualClock) -> Customers:
    return Customers(clock, Arrivals(Proposals(db, clock)))


async def test_a_profile_is_made_and_changed(db: Database, clock: ManualClock, customers: Customers) -> None:
    async with db.write() as session:
        customer = await customers.add(session, PHONE, given_name="Мария", family_name="Соколова")
        assert (await customers.change(session, customer, city="Казань", vip=True)).fields == {"city", "vip"}
        assert (await customers.change(session, customer, city="Казань")).fields == frozenset()
        assert not await customers.add_contact(session, customer, PHONE)
        assert await customers.add_contact(session, customer, Contact(ContactKind.EMAIL, "m@example.com"))
    profile = await Profiles(db, clock).read(customer)
    assert (profile.given_name, profile.city, profile.vip, len(profile.contacts)) == (
        "Мария",
        "Казань",
        True,
        2,
    )


async def test_somebody_whom_we_know_is_noticed_when_they_come(
    db: Database, clock: ManualClock, customers: Customers
) -> None:
    await Company(db, clock).customer("Мария", "Соколова", phone=PHONE.value)
    async with db.write() as session:
        await customers.add(session, PHONE, given_name="Мария", family_name="Соколова")
    assert len(await Proposals(db, clock).open()) == 1


async def test_a_merged_customer_is_changed_where_they_are_now(
    db: Database, clock: ManualClock, customers: Customers
) -> None:
    company = Company(db, clock)
    kept, gone = await company.customer(), await company.customer()
    async with db.write() as session:
        await session.execute(update(Customer).where(Customer.id == gone).values(merged_into_id=kept))
        await customers.change(session, gone, city="Казань")
    assert (await Profiles(db, clock).read(kept)).city == "Казань"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"language": "de"}, "language"),
        ({"time_zone": "Mars/Phobos"}, "time_zone"),
        ({"preferred_from": 10}, "preferred_until"),
        ({"preferred_from": 10, "preferred_until": 10}, "preferred_until"),
        ({"preferred_from": -1, "preferred_until": 10}, "preferred_from"),
        ({"external_ref": "x"}, "external_ref"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    db: Database, clock: ManualClock, customers: Customers, values: dict[str, Any], field: str
) -> None:
    customer = await Company(db, clock).customer()
    with pytest.raises(BadValue) as refused:
        async with db.write() as session:
            await customers.change(session, customer, **values)
    assert refused.value.field == field


async def test_nobody_cannot_be_changed(db: Database, customers: Customers) -> None:
    with pytest.raises(LookupError):
        async with db.write() as session:
            await customers.change(session, 404, city="Казань")
