"""Edits that stood against each other: kept, listed, decided."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from core.jobs import JobQueue
from crm_bridge.sync.jobs import enqueue_push
from crm_bridge.sync.merge import Clash, Merged
from crm_bridge.sync.tables import CrmConflict, CrmShadow, Side, Why

AGREEMENT = "agreement"  # nobody decided: both sides came to say the same


class AlreadyDecided(Exception):
    """Somebody else decided first."""


@dataclass(frozen=True, slots=True)
class ConflictView:
    """A conflict as an administrator sees it."""

    id: int
    account: str
    customer_id: int
    field: str
    ours: str
    theirs: str
    why: Why
    winner: Side | None
    decided_by: str | None
    at: datetime
    decided_at: datetime | None


async def record(
    session: AsyncSession, account: str, customer_id: int, merged: Merged, now: datetime
) -> None:
    """Put the clashes of a comparison on record. An open one stays one row while it stays open."""
    for clash in merged.clashes:
        if clash.winner is None:
            await _keep_open(session, account, customer_id, clash, now)
        else:
            session.add(_row(account, customer_id, clash, now))
    for winner, settled in ((Side.CRM, [*merged.agreed, *merged.take]), (Side.ZABOTA, [*merged.send])):
        if settled:
            await session.execute(
                update(CrmConflict)
                .where(_open(account, customer_id), CrmConflict.field.in_(settled))
                .values(winner=winner, decided_by=AGREEMENT, decided_at=now)
            )


async def _keep_open(
    session: AsyncSession, account: str, customer_id: int, clash: Clash, now: datetime
) -> None:
    query = select(CrmConflict).where(_open(account, customer_id), CrmConflict.field == clash.field)
    known = (await session.execute(query)).scalars().first()
    if known is None:
        session.add(_row(account, customer_id, clash, now))
    else:
        known.ours, known.theirs = clash.ours, clash.theirs


def _open(account: str, customer_id: int) -> ColumnElement[bool]:
    return and_(
        CrmConflict.account == account,
        CrmConflict.customer_id == customer_id,
        CrmConflict.winner.is_(None),
    )


def _row(account: str, customer_id: int, clash: Clash, now: datetime) -> CrmConflict:
    return CrmConflict(
        account=account,
        customer_id=customer_id,
        field=clash.field.value,
        ours=clash.ours,
        theirs=clash.theirs,
        why=clash.why,
        winner=clash.winner,
        at=now,
        decided_at=now if clash.winner else None,
    )


class Conflicts:
    """What administrators see and decide."""

    def __init__(self, db: Database, queue: JobQueue, clock: Clock) -> None:
        self._db = db
        self._queue = queue
        self._clock = clock

    async def listed(
        self,
        account: str | None = None,
        *,
        only_open: bool = False,
        before: int | None = None,
        limit: int = 50,
    ) -> list[ConflictView]:
        """Conflicts, newest first. `before`: the id of the last one of the page above."""
        query = select(CrmConflict).order_by(CrmConflict.id.desc()).limit(limit)
        if account is not None:
            query = query.where(CrmConflict.account == account)
        if only_open:
            query = query.where(CrmConflict.winner.is_(None))
        if before is not None:
            query = query.where(CrmConflict.id < before)
        async with self._db.read() as session:
            return [_view(row) for row in await session.scalars(query)]

    async def decide(self, conflict_id: int, winner: Side, by: str) -> None:
        """A person decides an open conflict; the loser's side follows at once.

        Raises:
            LookupError: there is no such conflict.
            AlreadyDecided
        """
        async with self._db.write() as session:
            row = await session.get(CrmConflict, conflict_id, with_for_update=True)
            if row is None:
                raise LookupError(conflict_id)
            if row.winner is not None:
                raise AlreadyDecided(row.decided_by)
            row.winner, row.decided_by, row.decided_at = winner, by, self._clock.now()
            await self._open_the_way(session, row)
            await enqueue_push(self._queue, session, row.account, row.customer_id)

    async def _open_the_way(self, session: AsyncSession, row: CrmConflict) -> None:
        """Count the loser's value as seen, so that only the winner's side has changed."""
        query = select(CrmShadow).where(
            CrmShadow.account == row.account, CrmShadow.customer_id == row.customer_id
        )
        shadow = (await session.execute(query.with_for_update())).scalar_one()
        local, remote = dict(shadow.local), dict(shadow.remote)
        if row.winner is Side.ZABOTA:
            local.setdefault(row.field, "")
            remote[row.field] = row.theirs
        else:
            local[row.field] = row.ours
            remote.setdefault(row.field, "")
        shadow.local, shadow.remote = local, remote
        shadow.version += 1


def _view(row: CrmConflict) -> ConflictView:
    return ConflictView(
        row.id,
        row.account,
        row.customer_id,
        row.field,
        row.ours,
        row.theirs,
        row.why,
        row.winner,
        row.decided_by,
        row.at,
        row.decided_at,
    )
