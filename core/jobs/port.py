"""What a job is, and what a queue of jobs promises.

A job is run at least once: its handler makes the effect happen once. Jobs of one partition run one at a time,
by priority and then in the order they were added; a job that is not yet due holds nobody up, but one that is
being retried does.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

REPLY, TRANSACTIONAL, PROACTIVE, BROADCAST = 0, 3, 6, 9  # priorities; lower goes first


@dataclass(frozen=True)
class Job:
    """One claimed job."""

    id: int
    kind: str
    payload: dict[str, Any]
    partition_key: str | None
    attempts: int  # claims in a row without an orderly end, this one included: did processes die on it?
    failures: int  # how often a handler failed on it before
    worker: str = ""  # who holds it


@dataclass(frozen=True)
class ParkedJob:
    """One job that nobody could run."""

    id: int
    kind: str
    partition_key: str | None
    error: str
    created_at: datetime | None  # None where the queue does not keep it


class RetryAfter(Exception):
    """Raised by a handler: run me again after `delay`; it does not count as a failure.

    `keep_place`: what comes after me in my partition waits for me.
    """

    def __init__(self, delay: timedelta, *, keep_place: bool = False) -> None:
        super().__init__(delay)
        self.delay = delay
        self.keep_place = keep_place


class Finished(Exception):
    """Raised by a handler: the job is finished, in the transaction of what it did (`finish_with`)."""


class Park(Exception):
    """Raised by a handler: trying again is useless, set the job aside for a person."""


class JobQueue(Protocol):
    """Where services leave work. Joined to the caller's transaction when given its session."""

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
        """Add a job. False when an unfinished job with this `dedupe_key` is there already."""
        ...

    async def busy(self, session: AsyncSession, partitions: Collection[str]) -> set[str]:
        """In which of these partitions a job runs, or one waits that would hold up the next."""
        ...


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential back-off with jitter: between half of the step and the whole of it."""

    attempts: int = 6
    first: timedelta = timedelta(milliseconds=250)
    longest: timedelta = timedelta(seconds=30)

    def delay(self, failures: int, chance: random.Random) -> timedelta:
        """How long to wait after the given number of failures."""
        ceiling: timedelta = min(self.first * 2 ** min(failures - 1, 20), self.longest)
        return ceiling * chance.uniform(0.5, 1)


@dataclass(frozen=True)
class Handler:
    """How jobs of one kind are run, and what is done with one that nobody could run."""

    run: Callable[[Job], Awaitable[None]]
    retry: RetryPolicy = RetryPolicy()
    parked: Callable[[Job], Awaitable[None]] | None = None


class Gate(Protocol):
    """How fast a worker may begin jobs."""

    def room(self) -> int:
        """How many may be begun now."""
        ...

    def opens_at(self) -> datetime:
        """When there is room again."""
        ...


class ClaimableQueue(JobQueue, Protocol):
    """What a worker needs of a queue besides adding to it."""

    async def claim(self, worker: str, kinds: Sequence[str], limit: int) -> list[Job]: ...

    async def finish(self, job: Job, worker: str) -> None: ...

    async def finish_with(self, session: AsyncSession, jobs: Sequence[Job]) -> None:
        """Finish claimed jobs in the caller's transaction, together with what they did."""
        ...

    async def put_back(
        self, job: Job, worker: str, due_at: datetime, error: str, *, failed: bool, keep_place: bool = False
    ) -> None:
        """Run it again at `due_at`. A failed one keeps its place in its partition anyway."""
        ...

    async def park(self, job: Job, worker: str, error: str) -> None: ...

    async def keep(self, worker: str) -> None:
        """Prolong the leases this worker holds."""
        ...

    async def release(self, worker: str) -> int:
        """Give back what a worker of this name held when it died; how many jobs."""
        ...

    async def next_due(self, kinds: Sequence[str]) -> datetime | None: ...

    async def parked(self) -> list[ParkedJob]:
        """What was set aside for a person, newest first; at most a hundred."""
        ...

    def ear(self, kinds: Collection[str]) -> asyncio.Event:
        """An event that is set when this process has added work of these kinds; each worker has its own."""
        ...
