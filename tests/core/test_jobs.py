"""The promises of a job queue, kept by every implementation."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from core.clock import ManualClock
from core.db import Database
from core.jobs import EmbeddedQueue, Handler, Job, Park, RetryAfter, RetryPolicy, Worker
from core.jobs.cluster import ProcrastinateQueue
from core.jobs.port import PROACTIVE, REPLY

SECOND = timedelta(seconds=1)
Make = Callable[[], EmbeddedQueue]


@pytest.fixture(params=["embedded-sqlite", "embedded-postgresql", "procrastinate"])
def place(request: pytest.FixtureRequest) -> tuple[str, str]:
    """An implementation of the port, and a fresh database for it."""
    kind: str = request.param
    databases = {"embedded-sqlite": "sqlite_url", "embedded-postgresql": "postgres_url"}
    return kind, request.getfixturevalue(databases.get(kind, "own_postgres_url"))  # it adds tables of its own


@pytest.fixture
async def queue(place: tuple[str, str], clock: ManualClock) -> AsyncIterator[EmbeddedQueue]:
    kind, url = place
    database, lease = Database(url), timedelta(seconds=30)
    if kind == "procrastinate":
        cluster = ProcrastinateQueue(database, clock, lease)
        await cluster.open()
        yield cluster
        await cluster.close()
    else:
        yield EmbeddedQueue(database, clock, lease)
    await database.close()


@pytest.fixture
def db(queue: EmbeddedQueue) -> Database:
    """The database that the queue is in."""
    return queue._db


async def claimed(queue: EmbeddedQueue, worker: str = "w", limit: int = 10) -> list[str]:
    return [job.payload["n"] for job in await queue.claim(worker, ["say"], limit)]


async def test_a_job_added_in_a_transaction_that_fails_never_was(queue: EmbeddedQueue, db: Database) -> None:
    async def fails() -> None:
        async with db.write() as session:
            await queue.enqueue("say", {"n": 1}, conn=session)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert await claimed(queue) == []


async def test_one_chat_is_served_in_order_and_one_at_a_time(queue: EmbeddedQueue) -> None:
    for n in (1, 2):
        await queue.enqueue("say", {"n": n}, partition_key="chat")
    await queue.enqueue("say", {"n": 3}, partition_key="other chat")
    first, other = await queue.claim("w", ["say"], 10)
    assert (first.payload["n"], other.payload["n"]) == (1, 3)
    assert await claimed(queue) == []
    await queue.finish(first, "w")
    assert await claimed(queue) == [2]


async def test_tomorrows_reminder_does_not_hold_up_todays_answer(
    queue: EmbeddedQueue, clock: ManualClock
) -> None:
    tomorrow = clock.now() + timedelta(days=1)
    await queue.enqueue("say", {"n": "reminder"}, partition_key="chat", due_at=tomorrow)
    await queue.enqueue("say", {"n": "answer"}, partition_key="chat")
    assert await claimed(queue) == ["answer"]


async def test_a_reply_being_retried_holds_up_the_next_one(queue: EmbeddedQueue, clock: ManualClock) -> None:
    for n in (1, 2):
        await queue.enqueue("say", {"n": n}, partition_key="chat")
    [job] = await queue.claim("w", ["say"], 10)
    await queue.put_back(job, "w", clock.now() + SECOND, "no network", failed=True)
    assert await claimed(queue) == []
    clock.advance(SECOND)
    assert await claimed(queue) == [1]


async def test_who_asked_for_later_holds_up_the_next_one_only_if_it_keeps_its_place(
    queue: EmbeddedQueue, clock: ManualClock
) -> None:
    for n in (1, 2):
        await queue.enqueue("say", {"n": n}, partition_key="chat")
    [job] = await queue.claim("w", ["say"], 10)
    await queue.put_back(job, "w", clock.now() + SECOND, "slow down", failed=False, keep_place=True)
    assert await claimed(queue) == []
    clock.advance(SECOND)
    [job] = await queue.claim("w", ["say"], 10)
    await queue.put_back(job, "w", clock.now() + SECOND, "tomorrow", failed=False)
    assert await claimed(queue) == [2]


async def test_it_says_where_something_waits_that_may_not_be_overtaken(
    queue: EmbeddedQueue, db: Database, clock: ManualClock
) -> None:
    await queue.enqueue("say", {"n": 1}, partition_key="ready")
    await queue.enqueue("say", {"n": 2}, partition_key="tomorrow", due_at=clock.now() + timedelta(days=1))
    partitions = ["ready", "tomorrow", "nothing"]

    async def busy() -> set[str]:
        async with db.write() as session:
            return await queue.busy(session, partitions)

    assert await busy() == {"ready"}
    [job] = await queue.claim("w", ["say"], 10)
    assert await busy() == {"ready"}, "it is being worked on"
    await queue.put_back(job, "w", clock.now() + SECOND, "again", failed=True)
    assert await busy() == {"ready"}, "it is being retried"
    clock.advance(SECOND)
    [job] = await queue.claim("w", ["say"], 10)
    await queue.park(job, "w", "nobody can do it")
    assert await busy() == set()


async def test_a_broadcast_being_retried_does_not_hold_up_a_reply(
    queue: EmbeddedQueue, clock: ManualClock
) -> None:
    await queue.enqueue("say", {"n": "offer"}, partition_key="chat", priority=PROACTIVE)
    [job] = await queue.claim("w", ["say"], 10)
    await queue.put_back(job, "w", clock.now() + SECOND, "no network", failed=True)
    await queue.enqueue("say", {"n": "reply"}, partition_key="chat", priority=REPLY)
    assert await claimed(queue) == ["reply"]


async def test_what_is_parked_is_named(queue: EmbeddedQueue) -> None:
    await queue.enqueue("say", {"n": 1}, partition_key="chat")
    [job] = await queue.claim("w", ["say"], 10)
    await queue.park(job, "w", "poison")
    [parked] = await queue.parked()
    assert (parked.kind, parked.partition_key, parked.error) == ("say", "chat", "poison")


async def test_a_parked_job_blocks_nobody(queue: EmbeddedQueue) -> None:
    for n in (1, 2):
        await queue.enqueue("say", {"n": n}, partition_key="chat")
    [job] = await queue.claim("w", ["say"], 10)
    await queue.park(job, "w", "poison")
    assert await claimed(queue) == [2]


async def test_replies_go_before_proactive_messages(queue: EmbeddedQueue) -> None:
    await queue.enqueue("say", {"n": "offer"}, partition_key="chat", priority=PROACTIVE)
    await queue.enqueue("say", {"n": "reply"}, partition_key="chat", priority=REPLY)
    assert await claimed(queue) == ["reply"]


async def test_the_same_unfinished_job_is_added_once(queue: EmbeddedQueue, db: Database) -> None:
    assert await queue.enqueue("say", {"n": 1}, dedupe_key="sync")
    async with db.write() as session:  # the caller's transaction survives the refusal
        assert not await queue.enqueue("say", {"n": 2}, dedupe_key="sync", conn=session)
        assert await queue.enqueue("say", {"n": 3}, conn=session)
    jobs = await queue.claim("w", ["say"], 10)
    assert [job.payload["n"] for job in jobs] == [1, 3]
    await queue.finish(jobs[0], "w")
    assert await queue.enqueue("say", {"n": 4}, dedupe_key="sync")


async def test_the_job_of_a_dead_worker_is_taken_over_and_the_dead_cannot_finish_it(
    queue: EmbeddedQueue, clock: ManualClock
) -> None:
    await queue.enqueue("say", {"n": 1})
    [lost] = await queue.claim("dead", ["say"], 10)
    clock.advance(timedelta(seconds=31))
    [job] = await queue.claim("alive", ["say"], 10)
    await queue.finish(lost, "dead")
    await queue.put_back(job, "alive", clock.now(), "once more", failed=False)
    assert await claimed(queue) == [1]


async def test_a_restarted_worker_takes_its_jobs_back_at_once(queue: EmbeddedQueue) -> None:
    await queue.enqueue("say", {"n": 1})
    assert await claimed(queue, "gateway") == [1]
    assert await queue.release("gateway") == 1
    assert await claimed(queue, "gateway") == [1]


async def test_many_workers_share_the_jobs(queue: EmbeddedQueue) -> None:
    import asyncio

    for n in range(40):
        await queue.enqueue("say", {"n": n}, partition_key=f"chat {n % 5}")
    done: list[int] = []

    async def work(name: str) -> None:
        while len(done) < 40:
            for job in await queue.claim(name, ["say"], 3):
                done.append(job.payload["n"])
                await queue.finish(job, name)

    await asyncio.wait_for(asyncio.gather(*(work(f"w{n}") for n in range(4))), 60)
    assert sorted(done) == list(range(40))
    for chat in range(5):
        assert [n for n in done if n % 5 == chat] == list(range(chat, 40, 5))


class Desk:
    """A handler that does as it is told."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.runs = 0
        self.given_up: list[int] = []

    async def run(self, job: Job) -> None:
        self.runs += 1
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome:
            raise outcome

    async def parked(self, job: Job) -> None:
        self.given_up.append(job.payload["n"])


