"""Somebody looks at a demo customer and finds a whole life there, and it moves on with the days."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from core.db import Base, Database
from crm_bridge.demo import load
from crm_bridge.models import (
    Appointment,
    AppointmentState,
    Asset,
    ConsentRecord,
    Customer,
    Document,
    Interaction,
    LoyaltyAccount,
    LoyaltyEntry,
    Order,
    OrderState,
    Refund,
    RefundState,
    Review,
    SavedMethod,
    Slot,
    Subscription,
    Ticket,
    TicketKind,
)
from tests.crm_bridge.test_demo import fresh

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAY = timedelta(days=1)
LIFE = (Appointment, Asset, ConsentRecord, Document, Interaction, LoyaltyEntry, Refund, Review, Subscription)


async def of(db: Database, ref: str, table: type[Base]) -> list[Any]:
    columns = table.__table__.c
    query = select(table).join(Customer, Customer.id == columns.customer_id)
    async with db.read() as session:
        return list(await session.scalars(query.where(Customer.external_ref == ref).order_by(columns.id)))


async def count(db: Database, table: type[Base]) -> int:
    async with db.read() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_everything_that_can_be_on_a_profile_occurs(db: Database) -> None:
    await load(db, NOW)
    for table in (*LIFE, Ticket, SavedMethod, LoyaltyAccount, Slot):
        assert await count(db, table) > 20, table.__name__
    async with db.read() as session:
        people = list(await session.scalars(select(Customer)))
        kinds = Counter(await session.scalars(select(Ticket.kind)))
        returned = await session.scalar(
            select(func.count()).select_from(Order).where(Order.state == OrderState.RETURNED)
        )
        refunded = await session.scalar(
            select(func.count()).select_from(Refund).join(Order).where(Order.state == OrderState.RETURNED)
        )
    assert returned == refunded
    assert all(person.city and person.segment for person in people)
    assert 5 < sum(person.vip for person in people) < 60
    assert 0 < sum(person.do_not_disturb for person in people) < 40
    assert set(kinds) == set(TicketKind)


async def test_nothing_that_is_told_of_the_past_lies_in_the_future(sqlite: Database) -> None:
    await load(sqlite, NOW)
    past = (Asset.bought_at, ConsentRecord.at, Document.issued_at, Interaction.at, LoyaltyEntry.at)
    past += (Refund.requested_at, Review.at, Subscription.started_at, Ticket.opened_at, Ticket.solved_at)
    async with sqlite.read() as session:
        for column in past:
            newest = await session.scalar(select(func.max(column)))
            assert newest is not None
            assert newest <= NOW, column
        booked = select(Appointment).where(Appointment.state == AppointmentState.BOOKED)
        for visit in await session.scalars(booked):
            assert visit.starts_at > NOW
            assert visit.slot_id is not None


async def test_the_players_have_what_predictors_wait_for(sqlite: Database) -> None:
    await load(sqlite, NOW)
    (card,) = await of(sqlite, "demo-1001", SavedMethod)
    assert card.expires_at == NOW + 12 * DAY
    points = await of(sqlite, "demo-1001", LoyaltyEntry)
    assert NOW + 9 * DAY in {entry.expires_at for entry in points}
    assert TicketKind.COMPLAINT in {ticket.kind for ticket in await of(sqlite, "demo-1002", Ticket)}
    (subscription,) = await of(sqlite, "demo-1003", Subscription)
    assert (subscription.paid_until, subscription.renews) == (NOW + 6 * DAY, False)
    visits = await of(sqlite, "demo-1006", Appointment)
    assert AppointmentState.BOOKED in {visit.state for visit in visits}
    overdue = [refund for refund in await of(sqlite, "demo-1011", Refund) if refund.promised_at < NOW]
    assert RefundState.APPROVED in {refund.state for refund in overdue}


async def test_the_calendar_moves_the_whole_life_on(db: Database) -> None:
    await load(db, NOW)
    (card,) = await of(db, "demo-1001", SavedMethod)
    slots = await count(db, Slot)
    await load(db, NOW + 3 * DAY + timedelta(hours=1))
    (moved,) = await of(db, "demo-1001", SavedMethod)
    assert moved.expires_at == card.expires_at + 3 * DAY
    assert await count(db, Slot) == slots


@pytest.mark.parametrize("hour", [2, 15])
async def test_it_makes_sense_at_any_hour(migrated_sqlite: Path, tmp_path: Path, hour: int) -> None:
    db = fresh(migrated_sqlite, tmp_path / "shop.db")
    await load(db, NOW.replace(hour=hour, minute=17))
    async with db.read() as session:
        for asset in await session.scalars(select(Asset)):
            assert asset.bought_at < asset.warranty_until
            assert asset.usage is None or asset.usage >= (asset.maintained_usage or 0)
        for entry in await session.scalars(select(LoyaltyEntry)):
            assert entry.points != 0
            assert entry.expires_at is None or entry.at < entry.expires_at
    await db.close()
