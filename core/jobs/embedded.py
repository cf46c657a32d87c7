"""The queue in the application's own database: SQLite or PostgreSQL, no other service."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    JSON,
    ColumnElement,
    CursorResult,
    Index,
    Integer,
    String,
    Table,
    Text,
    Update,
    and_,
    bindparam,
    delete,
    event,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from core.db import Base, BigId, Database, UtcDateTime
from core.jobs.port import TRANSACTIONAL, Job

READY, LEASED, PARKED = "ready", "leased", "parked"


class JobRow(Base):
    """A job that is not finished. Finished ones are deleted, so the table holds only what is still to do."""

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_state_due_at", "state", "due_at"),
        Index("ix_job_partition_key", "partition_key", "priority", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    dedupe_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    partition_key: Mapped[str | None] = mapped_column(String(200))
    priority: Mapped[int]
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10), default=READY)
    attempts: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None] = mapped_column(String(100))
    lease_until: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]


JOB = cast("Table", JobRow.__table__)


class EmbeddedQueue:
    """`JobQueue` over the `job` table."""

    def __init__(self, db: Database, clock: Clock, lease: timedelta = timedelta(seconds=60)) -> None:
        self._db = db
        self._clock = clock
        self._lease = lease
        self._ears: list[tuple[frozenset[str], asyncio.Event]] = []

    async def enqueue(
        self,
        kind: str,
        payload: dict[str, Any],
        *,
        dedupe_key: str | None = None,
        partition_key: str | None = None,
        priority: int = TRANSACTIONAL,
        due_at: datetime | None = None,
        conn: AsyncSession | None = None,
    ) -> bool:
        now = self._clock.now()
        row = {
            "kind": kind,
            "payload": payload,
            "dedupe_key": dedupe_key,
            "partition_key": partition_key,
            "priority": priority,
            "due_at": due_at or now,
            "state": READY,
            "attempts": 0,
            "failures": 0,
            "created_at": now,
        }
        if conn is None:
            async with self._db.write() as session:
                return await self._insert(session, row)
        return await self._insert(conn, row)

    async def _insert(self, session: AsyncSession, row: dict[str, Any]) -> bool:
        event.listen(session.sync_session, "after_commit", lambda _: self._wake(row["kind"]), once=True)
        if row["dedupe_key"] is None:
            await session.execute(_INSERT, row)
            return True
        try:
            async with session.begin_nested():
                await session.execute(_INSERT, row)
        except IntegrityError:
            return False
        return True

    def ear(self, kinds: Collection[str]) -> asyncio.Event:
        ear = asyncio.Event()
        self._ears.append((frozenset(kinds), ear))
        return ear

    def _wake(self, kind: str) -> None:
        for kinds, ear in self._ears:
            if kind in kinds:
                ear.set()

    async def claim(self, worker: str, kinds: Sequence[str], limit: int) -> list[Job]:
        """Lease up to `limit` jobs that may run now."""
        now = self._clock.now()
        async with self._db.write() as session:
            found = await session.scalars(_RUNNABLE, {"kinds": kinds, "now": now, "limit": limit})
            ids = found.all()
            if not ids:
                return []
            lease = {"ids": ids, "now": now, "until": now + self._lease, "by": worker}
            claimed = [Job(*row) for row in await session.execute(_LEASE, lease)]
        return sorted(claimed, key=lambda job: ids.index(job.id))

    async def finish(self, job: Job, worker: str) -> None:
        async with self._db.write() as session:
            await session.execute(_FINISH, _held_by(job, worker))
            waits = job.partition_key and await session.scalar(_WAITS, {"partition": job.partition_key})
        if waits:  # its turn has come
            self._wake(waits)

    async def put_back(self, job: Job, worker: str, due_at: datetime, error: str, *, failed: bool) -> None:
        changed = {"new_state": READY, "new_due": due_at, "error": error, "more": int(failed)}
        await self._change(job, worker, _PUT_BACK, changed)

    async def park(self, job: Job, worker: str, error: str) -> None:
        await self._change(job, worker, _PARK, {"error": error})

    async def _change(self, job: Job, worker: str, statement: Update, values: dict[str, Any]) -> None:
        async with self._db.write() as session:
            await session.execute(statement, _held_by(job, worker) | values)
        self._wake(job.kind)

    async def keep(self, worker: str) -> None:
        async with self._db.write() as session:
            await session.execute(_KEEP, {"by": worker, "until": self._clock.now() + self._lease})

    async def release(self, worker: str) -> int:
        async with self._db.write() as session:
            freed = await session.execute(_RELEASE, {"by": worker})
        return cast("CursorResult[Any]", freed).rowcount

    async def next_due(self, kinds: Sequence[str]) -> datetime | None:
        """When the next waiting job is due."""
        async with self._db.read() as session:
            due: datetime | None = await session.scalar(_NEXT_DUE, {"kinds": kinds})
        return due


# The statements are built once: a queue asks the same few questions thousands of times an hour.

_NOW = bindparam("now", type_=UtcDateTime())
_KINDS = JOB.c.kind.in_(bindparam("kinds", expanding=True))
_INSERT = insert(JOB)


def _may_run() -> ColumnElement[bool]:
    return or_(
        and_(JOB.c.state == READY, JOB.c.due_at <= _NOW),
        and_(JOB.c.state == LEASED, JOB.c.lease_until < _NOW),
    )


def _first_of_partition() -> ColumnElement[bool]:
    """Nobody works on this partition, and nothing that goes before waits in it."""
    other = JOB.alias("other")
    goes_before = and_(
        tuple_(other.c.priority, other.c.id) < tuple_(JOB.c.priority, JOB.c.id),
        # A reminder due tomorrow does not hold up today's answer; a reply that is being retried does.
        or_(other.c.due_at <= _NOW, other.c.failures > 0),
        other.c.state != PARKED,
    )
    in_work = and_(other.c.state == LEASED, other.c.lease_until >= _NOW)
    same = and_(other.c.partition_key == JOB.c.partition_key, other.c.id != JOB.c.id)
    blocked = select(other.c.id).where(same, or_(in_work, goes_before)).exists()
    return or_(JOB.c.partition_key.is_(None), ~blocked)


_RUNNABLE = (
    select(JOB.c.id)
    .where(_KINDS, _may_run(), _first_of_partition())
    .order_by(JOB.c.priority, JOB.c.id)
    .limit(bindparam("limit", type_=Integer()))
    .with_for_update(skip_locked=True)
)
_LEASE = (
    update(JOB)
    .where(JOB.c.id.in_(bindparam("ids", expanding=True)), _may_run())
    .values(
        state=LEASED,
        worker=bindparam("by"),
        lease_until=bindparam("until", type_=UtcDateTime()),
        attempts=JOB.c.attempts + 1,
    )
    .returning(JOB.c.id, JOB.c.kind, JOB.c.payload, JOB.c.partition_key, JOB.c.attempts, JOB.c.failures)
)
# Still ours: the lease was not given to another attempt meanwhile.
_HELD = and_(
    JOB.c.id == bindparam("job"),
    JOB.c.worker == bindparam("by"),
    JOB.c.state == LEASED,
    JOB.c.attempts == bindparam("attempt"),
)
_FREE = {"worker": None, "lease_until": None, "attempts": 0}
_FINISH = delete(JOB).where(_HELD)
_PUT_BACK = (
    update(JOB)
    .where(_HELD)
    .values(
        state=bindparam("new_state"),
        due_at=bindparam("new_due", type_=UtcDateTime()),
        last_error=bindparam("error"),
        failures=JOB.c.failures + bindparam("more"),
        **_FREE,
    )
)
_PARK = update(JOB).where(_HELD).values(state=PARKED, last_error=bindparam("error"), **_FREE)
_KEEP = (
    update(JOB)
    .where(JOB.c.worker == bindparam("by"), JOB.c.state == LEASED)
    .values(lease_until=bindparam("until", type_=UtcDateTime()))
)
_RELEASE = (
    update(JOB)
    .where(JOB.c.worker == bindparam("by"), JOB.c.state == LEASED)
    .values(state=READY, worker=None, lease_until=None)
)
_WAITS = (
    select(JOB.c.kind)
    .where(JOB.c.partition_key == bindparam("partition"), JOB.c.state == READY)
    .order_by(JOB.c.priority, JOB.c.id)
    .limit(1)
)
_NEXT_DUE = select(func.min(JOB.c.due_at)).where(_KINDS, JOB.c.state == READY)


def _held_by(job: Job, worker: str) -> dict[str, Any]:
    return {"job": job.id, "by": worker, "attempt": job.attempts}
