"""Orders that live in a CRM: read there, and shown from a copy while it does not answer."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from crm_bridge.adapters.errors import CrmError, NotFound
from crm_bridge.adapters.values import Deal
from crm_bridge.money import Money
from crm_bridge.sql import insert_if_absent
from crm_bridge.sync.meeting import Party
from crm_bridge.sync.tables import CrmDeal, CrmLink

STAGE_LIMIT = 100


@dataclass(frozen=True, slots=True)
class SeenDeal:
    """A deal, and when the CRM showed it so. Say the time where it matters."""

    deal: Deal
    as_of: datetime
    live: bool  # asked for just now; otherwise the copy


class Deals:
    """The deals of one account."""

    def __init__(self, db: Database, clock: Clock, party: Party) -> None:
        self._db = db
        self._clock = clock
        self._party = party

    async def read(self, customer_id: int, remote_id: str) -> SeenDeal | None:
        """A customer's own deal; from the copy when the CRM does not answer. None: they have no such deal."""
        try:
            deal = await self._party.crm.get_order(remote_id)
        except NotFound:
            return None
        except CrmError:
            return await self._copy(customer_id, remote_id)
        async with self._db.write() as session:
            await keep(session, self._party.name, deal, self._clock.now())
        seen = await self._copy(customer_id, remote_id)
        return None if seen is None else SeenDeal(deal, seen.as_of, live=True)

    async def of_customer(self, customer_id: int) -> list[SeenDeal]:
        """The customer's deals as last seen, newest first."""
        query = (
            select(CrmDeal)
            .where(CrmDeal.account == self._party.name, CrmDeal.customer_id == customer_id)
            .order_by(CrmDeal.remote_updated_at.desc(), CrmDeal.id.desc())
        )
        async with self._db.read() as session:
            return [_seen(row) for row in await session.scalars(query)]

    async def _copy(self, customer_id: int, remote_id: str) -> SeenDeal | None:
        query = select(CrmDeal).where(
            CrmDeal.account == self._party.name,
            CrmDeal.remote_id == remote_id,
            CrmDeal.customer_id == customer_id,
        )
        async with self._db.read() as session:
            row = (await session.execute(query)).scalar_one_or_none()
        return None if row is None else _seen(row)


async def keep(session: AsyncSession, account: str, deal: Deal, now: datetime) -> None:
    """Store how the CRM shows a deal now. An older sight does not replace a newer one.

    A deal of somebody who was erased is not kept.
    """
    customer_id = await whose(session, account, deal.contact_id)
    if customer_id is None and await _erased(session, account, deal.contact_id):
        return
    values = {
        "customer_id": customer_id,
        "contact_id": deal.contact_id,
        "title": deal.title,
        "stage": deal.stage[:STAGE_LIMIT],
        "amount_minor": deal.amount.minor if deal.amount else None,
        "currency": deal.amount.currency[:3] if deal.amount else None,
        "remote_updated_at": deal.updated_at,
        "as_of": now,
    }
    key = {"account": account, "remote_id": deal.remote_id}
    if await insert_if_absent(session, CrmDeal, {**key, **values}):
        return
    query = select(CrmDeal).where(CrmDeal.account == account, CrmDeal.remote_id == deal.remote_id)
    row = (await session.execute(query.with_for_update())).scalar_one()
    if row.remote_updated_at and deal.updated_at and deal.updated_at < row.remote_updated_at:
        return
    for name, value in values.items():
        setattr(row, name, value)
    await session.flush()


async def whose(session: AsyncSession, account: str, contact_id: str | None) -> int | None:
    """The customer of a contact; None when there is none, or they were erased."""
    query = select(CrmLink.customer_id).where(CrmLink.account == account, CrmLink.remote_id == contact_id)
    return (await session.execute(query)).scalar_one_or_none() if contact_id else None


async def _erased(session: AsyncSession, account: str, contact_id: str | None) -> bool:
    query = select(CrmLink.id).where(
        CrmLink.account == account, CrmLink.remote_id == contact_id, CrmLink.customer_id.is_(None)
    )
    return contact_id is not None and (await session.execute(query)).first() is not None


def _seen(row: CrmDeal) -> SeenDeal:
    amount = Money(row.amount_minor, row.currency) if row.amount_minor is not None and row.currency else None
    deal = Deal(row.remote_id, row.title, row.stage, amount, row.contact_id, row.remote_updated_at)
    return SeenDeal(deal, row.as_of, live=False)
