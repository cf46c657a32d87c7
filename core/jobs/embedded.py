"""The queue in the application's own database: SQLite or PostgreSQL, no other service."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    JSON,
    ColumnElement,
    CursorResult,
    Index,
    Integer,
    ScalarSelect,
    String,
    Table,
    Text,
    Update,
    and_,
    bindparam,
    delete,
    event,
    insert,
    or_,
    select,
    text,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.batching import Batch
from core.bell import Bell
from core.clock import Clock
from core.db import Base, BigId, Database, UtcDateTime
from core.jobs.port import TRANSACTIONAL, Job, ParkedJob
from core.many import one_of

READY = "ready"  # due, and nobody works on it
LATER = "later"  # not due yet: holds nobody up
HELD = "held"  # not due yet, but begun: holds up what comes after it in its partition
LEASED = "leased"
PARKED = "parked"
RACES = 3  # claims of one partition at the same moment, before giving up until the next round


class JobRow(Base):
    """A job that is not finished. Finished ones are deleted, so the table holds only what is still to do.

    What is due later has a state of its own: a claim never looks at it, were there a million of them.
    """

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_due", "kind", "state", "due_at"),
        Index("ix_job_next", "kind", "state", "priority", "id"),
        Index("ix_job_partition", "partition_key", "state", "priority", "id"),
        Index(
            "uq_job_partition_leased",
            "partition_key",
            unique=True,
            sqlite_where=text("state = 'leased'"),
            postgresql_where=text("state = 'leased'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(100))
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
        self._finished = Batch(self._finish)

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
            "state": LATER if due_at and due_at > now else READY,
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

    async def busy(self, session: AsyncSession, partitions: Collection[str]) -> set[str]:
        asked = {"partitions": list(partitions)}
        return set(await session.scalars(_BUSY[self._db.is_sqlite], asked))

    def ear(self, kinds: Collection[str]) -> asyncio.Event:
        ear = asyncio.Event()
        self._ears.append((frozenset(kinds), ear))
        return ear

    def hear_from(self, bell: Bell) -> None:
        """Wake workers when another process added work, too."""
        bell.on("job", self._wake)

    async def open(self) -> None:
        """Nothing to connect to: the tables are in the application's database."""

    async def close(self) -> None: ...

    def _wake(self, kind: str) -> None:
        for kinds, ear in self._ears:
            if kind in kinds:
                ear.set()

    async def claim(self, worker: str, kinds: Sequence[str], limit: int) -> list[Job]:
        """Lease up to `limit` jobs that may run now."""
        for _ in range(RACES):
            try:
                async with self._db.write() as session:
                    return await self._lease_some(session, worker, kinds, limit)
            except IntegrityError:  # another worker took a job of the same partition meanwhile
                continue
        return []

    async def _lease_some(
        self, session: AsyncSession, worker: str, kinds: Sequence[str], limit: int
    ) -> list[Job]:
        now = self._clock.now()
        await session.execute(_PROMOTE[self._db.is_sqlite], {"kinds": kinds, "now": now})
        ids: list[int] = []
        for kind in kinds:
            if len(ids) < limit:
                ids += await session.scalars(_RUNNABLE, {"of_kind": kind, "limit": limit - len(ids)})
        if not ids:
            return []
        lease = {"ids": ids, "until": now + self._lease, "by": worker}
        statement = _LEASE[self._db.is_sqlite]
        claimed = [Job(*row) for row in await session.execute(statement, lease)]
        place = {id_: number for number, id_ in enumerate(ids)}
        return sorted(claimed, key=lambda job: place[job.id])

    async def finish(self, job: Job, worker: str) -> None:
        await self._finished.do(replace(job, worker=worker))

    async def _finish(self, done: Sequence[Job]) -> Sequence[None]:
        async with self._db.write() as session:
            await self.finish_with(session, done)
        return [None] * len(done)

    async def finish_with(self, session: AsyncSession, jobs: Sequence[Job]) -> None:
        if self._db.is_sqlite:
            await session.execute(_FINISH, [held_by(job, job.worker) for job in jobs])
        else:
            await session.execute(_FINISH_AT_ONCE, _columns(jobs))
        partitions = [job.partition_key for job in jobs if job.partition_key]
        if not partitions:
            return
        waits = set(await session.scalars(_WAITS[self._db.is_sqlite], {"partitions": partitions}))
        if waits:  # their turn has come
            event.listen(session.sync_session, "after_commit", lambda _: self._wake_all(waits), once=True)

    def _wake_all(self, kinds: Collection[str]) -> None:
        for kind in kinds:
            self._wake(kind)

    async def put_back(
        self, job: Job, worker: str, due_at: datetime, error: str, *, failed: bool, keep_place: bool = False
    ) -> None:
        state = HELD if failed or keep_place else LATER
        changed = {"new_state": state, "new_due": due_at, "error": error, "more": int(failed)}
        await self._change(job, worker, _PUT_BACK, changed)

    async def park(self, job: Job, worker: str, error: str) -> None:
        await self._change(job, worker, _PARK, {"error": error})

    async def parked(self) -> list[ParkedJob]:
        async with self._db.read() as session:
            return [ParkedJob(*row) for row in await session.execute(_PARKED)]

    async def _change(self, job: Job, worker: str, statement: Update, values: dict[str, Any]) -> None:
        async with self._db.write() as session:
            await session.execute(statement, held_by(job, worker) | values)
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
            asked = [(await session.execute(_NEXT_DUE, {"of_kind": kind})).one() for kind in kinds]
        return min((due for row in asked for due in row if due is not None), default=None)


