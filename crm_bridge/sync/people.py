"""A customer of ours as the synchronisation sees them: names, the first phone, the first e-mail address.

Whoever edits a profile elsewhere does it as always; nothing here is a second copy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.adapters.values import Field, Values
from crm_bridge.contacts import read_contact
from crm_bridge.models import ContactKind, ContactPoint, Customer

NAME_LIMIT = 100  # characters, as the table has it
_KINDS = {Field.PHONE: ContactKind.PHONE, Field.EMAIL: ContactKind.EMAIL}


@dataclass(frozen=True, slots=True)
class Newcomer:
    """What a new customer gets besides what the CRM knows."""

    language: str
    time_zone: str


def fit(field: Field, value: str) -> str:
    """A value of the CRM as it can be stored here. A phone or address that nobody can use is none."""
    kind = _KINDS.get(field)
    if kind is None:
        return value[:NAME_LIMIT]
    found = read_contact(value) if value else None
    return found.value if found is not None and found.kind is kind else ""


async def read(session: AsyncSession, customer_id: int) -> Values | None:
    """The customer's values, held against other writers until the transaction ends.

    None when they are gone, or were merged into somebody else: such a record is not synchronised any more.
    """
    query = select(Customer).where(Customer.id == customer_id).with_for_update()
    found = await session.execute(query, execution_options={"populate_existing": True})
    customer = found.scalar_one_or_none()
    if customer is None or customer.merged_into_id is not None:
        return None
    values = {
        Field.GIVEN_NAME: customer.given_name,
        Field.PATRONYMIC: customer.patronymic or "",
        Field.FAMILY_NAME: customer.family_name,
    }
    for field, kind in _KINDS.items():
        points = await _points(session, customer_id, kind)
        values[field] = points[0].value if points else ""
    return values


async def write(session: AsyncSession, customer_id: int, values: Mapping[Field, str], now: datetime) -> None:
    """Store values that came from the CRM. They must `fit`."""
    customer = await session.get_one(Customer, customer_id)
    names = {field: value for field, value in values.items() if field not in _KINDS}
    for field, value in names.items():
        setattr(customer, field.value, value or (None if field is Field.PATRONYMIC else ""))
    if names:
        customer.updated_at = now
    for field, kind in _KINDS.items():
        if field in values:
            await _put_first(session, customer_id, kind, values[field], now)
    await session.flush()


async def _points(session: AsyncSession, customer_id: int, kind: ContactKind) -> list[ContactPoint]:
    query = (
        select(ContactPoint)
        .where(ContactPoint.customer_id == customer_id, ContactPoint.kind == kind)
        .order_by(ContactPoint.id)
        .execution_options(populate_existing=True)
    )
    return list(await session.scalars(query))


async def _put_first(
    session: AsyncSession, customer_id: int, kind: ContactKind, value: str, now: datetime
) -> None:
    """Make a value the first one of its kind.

    A new value takes the place of the first one and is unverified: the CRM vouches for nobody. A value that
    the customer has already changes places with the first one, and both keep their verification.
    """
    points = await _points(session, customer_id, kind)
    first = points[0] if points else None
    if first is None:
        if value:
            session.add(ContactPoint(customer_id=customer_id, kind=kind, value=value, created_at=now))
    elif not value:
        await session.delete(first)
    elif first.value != value:
        old, verified_at = first.value, first.verified_at
        known = next((point for point in points if point.value == value), None)
        if known is not None:
            await session.execute(delete(ContactPoint).where(ContactPoint.id == known.id))
        first.value, first.verified_at = value, known.verified_at if known else None
        await session.flush()
        if known is not None:
            session.add(
                ContactPoint(
                    customer_id=customer_id, kind=kind, value=old, verified_at=verified_at, created_at=now
                )
            )
    await session.flush()


async def create(session: AsyncSession, values: Values, newcomer: Newcomer, now: datetime) -> int:
    """A new customer with what the CRM knows of them. Their id."""
    customer = Customer(
        given_name="",
        family_name="",
        language=newcomer.language,
        time_zone=newcomer.time_zone,
        created_at=now,
    )
    session.add(customer)
    await session.flush()
    fitting = {field: fit(field, value) for field, value in values.items()}
    await write(session, customer.id, {field: value for field, value in fitting.items() if value}, now)
    return customer.id


async def alike(session: AsyncSession, values: Values) -> list[int]:
    """Customers with this phone or address whose name does not speak against it, the oldest first.

    A family may share a phone, so another name is another person.
    """
    wanted = {value for field in _KINDS if (value := fit(field, values.get(field, "")))}
    if not wanted:
        return []
    query = (
        select(Customer)
        .join(ContactPoint, ContactPoint.customer_id == Customer.id)
        .where(ContactPoint.value.in_(wanted), Customer.merged_into_id.is_(None))
        .order_by(Customer.id)
        .distinct()
    )
    found = await session.scalars(query)
    return [who.id for who in found if same_person(_names(who), values)]


def same_person(one: Values, other: Values) -> bool:
    """Whether the names may be one person's, given that a phone or address is. A missing name fits any."""
    return _called(one) == _called(other) or not _called(one) or not _called(other)


def _called(values: Values) -> tuple[str, ...]:
    """The words of a name, whatever part they stand in; a patronymic may be missing on one side."""
    parts = f"{values.get(Field.GIVEN_NAME, '')} {values.get(Field.FAMILY_NAME, '')}"
    return tuple(sorted(parts.casefold().replace("ё", "е").split()))


def _names(customer: Customer) -> Values:
    return {Field.GIVEN_NAME: customer.given_name, Field.FAMILY_NAME: customer.family_name}
