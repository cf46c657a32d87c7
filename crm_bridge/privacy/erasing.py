"""Erases everything about a person, in one transaction, and leaves a receipt that does not say who it was."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import CursorResult, Table, delete
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from crm_bridge.models import ErasureReceipt
from crm_bridge.privacy.finding import NobodyMeant
from crm_bridge.privacy.reach import Reached, chunks, family, reach, subject_of
from crm_bridge.privacy.stores import Stores


@dataclass(frozen=True, slots=True)
class Erased:
    """The receipt: its number is for the person who asked."""

    number: str
    at: datetime
    rows: dict[str, int]  # how many, by table


async def erase(db: Database, clock: Clock, stores: Stores, customer_id: int, by: str) -> Erased:
    """Erase a customer, and everybody who was merged into them, from every store.

    The engine keeps nothing of its own: its memory of a conversation stands in the conversation's row. Bytes
    of deleted rows may stay in the database's files until `scrub`.

    Args:
        by: who of the staff does it.

    Raises:
        NobodyMeant: there is no such customer.
    """
    async with db.write() as session:
        customers = await family(session, customer_id)
        if not customers:
            raise NobodyMeant(str(customer_id))
        found = await reach(session, customers)
        counts = await _delete_loose(session, stores, found)
        counts |= await _delete_reached(session, found)
        receipt = ErasureReceipt(
            number=secrets.token_hex(8).upper(),
            erased={name: count for name, count in sorted(counts.items()) if count},
            by=by,
            at=clock.now(),
        )
        session.add(receipt)
    return Erased(receipt.number, receipt.at, receipt.erased)


async def _delete_loose(session: AsyncSession, stores: Stores, found: Reached) -> dict[str, int]:
    subject = await subject_of(session, found)
    counts: dict[str, int] = {}
    for store in stores:
        for rows in await store.rows(session, subject):
            gone = cast("CursorResult[object]", await session.execute(delete(rows.table).where(rows.where)))
            counts[rows.table.name] = counts.get(rows.table.name, 0) + gone.rowcount
    return counts


async def _delete_reached(session: AsyncSession, found: Reached) -> dict[str, int]:
    """Children first. What is counted was reached before: a cascade takes nothing that is not in it."""
    order: list[tuple[Table, list[object]]] = list(reversed(found.items()))
    for table, keys in order:
        key = next(iter(table.primary_key))
        for part in chunks(keys):
            await session.execute(delete(table).where(key.in_(part)))
    return {table.name: len(keys) for table, keys in order}
