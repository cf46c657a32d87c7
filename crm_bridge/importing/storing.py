"""Writes what a batch brought, in a few large statements."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.db import Base
from crm_bridge.importing.known import FIELDS, Batch, Known
from crm_bridge.models import (
    ConsentRecord,
    ContactPoint,
    Customer,
    FoundBy,
    MergeProposal,
    ProposalState,
    Purpose,
)
from crm_bridge.sql import insert_if_absent, reserve_ids

SOURCE = "import"


@dataclass(frozen=True, slots=True)
class Defaults:
    """What is true of a customer of whom the file does not say it."""

    language: str = "ru"
    time_zone: str = "Europe/Moscow"


async def store(session: AsyncSession, batch: Batch, defaults: Defaults, now: datetime) -> None:
    """Write all that the batch changed."""
    touched = [customer for customer in batch.customers.values() if customer.is_touched]
    new = [customer for customer in touched if customer.is_new]
    changed = [customer for customer in touched if customer.changed and not customer.is_new]
    if new:
        ids = await reserve_ids(session, Customer, len(new))
        await _insert(session, Customer, [_row(*pair, defaults, now) for pair in zip(ids, new, strict=True)])
        for id_, customer in zip(ids, new, strict=True):
            customer.id = id_
    for customer in changed:
        values: dict[str, Any] = {name: customer.values[name] for name in FIELDS if name in customer.changed}
        if "external_ref" in customer.changed:
            values["external_ref"] = customer.external_ref
        await session.execute(
            update(Customer).where(Customer.id == customer.id).values(**values, updated_at=now)
        )
    await _insert(session, ContactPoint, [row for customer in touched for row in _contacts(customer, now)])
    await _insert(
        session, ConsentRecord, [_consent(customer, now) for customer in touched if customer.decided]
    )
    await _propose(session, batch, now)


async def _insert(session: AsyncSession, table: type[Base], rows: list[dict[str, Any]]) -> None:
    if rows:
        bare = Base.metadata.tables[table.__tablename__]  # without the ORM, in half the time
        await session.execute(insert(bare), rows)


def _row(id_: int, customer: Known, defaults: Defaults, now: datetime) -> dict[str, Any]:
    told = customer.values
    return {
        "id": id_,
        "external_ref": customer.external_ref,
        "given_name": told.get("given_name") or "",
        "patronymic": told.get("patronymic"),
        "family_name": told.get("family_name") or "",
        "language": told.get("language") or defaults.language,
        "time_zone": told.get("time_zone") or defaults.time_zone,
        "city": told.get("city"),
        "segment": told.get("segment"),
        "vip": bool(told.get("vip")),
        "created_at": now,
    }


def _contacts(customer: Known, now: datetime) -> list[dict[str, Any]]:
    return [
        {"customer_id": customer.id, "kind": kind, "value": value, "created_at": now}
        for kind, value in customer.new_contacts
    ]


def _consent(customer: Known, now: datetime) -> dict[str, Any]:
    return {
        "customer_id": customer.id,
        "purpose": Purpose.MARKETING,
        "channel": None,
        "decision": customer.marketing,
        "text_version": SOURCE,
        "source": SOURCE,
        "at": now,
        "created_at": now,
    }


async def _propose(session: AsyncSession, batch: Batch, now: datetime) -> None:
    """Let people look at those who share a contact with a customer of another name."""
    for one, other, match in batch.alike:
        if one.id is None or other.id is None or one.id == other.id:
            continue
        row = {
            "first_id": min(one.id, other.id),
            "second_id": max(one.id, other.id),
            "score": match.score,
            "reasons": [{"code": reason.value} for reason in match.reasons],
            "administrator": match.administrator,
            "found_by": FoundBy.ARRIVAL,
            "state": ProposalState.OPEN,
            "created_at": now,
        }
        await insert_if_absent(session, MergeProposal, row)