# The statements are built once: a queue asks the same few questions thousands of times an hour.

_NOW = bindparam("now", type_=UtcDateTime())
_KIND = JOB.c.kind == bindparam("of_kind")
_KINDS = JOB.c.kind.in_(bindparam("kinds", expanding=True))
_INSERT = insert(JOB)


def _nobody_before() -> ColumnElement[bool]:
    """Nobody works on this partition, and nothing that goes before waits in it.

    A scalar subquery and not EXISTS, which PostgreSQL may turn into a join over the whole table.
    """
    other = JOB.alias("other")
    goes_before = and_(
        other.c.state.in_([READY, HELD]),
        tuple_(other.c.priority, other.c.id) < tuple_(JOB.c.priority, JOB.c.id),
    )
    same = other.c.partition_key == JOB.c.partition_key
    in_work = select(other.c.id).where(same, other.c.state == LEASED).limit(1).scalar_subquery()
    before = select(other.c.id).where(same, goes_before).limit(1).scalar_subquery()
    return or_(JOB.c.partition_key.is_(None), and_(in_work.is_(None), before.is_(None)))


_COME = and_(_KINDS, JOB.c.state.in_([LATER, HELD]), JOB.c.due_at <= _NOW)
_LEFT = and_(_KINDS, JOB.c.state == LEASED, JOB.c.lease_until < _NOW)  # its worker died
_DUE = {
    # Given an OR, SQLite reads the whole table once most of it is of one kind.
    True: union_all(select(JOB.c.id).where(_COME), select(JOB.c.id).where(_LEFT)),
    False: select(JOB.c.id).where(or_(_COME, _LEFT)).with_for_update(skip_locked=True),
}
_PROMOTE = {
    sqlite: update(JOB).where(JOB.c.id.in_(_DUE[sqlite])).values(state=READY) for sqlite in (True, False)
}
_RUNNABLE = (
    select(JOB.c.id)
    .where(_KIND, JOB.c.state == READY, _nobody_before())
    .order_by(JOB.c.priority, JOB.c.id)
    .limit(bindparam("limit", type_=Integer()))
    .with_for_update(skip_locked=True)
)
CLAIMED = (  # a `Job`
    JOB.c.id,
    JOB.c.kind,
    JOB.c.payload,
    JOB.c.partition_key,
    JOB.c.attempts,
    JOB.c.failures,
    JOB.c.worker,
)
_LEASE = {
    sqlite: update(JOB)
    .where(one_of(JOB.c.id, "ids", sqlite=sqlite), JOB.c.state == READY)
    .values(
        state=LEASED,
        worker=bindparam("by"),
        lease_until=bindparam("until", type_=UtcDateTime()),
        attempts=JOB.c.attempts + 1,
    )
    .returning(*CLAIMED)
    for sqlite in (True, False)
}
# Still ours: the lease was not given to another attempt meanwhile.
_HELD = and_(
    JOB.c.id == bindparam("job"),
    JOB.c.worker == bindparam("by"),
    JOB.c.state == LEASED,
    JOB.c.attempts == bindparam("attempt"),
)
_FREE = {"worker": None, "lease_until": None, "attempts": 0}
_FINISH = delete(JOB).where(_HELD)
_FINISH_AT_ONCE = text(
    "DELETE FROM job USING unnest(CAST(:ids AS bigint[]), CAST(:attempts AS int[]), CAST(:workers AS text[]))"
    " AS done(id, attempts, worker) WHERE job.id = done.id AND job.attempts = done.attempts"
    " AND job.worker = done.worker AND job.state = 'leased'"
)
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
_WAITS = {
    sqlite: select(JOB.c.kind)
    .distinct()
    .where(one_of(JOB.c.partition_key, "partitions", sqlite=sqlite), JOB.c.state == READY)
    for sqlite in (True, False)
}
_BUSY = {
    sqlite: select(JOB.c.partition_key)
    .distinct()
    .where(one_of(JOB.c.partition_key, "partitions", sqlite=sqlite), JOB.c.state.not_in([LATER, PARKED]))
    for sqlite in (True, False)
}


def _first_due(state: str) -> ScalarSelect[datetime]:
    """The first entry of an index. The least of all that wait would read them all."""
    first = select(JOB.c.due_at).where(_KIND, JOB.c.state == state).order_by(JOB.c.due_at).limit(1)
    return first.scalar_subquery()


_NEXT_DUE = select(_first_due(LATER).label("later"), _first_due(HELD).label("held"))
_PARKED = (
    select(JOB.c.id, JOB.c.kind, JOB.c.partition_key, JOB.c.last_error, JOB.c.created_at)
    .where(JOB.c.state == PARKED)
    .order_by(JOB.c.id.desc())
    .limit(100)
)


def held(job: Job, worker: str) -> ColumnElement[bool]:
    """Still this worker's: the lease was not given to another attempt meanwhile."""
    mine = and_(JOB.c.worker == worker, JOB.c.state == LEASED, JOB.c.attempts == job.attempts)
    return and_(JOB.c.id == job.id, mine)


def _columns(jobs: Sequence[Job]) -> dict[str, Any]:
    return {
        "ids": [job.id for job in jobs],
        "attempts": [job.attempts for job in jobs],
        "workers": [job.worker for job in jobs],
    }


def held_by(job: Job, worker: str) -> dict[str, Any]:
    return {"job": job.id, "by": worker, "attempt": job.attempts}
