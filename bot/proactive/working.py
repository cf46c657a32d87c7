"""The jobs: a round every few minutes, one job a range of customers, and the sending.

Ranges are worked through in a process of their own: predicting takes memory and time that answers should not
wait for, and both are given back when it ends.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from bot.proactive.book import RuleBook
from bot.proactive.effect import Evaluation
from bot.proactive.looking import parts
from bot.proactive.send import Sender
from bot.proactive.signals.base import Range
from bot.proactive.touches import forget
from core import logs
from core.clock import Clock
from core.db import Database
from core.jobs import Handler, Job, JobQueue, RetryAfter, RetryPolicy
from core.jobs.port import BROADCAST, PROACTIVE
from core.settings import ROOT

log = logs.get("proactive")

ROUND, SCORE, SEND = "proactive:round", "proactive:score", "proactive:send"
MEASURE, SIMULATE = "proactive:measure", "proactive:simulate"
EVERY = timedelta(minutes=10)
MEASURED_EVERY = timedelta(hours=6)
LONGEST_REST = timedelta(minutes=1)  # of the sender, while something is still to go out
CUSTOMERS = 500_000  # of one job: a process takes seconds to begin, and works in parts
RETRY = RetryPolicy(attempts=1000, first=timedelta(seconds=5), longest=timedelta(minutes=10))

Run = Callable[[Sequence[str]], Awaitable[None]]  # arguments of `python -m bot.proactive`


class Rounds:
    """Handlers of the proactive jobs."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        queue: JobQueue,
        book: RuleBook,
        sender: Sender,
        evaluation: Evaluation,
        run: Run | None = None,
        customers: int = CUSTOMERS,
    ) -> None:
        """`run`: what does the heavy work; a process of its own, if not given."""
        self._db = db
        self._clock = clock
        self._queue = queue
        self._book = book
        self._sender = sender
        self._evaluation = evaluation
        self._run = run or in_a_process
        self._customers = customers

    def handlers(self) -> dict[str, Handler]:
        return {
            ROUND: Handler(self.round, RETRY),
            SCORE: Handler(self.score, RETRY),
            SEND: Handler(self.send, RETRY),
            MEASURE: Handler(self.measure, RETRY),
            SIMULATE: Handler(self.simulate, RetryPolicy(attempts=3)),
        }

    async def start(self) -> None:
        """See to it that the rounds go on; once for all processes of the installation."""
        now = self._clock.now()
        await self._queue.enqueue(ROUND, {}, dedupe_key=ROUND, priority=BROADCAST, due_at=now + EVERY)
        await self._queue.enqueue(MEASURE, {}, dedupe_key=MEASURE, priority=BROADCAST, due_at=now + EVERY)

    async def round(self, _job: Job) -> None:
        """Give out a job for every range of customers; then again in a while."""
        await self._sender.look_again()
        async with self._db.read() as session:
            rules = await self._book.live(session)
        if not rules:
            await forget(self._db)
        else:
            for part in await ranges(self._db, self._customers):
                payload = {"after": part.after, "until": part.until}
                await self._queue.enqueue(
                    SCORE, payload, dedupe_key=f"{SCORE}:{part.after}", priority=BROADCAST
                )
        await self._queue.enqueue(SEND, {}, dedupe_key=SEND, priority=PROACTIVE)
        raise RetryAfter(EVERY)

    async def score(self, job: Job) -> None:
        """Predict and decide for one range."""
        await self._run((str(job.payload["after"]), str(job.payload["until"])))
        await self._queue.enqueue(SEND, {}, dedupe_key=SEND, priority=PROACTIVE)

    async def send(self, _job: Job) -> None:
        """Send what is due; come back while there is more to come."""
        await self._sender.send_due()
        due = await self._sender.next_due()
        if due is not None:
            raise RetryAfter(min(max(due - self._clock.now(), timedelta(seconds=1)), LONGEST_REST))

    async def simulate(self, job: Job) -> None:
        """Try a rule on the past."""
        asked = job.payload
        await self._run(("trial", asked["rule"], str(asked["days"]), asked["by"]))

    async def measure(self, _job: Job) -> None:
        """See what came of what was said, and pause what annoys."""
        await self._evaluation.measure()
        await self._evaluation.pause_what_annoys()
        raise RetryAfter(MEASURED_EVERY)


async def ranges(db: Database, size: int = CUSTOMERS) -> list[Range]:
    """All customers, in ranges of about so many."""
    return await parts(db, Range(), size)


async def in_a_process(arguments: Sequence[str]) -> None:
    """Do the heavy work in a process of its own.

    Raises:
        RuntimeError: it failed; what it had stored stays.
    """
    command = (sys.executable, "-m", "bot.proactive", *arguments)
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    try:
        code = await child.wait()
    except asyncio.CancelledError:
        child.terminate()
        await child.wait()
        raise
    if code:
        raise RuntimeError(f"the process that predicts ended with {code}")
