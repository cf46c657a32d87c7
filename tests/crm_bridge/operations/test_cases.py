"""A case is opened once, has a number of its own and a deadline that people can keep."""

import asyncio
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import ManualClock
from core.db import Database
from core.media.tables import Media
from crm_bridge.company import Company as Rules
from crm_bridge.company.hours import Hours
from crm_bridge.models import Ticket, TicketFile, TicketKind, TicketPriority
from crm_bridge.operations.cases import Cases
from crm_bridge.operations.running import Operations
from tests.crm_bridge.people import Company

DEFECT = TicketKind.DEFECT


@pytest.fixture
def cases(operations: Operations, rules: Rules) -> Cases:
    return Cases(operations, rules.cases)


async def tickets(db: Database) -> list[Ticket]:
    async with db.read() as session:
        return list(await session.scalars(select(Ticket).order_by(Ticket.id)))


async def test_a_case_has_a_number_a_deadline_and_its_order(
    shop: Company, cases: Cases, db: Database
) -> None:
    maria = await shop.customer()
    order, chat = await shop.order(maria, "1001"), await shop.chat(maria)
    opened = await cases.open_case(
        "k", maria, DEFECT, "Трещина", "Чайник с трещиной", order_number="№ 1001", conversation_id=chat
    )
    [ticket] = await tickets(db)
    assert (ticket.number, ticket.order_id, ticket.conversation_id) == (opened["number"], order, chat)
    assert ticket.due_at == datetime.fromisoformat(opened["due"])
    assert ticket.due_at is not None
    assert ticket.due_at.isoformat() == "2026-11-21T10:00:00+00:00"  # noon to nine, then three hours from ten


async def test_the_same_key_opens_one_case_even_at_once(shop: Company, cases: Cases, db: Database) -> None:
    maria = await shop.customer()
    opened = await asyncio.gather(*(cases.open_case("k", maria, DEFECT, "s", "t") for _ in range(5)))
    assert len(await tickets(db)) == 1
    assert len({one["number"] for one in opened}) == 1


async def test_cases_opened_at_once_have_different_numbers(shop: Company, cases: Cases, db: Database) -> None:
    maria = await shop.customer()
    opened = await asyncio.gather(*(cases.open_case(f"k{n}", maria, DEFECT, "s", "t") for n in range(8)))
    assert len({one["number"] for one in opened}) == len(await tickets(db)) == 8


async def test_somebody_elses_order_is_not_named(shop: Company, cases: Cases, db: Database) -> None:
    maria, peter = await shop.customer(), await shop.customer("Пётр")
    await shop.order(peter, "1002")
    await cases.open_case("k", maria, DEFECT, "s", "t", order_number="1002")
    assert [ticket.order_id for ticket in await tickets(db)] == [None]


async def test_files_are_attached_and_lost_ones_do_not_hinder(
    shop: Company, cases: Cases, db: Database
) -> None:
    maria, photo = await shop.customer(), "a" * 64
    async with db.write() as session:
        session.add(Media(sha256=photo, size=3, type="image/jpeg", created_at=shop.now))
    files = [{"key": photo, "name": "чайник.jpg", "type": "image/jpeg"}, {"key": "lost", "name": "x"}]
    await cases.open_case("k", maria, DEFECT, "s", "t", files=files)
    async with db.read() as session:
        kept = list(await session.scalars(select(TicketFile)))
    assert [(file.sha256, file.name) for file in kept] == [(photo, "чайник.jpg")]


async def test_a_crm_hears_of_it_once(shop: Company, db: Database, clock: ManualClock, rules: Rules) -> None:
    heard: list[str] = []

    class Listener:
        async def customer_changed(self, session: AsyncSession, customer_id: int) -> None:
            heard.append(f"customer {customer_id}")

        async def ticket_opened(self, session: AsyncSession, ticket: Ticket) -> None:
            heard.append(ticket.number)

    cases, maria = Cases(Operations(db, clock, Listener()), rules.cases), await shop.customer()
    opened = await cases.open_case("k", maria, DEFECT, "s", "t")
    await cases.open_case("k", maria, DEFECT, "s", "t")
    assert heard == [opened["number"], f"customer {maria}"]


@pytest.mark.parametrize(
    ("priority", "now", "due"),
    [
        ("high", "2026-11-20T12:00", "2026-11-20T16:00"),  # a Friday, all within the day
        ("high", "2026-11-20T20:00", "2026-11-21T13:00"),  # one hour left, then Saturday from ten
        ("high", "2026-11-22T23:00", "2026-11-23T13:00"),  # Sunday night waits for Monday at nine
        ("high", "2026-11-23T03:00", "2026-11-23T13:00"),
        ("normal", "2026-12-31T20:00", "2027-01-04T12:00"),  # an hour, two holidays, Sunday's eight, three
        ("low", "2026-11-23T09:00", "2026-11-24T21:00"),  # two days to the minute
    ],
)
def test_deadlines_are_in_working_hours(rules: Rules, priority: str, now: str, due: str) -> None:
    moscow = "+03:00"
    found = rules.cases.due(TicketPriority(priority), datetime.fromisoformat(now + moscow).astimezone(UTC))
    assert found == datetime.fromisoformat(due + moscow)


def test_hours_know_when_people_work() -> None:
    shop = Hours.model_validate({"time_zone": "Europe/London", "week": {"mon": ["09:00", "17:00"]}})
    monday, noon = datetime(2026, 6, 1, 8, tzinfo=UTC), datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert shop.is_open(monday)  # nine in summer
    assert not shop.is_open(datetime(2026, 6, 1, 16, tzinfo=UTC))
    assert shop.opening(noon) == noon
    assert shop.opening(datetime(2026, 6, 1, 16, tzinfo=UTC)) == datetime(2026, 6, 8, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "broken",
    [
        {"time_zone": "Mars/Base", "week": {"mon": ["09:00", "17:00"]}},
        {"time_zone": "UTC", "week": {}},
        {"time_zone": "UTC", "week": {"mon": ["17:00", "09:00"]}},
    ],
)
def test_impossible_hours_are_refused(broken: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Hours.model_validate(broken)
