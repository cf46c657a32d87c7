"""Visits as a customer may see them: what is agreed, and when there is room."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ScalarSelect, Select, func, select

from core.db import Database
from crm_bridge.models import Appointment, AppointmentState, Customer, Slot

TAKEN = (AppointmentState.BOOKED, AppointmentState.DONE)


@dataclass(frozen=True, slots=True)
class VisitView:
    """A visit that was agreed."""

    id: int
    service: str  # as the calendar calls it
    place: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class SlotView:
    """A time with room for one more."""

    id: int
    service: str
    place: str
    starts_at: datetime
    ends_at: datetime


class Visits:
    """Reads the calendar."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of_customer(self, customer_id: int, now: datetime) -> list[VisitView]:
        """The visits to come, soonest first."""
        query = (
            select(Appointment)
            .where(
                Appointment.customer_id == customer_id,
                Appointment.state == AppointmentState.BOOKED,
                Appointment.ends_at > now,
            )
            .order_by(Appointment.starts_at)
        )
        async with self._db.read() as session:
            return [
                VisitView(one.id, one.service, one.place, one.starts_at, one.ends_at)
                for one in await session.scalars(query)
            ]

    async def free(
        self,
        services: Sequence[str],
        since: datetime,
        place: str | None = None,
        until: datetime | None = None,
    ) -> list[SlotView]:
        """Slots with room, soonest first.

        Args:
            services: names in the calendar.
            since: the earliest beginning.
            place: this one only.
            until: they begin before.
        """
        query = with_room().where(Slot.service.in_(services), Slot.starts_at >= since)
        if place is not None:
            query = query.where(Slot.place == place)
        if until is not None:
            query = query.where(Slot.starts_at < until)
        async with self._db.read() as session:
            return [slot_view(slot) for slot in await session.scalars(query)]

    async def slots(self, ids: Sequence[int]) -> list[SlotView]:
        """These slots, whether they have room or not; soonest first."""
        query = select(Slot).where(Slot.id.in_(ids)).order_by(Slot.starts_at)
        async with self._db.read() as session:
            return [slot_view(slot) for slot in await session.scalars(query)]

    async def places(self, services: Sequence[str], since: datetime) -> list[str]:
        """Where there is room for any of the services, in the order of the alphabet."""
        query = with_room().where(Slot.service.in_(services), Slot.starts_at >= since).order_by(None)
        async with self._db.read() as session:
            return sorted(await session.scalars(query.with_only_columns(Slot.place).distinct()))

    async def city_of(self, customer_id: int) -> str | None:
        """Where the customer lives."""
        async with self._db.read() as session:
            return await session.scalar(select(Customer.city).where(Customer.id == customer_id))


def with_room() -> Select[Slot]:
    """Slots that are not full, soonest first."""
    return select(Slot).where(taken() < Slot.capacity).order_by(Slot.starts_at, Slot.place)


def taken() -> ScalarSelect[int]:
    """How many customers have a slot; for a query of slots."""
    booked = select(func.count(Appointment.id)).where(
        Appointment.slot_id == Slot.id, Appointment.state.in_(TAKEN)
    )
    return booked.correlate(Slot).scalar_subquery()


def slot_view(slot: Slot) -> SlotView:
    """A slot as customers see it."""
    return SlotView(slot.id, slot.service, slot.place, slot.starts_at, slot.ends_at)
