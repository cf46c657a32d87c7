"""The queue dispatched by Procrastinate: PostgreSQL, any number of machines, and its tools to look inside.

Our own row of a job stays what it is: payload, trials, the time it is due, the unique key. Procrastinate
gets a job that names the row, in the same transaction, and decides who works on what: locks, priorities.
What is due later is not given to it: a scheduled job would hold its lock, and tomorrow's reminder would block
today's answer. What is being retried is: that is how it keeps its place.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Job as Ticket
from procrastinate.sql import queries
from sqlalchemy import bindparam, delete, event, or_, select, text, update
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from core.jobs.embedded import CLAIMED, HELD, JOB, LATER, LEASED, PARKED, RACES, READY, EmbeddedQueue, held
from core.jobs.port import Job

QUEUED = "queued"  # Procrastinate has a job for this row
TASK = "zabota"
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)
PROMOTED = 500  # rows that become due together, in one transaction


class ProcrastinateQueue(EmbeddedQueue):
    """`JobQueue` over Procrastinate. Time is told by our clock alone."""

    def __init__(self, db: Database, clock: Clock, lease: timedelta = timedelta(seconds=60)) -> None:
        super().__init__(db, clock, lease)
        connector = PsycopgConnector(conninfo=_conninfo(db.url), min_size=1, max_size=2)
        self._app = App(connector=connector)
        self._workers: dict[str, int] = {}
        self._tickets: dict[tuple[int, int], int] = {}  # Procrastinate's id by job and attempt

    async def open(self) -> None:
        """Connect; make Procrastinate's tables if there are none."""
        await self._app.open_async()
        if not await self._app.check_connection_async():
            await self._app.schema_manager.apply_schema_async()

    async def close(self) -> None:
        await self._app.close_async()

    async def _insert(self, session: AsyncSession, row: dict[str, Any]) -> bool:
        if row["state"] == LATER:
            return await super()._insert(session, row)
        if not await super()._insert(session, row | {"state": QUEUED}):
            return False
        id_ = await session.scalar(_LAST)
        await self._defer(session, [(id_, row["kind"], row["partition_key"], row["priority"])])
        return True

    async def _defer(self, session: AsyncSession, rows: Sequence[Any]) -> None:
        tickets = [
            Ticket(
                queue=kind,
                priority=-priority,
                lock=partition,
                queueing_lock=str(id_),
                task_name=TASK,
                task_kwargs={"id": id_},
            )
            for id_, kind, partition, priority in rows
        ]
        await self._app.job_manager.batch_defer_jobs_async(tickets, connection=await _raw(session))

    async def claim(self, worker: str, kinds: Sequence[str], limit: int) -> list[Job]:
        """Lease up to `limit` jobs that may run now."""
        if worker not in self._workers:
            self._workers[worker] = await self._app.job_manager.register_worker()
        for _ in range(RACES):
            try:
                async with self._db.write() as session:
                    await self._promote(session, kinds)
                    return await self._take(session, worker, kinds, limit)
            except UniqueViolation:  # another worker took a job of the same partition meanwhile
                continue
        return []

    async def _promote(self, session: AsyncSession, kinds: Sequence[str]) -> None:
        """What has become due since, and what a dead worker left."""
        now = self._clock.now()
        due = (await session.execute(_DUE, {"kinds": kinds, "now": now})).all()
        if not due:
            return
        fresh = [row[:4] for row in due if row.state in (LATER, READY)]
        if fresh:
            await self._defer(session, fresh)
        if held_ := [str(row.id) for row in due if row.state == HELD]:
            await session.execute(_LET_GO, {"locks": held_})
        for row in due:
            if row.state == LEASED:
                await self._give_back(session, row.id)
        queued = update(JOB).where(JOB.c.id.in_([row.id for row in due])).values(state=QUEUED)
        await session.execute(queued)

    async def _take(self, session: AsyncSession, worker: str, kinds: Sequence[str], limit: int) -> list[Job]:
        raw, jobs = await _raw(session), list[Job]()
        while len(jobs) < limit:
            [ticket] = await self._query(
                raw, "fetch_job", queues=list(kinds), worker_id=self._workers[worker]
            )
            if ticket["id"] is None:
                break
            until = self._clock.now() + self._lease
            lease = {"id_": ticket["args"]["id"], "until": until, "by": worker}
            row = (await session.execute(_LEASE, lease)).one_or_none()
            if row is None:  # it was erased
                await self._end(raw, ticket["id"])
                continue
            jobs.append(Job(*row))
            self._tickets[row.id, row.attempts] = ticket["id"]
        return jobs

    async def finish_with(self, session: AsyncSession, jobs: Sequence[Job]) -> None:
        for job in jobs:
            gone = await session.scalar(delete(JOB).where(held(job, job.worker)).returning(JOB.c.id))
            if gone is not None:
                await self._end(await _raw(session), self._tickets[job.id, job.attempts])
        event.listen(session.sync_session, "after_commit", lambda _: self._forget(jobs), once=True)

    def _forget(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._tickets.pop((job.id, job.attempts), None)
        self._wake_all({job.kind for job in jobs if job.partition_key})  # the next one's turn has come

    async def put_back(
        self, job: Job, worker: str, due_at: datetime, error: str, *, failed: bool, keep_place: bool = False
    ) -> None:
        state = HELD if failed or keep_place else LATER
        values = {"state": state, "due_at": due_at, "failures": job.failures + int(failed)}
        await self._set_aside(job, worker, values | {"last_error": error})

    async def park(self, job: Job, worker: str, error: str) -> None:
        await self._set_aside(job, worker, {"state": PARKED, "last_error": error})

    async def _set_aside(self, job: Job, worker: str, values: dict[str, Any]) -> None:
        free = {"worker": None, "lease_until": None, "attempts": 0}
        changed = update(JOB).where(held(job, worker)).values(**values, **free).returning(JOB.c.id)
        async with self._db.write() as session:
            if await session.scalar(changed) is not None:
                raw, ticket = await _raw(session), self._tickets[job.id, job.attempts]
                if values["state"] == HELD:
                    await self._retry(raw, ticket, NEVER)
                else:
                    await self._end(raw, ticket)
        self._tickets.pop((job.id, job.attempts), None)
        self._wake(job.kind)

    async def keep(self, worker: str) -> None:
        await super().keep(worker)
        if worker in self._workers:
            await self._app.job_manager.update_heartbeat(self._workers[worker])

    async def release(self, worker: str) -> int:
        mine = update(JOB).where(JOB.c.worker == worker, JOB.c.state == LEASED)
        async with self._db.write() as session:
            freed = list(
                await session.scalars(
                    mine.values(state=QUEUED, worker=None, lease_until=None).returning(JOB.c.id)
                )
            )
            for id_ in freed:
                await self._give_back(session, id_)
        if worker in self._workers:
            await self._app.job_manager.unregister_worker(self._workers.pop(worker))
        return len(freed)

    async def _give_back(self, session: AsyncSession, id_: int) -> None:
        """Nobody works on it any more; it may be worked on at once."""
        ticket = await session.scalar(_UNDER_WAY, {"id_": id_})
        if ticket is not None:
            await self._retry(await _raw(session), ticket, AT_ONCE)

    async def _retry(self, raw: Any, ticket: int, at: datetime) -> None:
        none = {"new_priority": None, "new_queue_name": None, "new_lock": None}
        await self._query(raw, "retry_job", job_id=ticket, retry_at=at, **none)

    async def _end(self, raw: Any, ticket: int) -> None:
        await self._query(raw, "finish_job", job_id=ticket, status="succeeded", delete_job=True)

    async def _query(self, raw: Any, name: str, **arguments: Any) -> list[dict[str, Any]]:
        """One of Procrastinate's own statements, in our transaction."""
        query = queries[name]
        return await self._app.connector.execute_query_all_async_with_connection(raw, query, **arguments)


_LAST = text("SELECT lastval()")
_DUE = (
    select(JOB.c.id, JOB.c.kind, JOB.c.partition_key, JOB.c.priority, JOB.c.state)
    .where(
        JOB.c.kind.in_(bindparam("kinds", expanding=True)),
        or_(
            JOB.c.state.in_([LATER, HELD, READY])
            & (JOB.c.due_at <= bindparam("now", type_=JOB.c.due_at.type)),
            (JOB.c.state == LEASED) & (JOB.c.lease_until < bindparam("now", type_=JOB.c.due_at.type)),
        ),
    )
    .order_by(JOB.c.id)
    .limit(PROMOTED)
    .with_for_update(skip_locked=True)
)
_LEASE = (
    update(JOB)
    .where(JOB.c.id == bindparam("id_"), JOB.c.state == QUEUED)
    .values(
        state=LEASED,
        worker=bindparam("by"),
        lease_until=bindparam("until", type_=JOB.c.due_at.type),
        attempts=JOB.c.attempts + 1,
    )
    .returning(*CLAIMED)
)
# Procrastinate has no word for these two.
_LET_GO = text(
    "UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo' AND queueing_lock = ANY(:locks)"
)
_UNDER_WAY = text("SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND (args->>'id')::bigint = :id_")


async def _raw(session: AsyncSession) -> Any:
    """The driver's connection of the session's transaction."""
    connection = await (await session.connection()).get_raw_connection()
    return connection.driver_connection


def _conninfo(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