def worker(queue: EmbeddedQueue, clock: ManualClock, desk: Desk) -> Worker:
    handler = Handler(desk.run, RetryPolicy(attempts=3), desk.parked)
    return Worker("w", queue, {"say": handler}, clock, random.Random(7))


async def test_a_failure_is_retried_and_then_given_up(queue: EmbeddedQueue, clock: ManualClock) -> None:
    desk = Desk(OSError(), OSError(), OSError())
    await queue.enqueue("say", {"n": 1})
    for _ in range(5):
        await worker(queue, clock, desk).drain()
        clock.advance(timedelta(minutes=1))
    assert desk.runs == 3
    assert desk.given_up == [1]


async def test_asking_for_later_is_no_failure(queue: EmbeddedQueue, clock: ManualClock) -> None:
    desk = Desk(*(RetryAfter(SECOND) for _ in range(10)))
    await queue.enqueue("say", {"n": 1})
    for _ in range(12):
        await worker(queue, clock, desk).drain()
        clock.advance(SECOND)
    assert desk.runs == 11
    assert desk.given_up == []


async def test_what_cannot_work_is_parked_at_once(queue: EmbeddedQueue, clock: ManualClock) -> None:
    desk = Desk(Park("no such conversation"))
    await queue.enqueue("say", {"n": 1})
    await worker(queue, clock, desk).drain()
    assert desk.given_up == [1]


