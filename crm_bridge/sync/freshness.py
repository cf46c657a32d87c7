"""From when what we know of a customer is, when the CRM does not answer."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, Select, and_, select

from core.db import Database
from crm_bridge.sync.tables import CrmLink, CrmShadow, CrmState, LinkState


@dataclass(frozen=True, slots=True)
class Freshness:
    """What an answer may have to say about its data."""

    account: str
    as_of: datetime | None  # the CRM was last read successfully; None: never to the end
    answers: bool  # False: it failed when it was last asked, or is left alone for a while


class Freshnesses:
    """Reads how fresh things are: one small statement."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of_account(self, account: str) -> Freshness:
        """Of everything that an account brought."""
        query = select(CrmState.account, CrmState.fresh_as_of, CrmState.failing_since)
        rows = await self._rows(query.where(CrmState.account == account))
        return _freshness(account, rows[0].fresh_as_of, rows[0]) if rows else Freshness(account, None, True)

    async def of_customer(self, customer_id: int) -> Freshness | None:
        """Of one customer: of the stalest CRM that knows them. None: none does, nothing is to be said."""
        query = (
            select(CrmLink.account, CrmState.fresh_as_of, CrmState.failing_since, CrmShadow.touched_at)
            .outerjoin(CrmState, CrmState.account == CrmLink.account)
            .outerjoin(
                CrmShadow,
                and_(CrmShadow.account == CrmLink.account, CrmShadow.customer_id == CrmLink.customer_id),
            )
            .where(CrmLink.customer_id == customer_id, CrmLink.state == LinkState.LIVE)
        )
        found = [
            _freshness(row.account, max(filter(None, (row.fresh_as_of, row.touched_at)), default=None), row)
            for row in await self._rows(query)
        ]
        return min(found, key=lambda each: (each.as_of is not None, each.as_of), default=None)

    async def _rows(self, query: Select[*tuple[object, ...]]) -> list[Row[*tuple[object, ...]]]:
        async with self._db.read() as session:
            return list(await session.execute(query))


def _freshness(account: str, as_of: datetime | None, row: Row[*tuple[object, ...]]) -> Freshness:
    return Freshness(account, as_of, row.failing_since is None)
