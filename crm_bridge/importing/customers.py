"""All customers as one table, in the columns that the import reads."""

from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.db import Database
from crm_bridge.importing.exporting import write_rows
from crm_bridge.models import ContactKind, ContactPoint, Customer

HEADER = (
    "external_ref",
    "family_name",
    "given_name",
    "patronymic",
    "phone",
    "email",
    "city",
    "language",
    "time_zone",
    "segment",
    "vip",
)
_PAGE = 5000


async def export_customers(db: Database, path: Path) -> int:
    """Write the customers into a CSV file for Excel; how many. Those who were merged are left out."""
    last, count = 0, 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        write_rows(file, [HEADER])
        async with db.read() as session:
            while page := await _page(session, last):
                last = page[-1].id
                contacts = await _contacts(session, [person.id for person in page])
                count += _append(file, page, contacts)
    return count


async def _page(session: AsyncSession, last: int) -> list[Customer]:
    query = select(Customer).where(Customer.id > last, Customer.merged_into_id.is_(None))
    return list(await session.scalars(query.order_by(Customer.id).limit(_PAGE)))


async def _contacts(session: AsyncSession, ids: list[int]) -> dict[tuple[int, ContactKind], str]:
    """The oldest phone and e-mail of each."""
    query = select(ContactPoint).where(ContactPoint.customer_id.in_(ids)).order_by(ContactPoint.id.desc())
    return {(point.customer_id, point.kind): point.value for point in await session.scalars(query)}


def _append(file: Any, page: list[Customer], contacts: dict[tuple[int, ContactKind], str]) -> int:
    rows = (
        (
            person.external_ref,
            person.family_name,
            person.given_name,
            person.patronymic,
            contacts.get((person.id, ContactKind.PHONE)),
            contacts.get((person.id, ContactKind.EMAIL)),
            person.city,
            person.language,
            person.time_zone,
            person.segment,
            "1" if person.vip else "0",
        )
        for person in page
    )
    return write_rows(file, rows)