async def test_a_job_that_kills_its_process_is_given_up(queue: EmbeddedQueue, clock: ManualClock) -> None:
    desk = Desk()
    await queue.enqueue("say", {"n": 1})
    for _ in range(5):
        assert await claimed(queue, "w") == [1]
        await queue.release("w")
    await worker(queue, clock, desk).drain()
    assert desk.runs == 0
    assert desk.given_up == [1]


async def test_a_job_that_waits_does_not_hold_up_the_stop_and_is_done_by_the_next_worker(
    queue: EmbeddedQueue, clock: ManualClock
) -> None:
    started = asyncio.Event()
    done: list[int] = []

    async def wait_for_tomorrow(job: Job) -> None:
        started.set()
        await clock.sleep_until(clock.now() + timedelta(days=1))

    async def do(job: Job) -> None:
        done.append(job.id)

    await queue.enqueue("greet", {})
    chance = random.Random(1)
    first = Worker("w", queue, {"greet": Handler(wait_for_tomorrow)}, clock, chance, let_end=timedelta(0))
    running = asyncio.create_task(first.run())
    await started.wait()
    running.cancel()
    async with asyncio.timeout(60):
        await asyncio.gather(running, return_exceptions=True)

    await Worker("another", queue, {"greet": Handler(do)}, clock, chance).drain()
    assert len(done) == 1
