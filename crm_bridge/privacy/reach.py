"""Finds everything that hangs on a customer, by following foreign keys from parent to child.

A table of any package is found as soon as it refers to one that is found. A reference that is set to null
when its parent goes does not make the child belong to the parent, with two exceptions.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ForeignKey, Table, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.db import Base
from crm_bridge.models import ContactPoint, Customer, VerificationCode
from crm_bridge.privacy.stores import Subject

BELONGS_ANYWAY = frozenset({("identity", "customer_id"), ("verification_code", "customer_id")})
CHUNK = 500

Reached = dict[Table, list[Any]]  # keys by table, parents before children


async def family(session: AsyncSession, customer_id: int) -> list[int]:
    """The customer, and everybody who was merged into them."""
    merged = or_(Customer.id == customer_id, Customer.merged_into_id == customer_id)
    return list(await session.scalars(select(Customer.id).where(merged).order_by(Customer.id)))


async def reach(session: AsyncSession, customer_ids: list[int]) -> Reached:
    """The keys of all rows that belong to these customers."""
    found: Reached = {Base.metadata.tables["customer"]: list(customer_ids)}
    for table in Base.metadata.sorted_tables:
        if table in found:
            continue
        keys: set[Any] = set()
        for reference in table.foreign_keys:
            parent = reference.column.table
            if parent in found and _belongs(reference):
                keys |= await _children(session, table, reference, found[parent])
        if keys:
            found[table] = sorted(keys)
    return found


def _belongs(reference: ForeignKey) -> bool:
    column = reference.parent
    return reference.ondelete != "SET NULL" or (column.table.name, column.name) in BELONGS_ANYWAY


async def _children(
    session: AsyncSession, table: Table, reference: ForeignKey, parents: list[Any]
) -> set[Any]:
    key = next(iter(table.primary_key))
    found: set[Any] = set()
    for part in chunks(parents):
        found |= set(await session.scalars(select(key).where(reference.parent.in_(part))))
    return found


def chunks(keys: list[Any]) -> Iterable[list[Any]]:
    """Pieces small enough for one statement."""
    return (keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK))


async def subject_of(session: AsyncSession, found: Reached) -> Subject:
    """Every name that stores without foreign keys may know the person by."""
    tables = Base.metadata.tables
    identity = tables["identity"]
    identities = []
    for part in chunks(found.get(identity, [])):
        columns = identity.c.id, identity.c.channel, identity.c.account, identity.c.external_id
        identities += [
            tuple(row) for row in await session.execute(select(*columns).where(identity.c.id.in_(part)))
        ]
    codes = found.get(tables["verification_code"], [])
    hashes: set[str] = set()
    for part in chunks(codes):
        query = select(VerificationCode.contact_hash).where(VerificationCode.id.in_(part))
        hashes |= set(await session.scalars(query))
    customers = found[tables["customer"]]
    return Subject(
        customer_ids=tuple(customers),
        identities=tuple(identities),
        conversation_ids=tuple(found.get(tables["conversation"], [])),
        addresses=tuple(await _own_addresses(session, customers)),
        contact_hashes=tuple(sorted(hashes)),
    )


async def _own_addresses(session: AsyncSession, customers: list[int]) -> list[str]:
    """Contacts that no other customer has: what was sent to a family's phone may be for the others."""
    mine = set(
        await session.scalars(select(ContactPoint.value).where(ContactPoint.customer_id.in_(customers)))
    )
    others = select(ContactPoint.value).where(
        ContactPoint.value.in_(mine), ContactPoint.customer_id.not_in(customers)
    )
    return sorted(mine - set(await session.scalars(others)))
