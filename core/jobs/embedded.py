"""The queue in the application's own database: SQLite or PostgreSQL, no other service."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    JSON,
    ColumnElement,
    CursorResult,
    Index,
    String,
    Text,
    and_,
    delete,
    event,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, aliased, mapped_column

from core.clock import Clock
from core.db import Base, BigId, Database
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


class EmbeddedQueue:
    """`JobQueue` over the `job` table."""

    def __init__(self, db: Database, clock: Clock, lease: timedelta = timedelta(seconds=60)) -> None:
        self._db = db
        self._clock = clock
        self._lease = lease
        self._ears: list[asyncio.Event] = []

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
            "created_at": now,
        }
        if conn is None:
            async with self._db.write() as session:
                return await self._insert(session, row)
        return await self._insert(conn, row)

    async def _insert(self, session: AsyncSession, row: dict[str, Any]) -> bool:
        event.listen(session.sync_session, "after_commit", self._wake, once=True)
        if row["dedupe_key"] is None:
            await session.execute(insert(JobRow).values(row))
            return True
        try:
            async with session.begin_nested():
                await session.execute(insert(JobRow).values(row))
        except IntegrityError:
            return False
        return True

    def ear(self) -> asyncio.Event:
        ear = asyncio.Event()
        self._ears.append(ear)
        return ear

    def _wake(self, _session: Any = None) -> None:
        for ear in self._ears:
            ear.set()

    async def claim(self, worker: str, kinds: Sequence[str], limit: int) -> list[Job]:
        """Lease up to `limit` jobs that may run now."""
        now = self._clock.now()
        candidates = (
            select(JobRow.id)
            .where(JobRow.kind.in_(kinds), _runnable(now), _first_of_partition(now))
            .order_by(JobRow.priority, JobRow.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        async with self._db.write() as session:
            ids = (await session.scalars(candidates)).all()
            if not ids:
                return []
            claimed = await session.execute(
                update(JobRow)
                .where(JobRow.id.in_(ids), _runnable(now))
                .values(
                    state=LEASED,
                    worker=worker,
                    lease_until=now + self._lease,
                    attempts=JobRow.attempts + 1,
                )
                .returning(
                    JobRow.id,
                    JobRow.kind,
                    JobRow.payload,
                    JobRow.partition_key,
                    JobRow.attempts,
                    JobRow.failures,
                )
                .execution_options(synchronize_session=False)
            )
            return sorted((Job(*row) for row in claimed), key=lambda job: ids.index(job.id))

    async def finish(self, job: Job, worker: str) -> None:
        async with self._db.write() as session:
            await session.execute(delete(JobRow).where(_held(job, worker)))
        self._wake()  # the next job of the partition may run now

    async def put_back(self, job: Job, worker: str, due_at: datetime, error: str, *, failed: bool) -> None:
        await self._change(
            job,
            worker,
            state=READY,
            due_at=due_at,
            last_error=error,
            failures=JobRow.failures + int(failed),
        )

    async def park(self, job: Job, worker: str, error: str) -> None:
        await self._change(job, worker, state=PARKED, last_error=error)

    async def _change(self, job: Job, worker: str, **values: Any) -> None:
        async with self._db.write() as session:
            await session.execute(
                update(JobRow)
                .where(_held(job, worker))
                .values(worker=None, lease_until=None, attempts=0, **values)
            )
        self._wake()

    async def keep(self, worker: str) -> None:
        async with self._db.write() as session:
            await session.execute(
                update(JobRow)
                .where(JobRow.worker == worker, JobRow.state == LEASED)
                .values(lease_until=self._clock.now() + self._lease)
            )

    async def release(self, worker: str) -> int:
        async with self._db.write() as session:
            freed = await session.execute(
                update(JobRow)
                .where(JobRow.worker == worker, JobRow.state == LEASED)
                .values(state=READY, worker=None, lease_until=None)
            )
        return cast("CursorResult[Any]", freed).rowcount

    async def next_due(self, kinds: Sequence[str]) -> datetime | None:
        """When the next waiting job is due, or the next lease runs out."""
        soonest = select(func.min(JobRow.due_at)).where(JobRow.kind.in_(kinds), JobRow.state == READY)
        async with self._db.read() as session:
            return await session.scalar(soonest)


def _runnable(now: datetime) -> ColumnElement[bool]:
    return or_(
        and_(JobRow.state == READY, JobRow.due_at <= now),
        and_(JobRow.state == LEASED, JobRow.lease_until < now),
    )


def _first_of_partition(now: datetime) -> ColumnElement[bool]:
    """Nobody works on this partition, and nothing that goes before waits in it."""
    other = aliased(JobRow)
    goes_before = and_(
        tuple_(other.priority, other.id) < tuple_(JobRow.priority, JobRow.id),
        or_(
            other.due_at <= now, other.failures > 0
        ),  # a reminder due tomorrow does not hold up today's answer
        other.state != PARKED,
    )
    in_work = and_(other.state == LEASED, other.lease_until >= now)
    same = and_(other.partition_key == JobRow.partition_key, other.id != JobRow.id)
    return or_(JobRow.partition_key.is_(None), ~exists().where(same, or_(in_work, goes_before)))


def _held(job: Job, worker: str) -> ColumnElement[bool]:
    """Still ours: the lease was not given to another attempt meanwhile."""
    return and_(
        JobRow.id == job.id, JobRow.worker == worker, JobRow.state == LEASED, JobRow.attempts == job.attempts
    )
