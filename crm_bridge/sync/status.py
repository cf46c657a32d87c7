"""How fresh the data of an account is, what waits, and what is wrong."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select

from core.clock import Clock
from core.db import Database
from crm_bridge.sync.tables import CrmCase, CrmConflict, CrmOutgoing, CrmShadow, CrmState


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """One account, as administrators see it and as answers are stamped."""

    account: str
    fresh_as_of: datetime | None  # everything the CRM held then is here; None: never read to the end
    lag: timedelta | None  # how long ago that is
    swept_at: datetime | None
    waiting: int  # customers, tickets and notes that wait to be sent
    waiting_since: datetime | None
    refused: int  # customers, tickets and notes that the CRM does not take
    conflicts: int  # that a person must decide
    failing_since: datetime | None
    error: str | None


class Statuses:
    """Reads the figures."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def of(self, account: str) -> AccountStatus:
        """The figures of one account, whether it was ever read or not."""
        dirty = select(func.count(), func.min(CrmShadow.dirty_since)).where(
            CrmShadow.account == account, CrmShadow.dirty_since.is_not(None)
        )
        matters = select(func.count(), func.min(CrmCase.dirty_since)).where(
            CrmCase.account == account, CrmCase.dirty_since.is_not(None)
        )
        unsent = select(func.count(), func.min(CrmOutgoing.created_at)).where(
            CrmOutgoing.account == account, CrmOutgoing.sent_at.is_(None), CrmOutgoing.problem.is_(None)
        )
        open_ones = select(func.count()).where(CrmConflict.account == account, CrmConflict.winner.is_(None))
        async with self._db.read() as session:
            state = await session.get(CrmState, account)
            customers, first_customer = (await session.execute(dirty)).one()
            tickets, first_ticket = (await session.execute(matters)).one()
            letters, first_letter = (await session.execute(unsent)).one()
            conflicts = await session.scalar(open_ones) or 0
            refused = [await session.scalar(query) or 0 for query in _refused(account)]
        fresh = state.fresh_as_of if state else None
        waits = [when for when in (first_customer, first_ticket, first_letter) if when is not None]
        return AccountStatus(
            account=account,
            fresh_as_of=fresh,
            lag=self._clock.now() - fresh if fresh else None,
            swept_at=state.swept_at if state else None,
            waiting=customers + tickets + letters,
            waiting_since=min(waits, default=None),
            refused=sum(refused),
            conflicts=conflicts,
            failing_since=state.failing_since if state else None,
            error=state.error if state else None,
        )


def _refused(account: str) -> list[Select[int]]:
    return [
        select(func.count()).where(table.account == account, table.problem.is_not(None))
        for table in (CrmShadow, CrmCase, CrmOutgoing)
    ]
