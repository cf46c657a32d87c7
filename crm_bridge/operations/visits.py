"""Booking, confirming, moving and cancelling visits on the calendar of slots."""

from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.company.visits import VisitRules
from crm_bridge.models import Appointment, AppointmentState, Slot
from crm_bridge.operations.once import Result
from crm_bridge.operations.running import Operations
from crm_bridge.visits import TAKEN


class VisitOperations:
    """Changes of visits, by the company's rules.

    Whoever takes a place in a slot holds the slot's lock, so that two customers cannot both get the last one.
    """

    def __init__(self, operations: Operations, rules: VisitRules) -> None:
        self._operations = operations
        self._rules = rules

    def may_change(self, starts_at: datetime) -> bool:
        """Whether a visit may still be moved or cancelled without asking people."""
        return self._operations.clock.now() <= starts_at - self._rules.change_until

    async def book(
        self, key: str, customer_id: int, slot_id: int, note: str | None = None, asset_id: int | None = None
    ) -> Result:
        """Take a place in a slot, for a thing of the customer when it is known which.

        Returns:
            `{"done": True, "id": of the appointment}`, or `{"done": False}` when the slot has filled up or
            is too near.
        """

        async def work(session: AsyncSession) -> Result:
            if (slot := await self._with_room(session, slot_id)) is None:
                return {"done": False}
            visit = Appointment(
                customer_id=customer_id,
                slot_id=slot.id,
                asset_id=asset_id,
                service=slot.service,
                place=slot.place,
                state=AppointmentState.BOOKED,
                note=note,
                starts_at=slot.starts_at,
                ends_at=slot.ends_at,
                created_at=self._operations.clock.now(),
            )
            session.add(visit)
            await session.flush()
            return {"done": True, "id": visit.id}

        return await self._operations.run(key, "book_visit", customer_id, work)

    async def confirm(self, key: str, customer_id: int, visit_id: int) -> Result:
        """Note that the customer will be there.

        Returns:
            `{"done": True}`, or `{"done": False}` when the visit is cancelled or over.
        """

        async def work(session: AsyncSession) -> Result:
            now = self._operations.clock.now()
            visit = await session.scalar(self._booked(customer_id, visit_id))
            if visit is None or visit.ends_at <= now:
                return {"done": False}
            visit.confirmed_at = visit.confirmed_at or now
            return {"done": True}

        return await self._operations.run(key, "confirm_visit", customer_id, work)

    async def move(self, key: str, customer_id: int, visit_id: int, slot_id: int) -> Result:
        """Give up the place of a visit for one in another slot; the old one stays when there is no room.

        Returns:
            `{"done": True}`; `{"done": False, "late": True}` when the visit can no longer be changed,
            `{"done": False, "late": False}` when the new slot has filled up.
        """

        async def work(session: AsyncSession) -> Result:
            slot = await self._with_room(session, slot_id)
            visit = await self._changeable(session, customer_id, visit_id)
            if visit is None:
                return {"done": False, "late": True}
            if slot is None:
                return {"done": False, "late": False}
            visit.slot_id, visit.service, visit.place = slot.id, slot.service, slot.place
            visit.starts_at, visit.ends_at = slot.starts_at, slot.ends_at
            visit.confirmed_at = None
            return {"done": True}

        return await self._operations.run(key, "move_visit", customer_id, work)

    async def cancel(self, key: str, customer_id: int, visit_id: int) -> Result:
        """Give up a visit.

        Returns:
            `{"done": True}`, or `{"done": False}` when it is too late.
        """

        async def work(session: AsyncSession) -> Result:
            if (visit := await self._changeable(session, customer_id, visit_id)) is None:
                return {"done": False}
            visit.state = AppointmentState.CANCELLED
            return {"done": True}

        return await self._operations.run(key, "cancel_visit", customer_id, work)

    async def _with_room(self, session: AsyncSession, slot_id: int) -> Slot | None:
        """The slot, locked, when it has room and is not too near."""
        slot = await session.scalar(select(Slot).where(Slot.id == slot_id).with_for_update())
        if slot is None or slot.starts_at < self._operations.clock.now() + self._rules.lead:
            return None
        held = select(func.count(Appointment.id)).where(
            Appointment.slot_id == slot.id, Appointment.state.in_(TAKEN)
        )
        return slot if (await session.scalar(held) or 0) < slot.capacity else None

    async def _changeable(self, session: AsyncSession, customer_id: int, visit_id: int) -> Appointment | None:
        """The customer's visit, locked, while it may be changed."""
        visit = await session.scalar(self._booked(customer_id, visit_id))
        return visit if visit is not None and self.may_change(visit.starts_at) else None

    def _booked(self, customer_id: int, visit_id: int) -> Select[Appointment]:
        """The customer's visit, locked."""
        query = select(Appointment).where(
            Appointment.id == visit_id,
            Appointment.customer_id == customer_id,
            Appointment.state == AppointmentState.BOOKED,
        )
        return query.with_for_update()
