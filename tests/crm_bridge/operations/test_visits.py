"""Nobody gets a place in the calendar that somebody else has, on both databases."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from core.clock import ManualClock
from core.db import Database
from crm_bridge.company import Company as Rules
from crm_bridge.models import Appointment, AppointmentState, Slot
from crm_bridge.operations.running import Operations
from crm_bridge.operations.visits import VisitOperations
from crm_bridge.visits import Visits
from tests.crm_bridge.people import Company

HOUR = timedelta(hours=1)


@pytest.fixture
def calendar(operations: Operations, rules: Rules) -> VisitOperations:
    return VisitOperations(operations, rules.visits)


async def slot(db: Database, clock: ManualClock, hours: int = 24, capacity: int = 1) -> int:
    async with db.write() as session:
        starts = clock.now() + hours * HOUR
        room = Slot(
            service="ремонт", place="Казань", starts_at=starts, ends_at=starts + HOUR, capacity=capacity
        )
        session.add(room)
        await session.flush()
        return room.id


async def booked(db: Database) -> list[Appointment]:
    async with db.read() as session:
        query = select(Appointment).where(Appointment.state == AppointmentState.BOOKED)
        return list(await session.scalars(query))


async def test_of_many_who_want_the_last_places_at_once_only_so_many_get_one(
    shop: Company, db: Database, clock: ManualClock, calendar: VisitOperations
) -> None:
    people = [await shop.customer() for _ in range(8)]
    room = await slot(db, clock, capacity=3)
    done = await asyncio.gather(*(calendar.book(f"k{person}", person, room) for person in people))
    assert sum(one["done"] for one in done) == 3
    assert len(await booked(db)) == 3
    assert await Visits(db).free(["ремонт"], clock.now()) == []


async def test_two_who_move_to_the_last_place_at_once(
    shop: Company, db: Database, clock: ManualClock, calendar: VisitOperations
) -> None:
    maria, peter = await shop.customer(), await shop.customer("Пётр")
    first, second, wanted = [await slot(db, clock, hours) for hours in (24, 25, 26)]
    hers = (await calendar.book("a", maria, first))["id"]
    his = (await calendar.book("b", peter, second))["id"]
    done = await asyncio.gather(
        calendar.move("c", maria, hers, wanted), calendar.move("d", peter, his, wanted)
    )
    assert sorted(one["done"] for one in done) == [False, True]
    assert {"done": False, "late": False} in done
    assert sorted(one.slot_id or 0 for one in await booked(db)) in ([first, wanted], [second, wanted])


async def test_the_same_key_books_moves_and_cancels_once(
    shop: Company, db: Database, clock: ManualClock, calendar: VisitOperations
) -> None:
    maria = await shop.customer()
    room, other = await slot(db, clock, 24), await slot(db, clock, 48)
    visit = await calendar.book("k", maria, room)
    assert await calendar.book("k", maria, room) == visit
    assert len(await booked(db)) == 1
    for _ in range(2):
        assert await calendar.move("m", maria, visit["id"], other) == {"done": True}
    for _ in range(2):
        assert await calendar.cancel("c", maria, visit["id"]) == {"done": True}
    assert await booked(db) == []
    assert len(await Visits(db).free(["ремонт"], clock.now())) == 2


async def test_nobody_touches_the_visit_of_somebody_else(
    shop: Company, db: Database, clock: ManualClock, calendar: VisitOperations
) -> None:
    maria, stranger = await shop.customer(), await shop.customer("Пётр")
    room, other = await slot(db, clock, 24), await slot(db, clock, 48)
    visit = (await calendar.book("k", maria, room))["id"]
    assert await calendar.cancel("x", stranger, visit) == {"done": False}
    assert (await calendar.move("y", stranger, visit, other))["done"] is False
    assert [one.slot_id for one in await booked(db)] == [room]


async def test_too_near_is_too_late(
    shop: Company, db: Database, clock: ManualClock, calendar: VisitOperations
) -> None:
    maria = await shop.customer()
    near, later = await slot(db, clock, 1), await slot(db, clock, 4)
    assert await calendar.book("a", maria, near) == {"done": False}
    visit = (await calendar.book("b", maria, later))["id"]
    clock.advance(2 * HOUR)
    assert await calendar.cancel("c", maria, visit) == {"done": False}
    assert await calendar.move("d", maria, visit, near) == {"done": False, "late": True}
    assert len(await booked(db)) == 1
