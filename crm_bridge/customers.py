"""Changes to the customer's own row and contacts, checked and dated."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from crm_bridge.contacts import Contact
from crm_bridge.duplicates import Arrivals
from crm_bridge.models import ContactPoint, Customer
from crm_bridge.operations.running import Announce
from crm_bridge.sql import insert_if_absent

CHANGEABLE = frozenset(
    {
        "given_name",
        "patronymic",
        "family_name",
        "language",
        "time_zone",
        "city",
        "segment",
        "vip",
        "preferred_channel",
        "preferred_from",
        "preferred_until",
        "do_not_disturb",
    }
)
SYNCHRONISED = frozenset({"given_name", "patronymic", "family_name"})  # with a CRM; contacts are, too
NEWCOMER = {"given_name": "", "family_name": "", "language": "ru", "time_zone": "Europe/Moscow"}
LANGUAGES = frozenset({"ru", "en"})


class BadValue(ValueError):
    """A field cannot have this value; `field` says which."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change did."""

    fields: frozenset[str]  # those that have another value now


class Customers:
    """Writes customers, each call in the caller's transaction."""

    def __init__(self, clock: Clock, arrivals: Arrivals, announce: Announce | None = None) -> None:
        """`announce`: None when no CRM is connected."""
        self._clock = clock
        self._arrivals = arrivals
        self._announce = announce

    async def add(
        self, session: AsyncSession, *contacts: Contact, external_ref: str | None = None, **values: Any
    ) -> int:
        """Store a new customer, and look whether we know them under another record; gives the id.

        Raises:
            BadValue
        """
        _check(values)
        now = self._clock.now()
        customer = Customer(external_ref=external_ref, created_at=now, **NEWCOMER | values)
        session.add(customer)
        await session.flush()
        for contact in contacts:
            await self._add_contact(session, customer.id, contact)
        await self._tell(session, customer.id)
        await self._arrivals.check(session, customer.id)
        return customer.id

    async def change(self, session: AsyncSession, customer_id: int, **values: Any) -> Changed:
        """Give fields new values. A merged customer is the one they were merged into.

        Raises:
            BadValue
            LookupError: there is no such customer.
        """
        customer = await self._locked(session, customer_id)
        _check({name: getattr(customer, name) for name in ("preferred_from", "preferred_until")} | values)
        changed = frozenset(name for name, value in values.items() if getattr(customer, name) != value)
        for name in changed:
            setattr(customer, name, values[name])
        if changed:
            customer.updated_at = self._clock.now()
        await session.flush()
        if changed & SYNCHRONISED:
            await self._tell(session, customer.id)
        return Changed(changed)

    async def add_contact(self, session: AsyncSession, customer_id: int, contact: Contact) -> bool:
        """Put a phone or an e-mail on the profile; True when it is new there."""
        customer = await self._locked(session, customer_id)
        added = await self._add_contact(session, customer.id, contact)
        if added:
            await self._tell(session, customer.id)
            await self._arrivals.check(session, customer.id)
        return added

    async def _add_contact(self, session: AsyncSession, customer_id: int, contact: Contact) -> bool:
        row = {"customer_id": customer_id, "kind": contact.kind, "value": contact.value}
        return await insert_if_absent(session, ContactPoint, row | {"created_at": self._clock.now()})

    async def _tell(self, session: AsyncSession, customer_id: int) -> None:
        if self._announce:
            await self._announce.customer_changed(session, customer_id)

    async def _locked(self, session: AsyncSession, customer_id: int) -> Customer:
        found = await self._one(session, customer_id)
        return found if found.merged_into_id is None else await self._one(session, found.merged_into_id)

    async def _one(self, session: AsyncSession, customer_id: int) -> Customer:
        query = select(Customer).where(Customer.id == customer_id).with_for_update()
        found = (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()
        if found is None:
            raise LookupError(customer_id)
        return found


def _check(values: dict[str, Any]) -> None:
    if unknown := values.keys() - CHANGEABLE:
        raise BadValue(min(unknown))
    if "language" in values and values["language"] not in LANGUAGES:
        raise BadValue("language")
    if "time_zone" in values and values["time_zone"] not in available_timezones():
        raise BadValue("time_zone")
    hours = values.get("preferred_from"), values.get("preferred_until")
    if (hours[0] is None) != (hours[1] is None) or (hours[0] is not None and hours[0] == hours[1]):
        raise BadValue("preferred_until")
    if any(hour is not None and not 0 <= hour <= 24 for hour in hours):
        raise BadValue("preferred_from")
