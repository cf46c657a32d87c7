"""Runs jobs: claims, calls the handler, retries, parks."""

import asyncio
import contextlib
import random
from collections.abc import Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from core import logs
from core.clock import Clock
from core.jobs.port import ClaimableQueue, Finished, Gate, Handler, Job, Park, RetryAfter

log = logs.get("worker")

Result = TypeVar("Result")

POLL = timedelta(seconds=1)  # for work that another process added
GATHER = timedelta(milliseconds=20)  # of real time: with every slot taken, others end soon after the first
KEEP_LEASES = timedelta(seconds=10)
LET_END = timedelta(seconds=5)  # of real time, for jobs under way when the process is told to stop
POISON = 5  # claims in a row that ended neither well nor badly: the process dies on this job


class Worker:
    """One loop over one queue. `name` must be unique among the living workers: leases carry it."""

    def __init__(
        self,
        name: str,
        queue: ClaimableQueue,
        handlers: Mapping[str, Handler],
        clock: Clock,
        chance: random.Random,
        concurrency: int = 16,
        let_end: timedelta = LET_END,
        gate: Gate | None = None,
    ) -> None:
        self._name = name
        self._queue = queue
        self._handlers = dict(handlers)
        self._clock = clock
        self._chance = chance
        self._slots = concurrency
        self._let_end = let_end
        self._gate = gate
        self._running: set[asyncio.Task[None]] = set()
        self._was_full = False
        self._half_free = asyncio.Event()
        self._ear = queue.ear(self._handlers)

    async def run(self) -> None:
        """Work until cancelled; then let running jobs end, and break off those that take long.

        What was broken off is given back, and done again as after a crash.
        """
        freed = await _unbroken(self._queue.release(self._name))
        if freed:
            log.info("took back jobs of my former life", jobs=freed)
        keeper = asyncio.create_task(self._keep_leases())
        try:
            while True:
                await self._round()
        finally:
            keeper.cancel()
            await self._end_jobs()
            await self._queue.release(self._name)

    async def _end_jobs(self) -> None:
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=self._let_end.total_seconds())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def drain(self) -> None:
        """Run everything that is due now, and what follows from it; then return."""
        while True:
            room = min(self._slots, self._gate.room()) if self._gate else self._slots
            jobs = await self._queue.claim(self._name, list(self._handlers), room) if room else []
            if not jobs:
                return
            await asyncio.gather(*(self._do(job) for job in jobs))

    async def _round(self) -> None:
        if self._was_full:  # one claim for all who end about now, instead of one for each
            self._was_full = False
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._half_free.wait(), GATHER.total_seconds())
        self._ear.clear()
        if self._gate and not self._gate.room():
            await self._clock.sleep_until(self._gate.opens_at())
            return
        kinds = list(self._handlers)
        free = self._slots - len(self._running)
        free = min(free, self._gate.room()) if self._gate else free
        try:
            jobs = await _unbroken(self._queue.claim(self._name, kinds, free)) if free else []
            for job in jobs:
                task = asyncio.create_task(self._do(job))
                self._running.add(task)
                task.add_done_callback(self._ended)
            if len(jobs) < free or not free:
                soon = self._clock.now() + POLL
                due = None if jobs else await _unbroken(self._queue.next_due(kinds))
                await self._rest(min(soon, due) if due and due > self._clock.now() else soon)
        except Exception:  # the database is away; every process lives through that
            log.exception("cannot reach the queue")
            await asyncio.sleep(POLL.total_seconds())

    def _ended(self, task: asyncio.Task[None]) -> None:
        if len(self._running) == self._slots:
            self._was_full = True
            self._half_free.clear()
            self._ear.set()  # there was no room for what waits
        self._running.discard(task)
        if 2 * len(self._running) <= self._slots:
            self._half_free.set()

    async def _rest(self, until: datetime) -> None:
        """Return when work has arrived, at the latest at `until`."""
        waits = {
            asyncio.ensure_future(self._ear.wait()),
            asyncio.ensure_future(self._clock.sleep_until(until)),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _do(self, job: Job) -> None:
        handler = self._handlers[job.kind]
        if job.attempts > POISON:
            await self._park(job, handler, "the process died on it again and again")
            return
        try:
            await handler.run(job)
        except RetryAfter as later:
            due = self._clock.now() + later.delay
            await self._queue.put_back(
                job, self._name, due, "asked for later", failed=False, keep_place=later.keep_place
            )
        except Finished:
            pass
        except Park as why:
            await self._park(job, handler, str(why))
        except Exception as error:
            await self._failed(job, handler, error)
        else:
            await self._queue.finish(job, self._name)

    async def _failed(self, job: Job, handler: Handler, error: Exception) -> None:
        log.warning(
            "job failed", kind=job.kind, job=job.id, attempts=job.attempts, error=type(error).__name__,
            exc_info=error,
        )  # fmt: skip
        failures = job.failures + 1
        if failures >= handler.retry.attempts:
            await self._park(job, handler, type(error).__name__)
            return
        due = self._clock.now() + handler.retry.delay(failures, self._chance)
        await self._queue.put_back(job, self._name, due, type(error).__name__, failed=True)

    async def _park(self, job: Job, handler: Handler, why: str) -> None:
        log.error("job parked", kind=job.kind, job=job.id, attempts=job.attempts, why=why)
        try:
            if handler.parked:
                await handler.parked(job)
        finally:
            await self._queue.park(job, self._name, why)

    async def _keep_leases(self) -> None:
        while True:
            await self._clock.sleep_until(self._clock.now() + KEEP_LEASES)
            if self._running:
                await _unbroken(self._queue.keep(self._name))


async def _unbroken(work: Coroutine[Any, Any, Result]) -> Result:
    """Cancelled, wait for `work` all the same: a transaction broken off halfway can keep SQLite locked."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
