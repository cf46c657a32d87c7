"""Edits that stood against each other: kept, listed, decided."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from core.jobs import JobQueue
from crm_bridge.adapters.values import Kind
from crm_bridge.sync.jobs import enqueue_look, enqueue_push
from crm_bridge.sync.merge import Clash, Merged
from crm_bridge.sync.tables import CrmCase, CrmConflict, CrmShadow, Side, Why

AGREEMENT = "agreement"  # nobody decided: both sides came to say the same


class AlreadyDecided(Exception):
    """Somebody else decided first."""


@dataclass(frozen=True, slots=True)
class ConflictView:
    """A conflict as an administrator sees it."""

    id: int
    account: str
    customer_id: int
    ticket_id: int | None  # None: it is about the person
    field: str
    ours: str
    theirs: str
    why: Why
    winner: Side | None
    decided_by: str | None
    at: datetime
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class Matter:
    """What a comparison was about: a person, or one of their tickets."""

    account: str
    customer_id: int
    ticket_id: int | None = None


async def record(session: AsyncSession, matter: Matter, merged: Merged, now: datetime) -> None:
    """Put the clashes of a comparison on record. An open one stays one row while it stays open."""
    for clash in merged.clashes:
        if clash.winner is None:
            await _keep_open(session, matter, clash, now)
        else:
            session.add(_row(matter, clash, now))
    for winner, settled in ((Side.CRM, [*merged.agreed, *merged.take]), (Side.ZABOTA, [*merged.send])):
        if settled:
            await session.execute(
                update(CrmConflict)
                .where(_open(matter), CrmConflict.field.in_(settled))
                .values(winner=winner, decided_by=AGREEMENT, decided_at=now)
            )


async def _keep_open(session: AsyncSession, matter: Matter, clash: Clash, now: datetime) -> None:
    query = select(CrmConflict).where(_open(matter), CrmConflict.field == clash.field)
    known = (await session.execute(query)).scalars().first()
    if known is None:
        session.add(_row(matter, clash, now))
    else:
        known.ours, known.theirs = clash.ours, clash.theirs


def _open(matter: Matter) -> ColumnElement[bool]:
    return and_(
        CrmConflict.account == matter.account,
        CrmConflict.customer_id == matter.customer_id,
        CrmConflict.ticket_id.is_not_distinct_from(matter.ticket_id),
        CrmConflict.winner.is_(None),
    )


def _row(matter: Matter, clash: Clash, now: datetime) -> CrmConflict:
    return CrmConflict(
        account=matter.account,
        customer_id=matter.customer_id,
        ticket_id=matter.ticket_id,
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
            shadow = await self._agreement(session, row)
            self._open_the_way(row, shadow)
            if isinstance(shadow, CrmCase):
                await enqueue_look(
                    self._queue, session, row.account, Kind.TICKET, shadow.remote_id, row.customer_id
                )
            else:
                await enqueue_push(self._queue, session, row.account, row.customer_id)

    async def _agreement(self, session: AsyncSession, row: CrmConflict) -> CrmShadow | CrmCase:
        """What the two sides last agreed on, held until the transaction ends."""
        if row.ticket_id is not None:
            cases = select(CrmCase).where(CrmCase.account == row.account, CrmCase.ticket_id == row.ticket_id)
            return (await session.execute(cases.with_for_update())).scalar_one()
        people = select(CrmShadow).where(
            CrmShadow.account == row.account, CrmShadow.customer_id == row.customer_id
        )
        return (await session.execute(people.with_for_update())).scalar_one()

    def _open_the_way(self, row: CrmConflict, shadow: CrmShadow | CrmCase) -> None:
        """Count the loser's value as seen, so that only the winner's side has changed."""
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
        row.ticket_id,
        row.field,
        row.ours,
        row.theirs,
        row.why,
        row.winner,
        row.decided_by,
        row.at,
        row.decided_at,
    )
