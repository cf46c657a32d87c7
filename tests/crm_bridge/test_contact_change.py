"""A known customer gets a new phone or e-mail; a code for that opens no other door."""

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import select

from core.clock import ManualClock
from core.db import Database
from crm_bridge.contact_change import Change, ContactChanges
from crm_bridge.contacts import Contact
from crm_bridge.customers import Customers
from crm_bridge.duplicates import Arrivals, Proposals
from crm_bridge.identity import Identities
from crm_bridge.models import ContactKind, ContactPoint, Conversation, Identity, Notice
from crm_bridge.notices import Notices
from crm_bridge.operations.running import Operations
from crm_bridge.verification import NothingRequested, TooMany, Verification, WrongCode
from tests.crm_bridge.people import Company

OLD, NEW = "+79000001001", Contact(ContactKind.PHONE, "+79165551234")
PEPPER = b"pepper"


@pytest.fixture
def company(db: Database, clock: ManualClock) -> Company:
    return Company(db, clock)


@pytest.fixture
def codes() -> Iterator[int]:
    return count(100001)


@pytest.fixture
def changes(db: Database, clock: ManualClock, codes: Iterator[int]) -> ContactChanges:
    customers = Customers(clock, Arrivals(Proposals(db, clock)))
    notices = Notices(db, clock)
    return ContactChanges(Operations(db, clock), customers, notices, PEPPER, lambda _: next(codes))


@pytest.fixture
def verification(db: Database, clock: ManualClock) -> Verification:
    identities = Identities(db, clock, timedelta(hours=12))
    return Verification(db, clock, identities, Notices(db, clock), PEPPER, lambda _: 7)


class Maria:
    """A customer with a chat."""

    def __init__(self, customer_id: int, identity_id: int, chat: str, changes: ContactChanges) -> None:
        self.id, self.identity_id, self.chat = customer_id, identity_id, chat
        self._changes = changes

    async def asks(self, key: str, contact: Contact = NEW) -> str | None:
        """Until when she has to wait; None when a code is on its way."""
        sent = await self._changes.request(key, self.id, self.identity_id, self.chat, contact)
        until: str | None = sent["until"]
        return until

    async def says(self, key: str, code: str, contact: Contact = NEW, replaces: str | None = OLD) -> str:
        checked = await self._changes.check(key, self.id, self.identity_id, Change(contact, replaces), code)
        return str(checked["is"])


@pytest.fixture
async def maria(company: Company, changes: ContactChanges) -> Maria:
    customer_id = await company.customer(phone=OLD)
    chat = await company.chat(customer_id)
    async with company.db.read() as session:
        identity_id = (await session.get_one(Conversation, chat)).identity_id
    return Maria(customer_id, identity_id, chat, changes)


async def phones(db: Database, customer_id: int) -> set[str]:
    async with db.read() as session:
        query = select(ContactPoint.value).where(ContactPoint.customer_id == customer_id)
        return set(await session.scalars(query))


async def test_the_right_code_changes_it_once_and_the_old_phone_hears_of_it(
    maria: Maria, db: Database
) -> None:
    assert await maria.asks("a") is None
    assert await maria.says("b", "мой код 100 001") == "done"
    assert await maria.says("b", "мой код 100 001") == "done"
    assert await phones(db, maria.id) == {NEW.value}
    async with db.read() as session:
        told = list(await session.scalars(select(Notice).order_by(Notice.id)))
    assert [one.address for one in told] == [NEW.value, OLD]
    assert re.search(r"\b100001\b", told[0].text)
    assert NEW.value not in told[1].text  # enough to recognise one's own
    assert await maria.says("c", "100001") == "expired"  # it is used


async def test_five_wrong_codes_lock_and_change_nothing(
    maria: Maria, db: Database, clock: ManualClock
) -> None:
    await maria.asks("a")
    said = [await maria.says(f"w{n}", "999999") for n in range(5)]
    assert said == ["wrong"] * 4 + ["locked"]
    assert await maria.says("right", "100001") == "locked"
    assert await maria.asks("again") is not None
    clock.advance(timedelta(minutes=16))
    assert await maria.says("late", "100001") == "expired"
    assert await phones(db, maria.id) == {OLD}


async def test_ten_guesses_at_once_are_counted(maria: Maria, db: Database) -> None:
    await maria.asks("a")
    said = await asyncio.gather(*(maria.says(f"w{n}", "999999") for n in range(10)))
    assert sorted(said) == ["locked"] * 6 + ["wrong"] * 4


async def test_a_code_counts_for_its_contact_alone(maria: Maria, db: Database) -> None:
    other = Contact(ContactKind.PHONE, "+79165550000")
    await maria.asks("a")
    assert await maria.says("b", "100001", other) == "expired"
    await maria.asks("c", other)
    assert await maria.says("d", "100001", other) == "wrong"
    assert await maria.says("e", "100002", other) == "done"
    assert await phones(db, maria.id) == {other.value}


async def test_a_code_for_a_contact_identifies_nobody(
    maria: Maria, verification: Verification, db: Database
) -> None:
    await maria.asks("a")
    assert isinstance(await verification.check(maria.chat, "100001", "b"), NothingRequested)
    await verification.request(maria.chat, OLD, "c")
    assert isinstance(await verification.check(maria.chat, "100001", "d"), WrongCode)
    async with db.read() as session:
        assert (await session.get_one(Identity, maria.identity_id)).verified_at is None


async def test_a_code_of_the_identification_changes_no_contact(
    maria: Maria, verification: Verification, db: Database
) -> None:
    await verification.request(maria.chat, NEW.value, "a")
    assert await maria.says("b", "000007") == "expired"
    assert await phones(db, maria.id) == {OLD}


async def test_codes_of_both_kinds_count_together(maria: Maria, verification: Verification) -> None:
    for n in range(3):
        assert await maria.asks(f"a{n}") is None
    assert await maria.asks("a4") is not None
    assert isinstance(await verification.request(maria.chat, OLD, "b"), TooMany)


async def test_a_second_contact_stands_beside_the_first(maria: Maria, db: Database) -> None:
    email = Contact(ContactKind.EMAIL, "m@example.org")
    await maria.asks("a", email)
    assert await maria.says("b", "100001", email, None) == "done"
    assert await phones(db, maria.id) == {OLD, "m@example.org"}
