"""How two workers share a round: jobs of the real queue, a process for each worker.

Three rounds over the same company: one worker; two that share the ranges; two that both work through all of
them, as when a lease is lost. What is decided must be the same, and every decision must be there once.

`python -m bench.proactive_workers URL NAME` is one of the workers: it ends when there is nothing left to do.
"""

import asyncio
import hashlib
import json
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select

from bot.proactive.deciding import Counted, world_of
from bot.proactive.looking import PART, look, shape_of
from bot.proactive.rules import parse_rule, read_limits, rule_files
from bot.proactive.signals.base import Range
from bot.proactive.tables import Background, DecisionRow, Mark, SignalRow
from bot.proactive.working import RETRY, SCORE, ranges
from core import logs
from core.clock import SystemClock
from core.db import Database
from core.jobs import EmbeddedQueue, Handler, Job, Worker
from core.jobs.port import BROADCAST
from core.settings import ROOT

LEASE = timedelta(minutes=10)


class Differs(AssertionError):
    """Something was decided twice, not at all, or otherwise than by one worker."""


async def shared(db: Database, url: str, now: datetime) -> dict[str, Any]:
    """Work through the same round in three ways.

    Raises:
        Differs
    """
    alone = await _round(db, url, now, workers=1)
    told: dict[str, Any] = {"decisions": alone.rows, "alone_s": alone.seconds}
    for name, times in (("shared", 1), ("both_everything", 2)):
        found = await _round(db, url, now, workers=2, times=times)
        if found.digest != alone.digest or (times == 1 and sum(found.made) != found.rows):
            raise Differs(f"{name}: {found.rows} decisions instead of {alone.rows}; made: {found.made}")
        told |= {f"{name}_s": found.seconds, f"{name}_made": found.made}
    return told


@dataclass(frozen=True)
class _Round:
    seconds: float  # of the clock, the start of the processes included
    made: list[int]  # decisions that each worker came to
    rows: int  # decisions there are
    digest: str  # of all of them


async def _round(db: Database, url: str, now: datetime, *, workers: int, times: int = 1) -> _Round:
    """Forget everything, give out the jobs `times` times, and let the workers do them."""
    async with db.write() as session:
        for table in (DecisionRow, SignalRow, Mark, Background):
            await session.execute(delete(table))
    queue = EmbeddedQueue(db, SystemClock(), LEASE)
    for part in await ranges(db, PART):
        for time_ in range(times):
            payload = {"after": part.after, "until": part.until, "now": now.isoformat()}
            key = f"{SCORE}:{part.after}:{time_}"
            await queue.enqueue(SCORE, payload, dedupe_key=key, priority=BROADCAST)
    began = time.monotonic()
    made = await asyncio.gather(*(_process(url, f"worker-{number}") for number in range(workers)))
    seconds = time.monotonic() - began
    rows, digest = 0, hashlib.sha256()
    query = select(
        DecisionRow.rule, DecisionRow.subject, DecisionRow.verdict, DecisionRow.why, DecisionRow.until,
        DecisionRow.looks, SignalRow.expected_at,
    ).join(SignalRow, SignalRow.id == DecisionRow.signal_id)  # fmt: skip
    async with db.read() as session:
        for line in sorted(map(str, await session.execute(query))):
            rows += 1
            digest.update(line.encode())
    return _Round(round(seconds, 1), list(made), rows, digest.hexdigest())


async def _process(url: str, name: str) -> int:
    """One worker, from its start to its end; how many decisions it came to."""
    command = (sys.executable, "-m", "bench.proactive_workers", url, name)
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    said, _ = await child.communicate()
    if child.returncode:
        raise RuntimeError(f"{name} ended with {child.returncode}")
    return int(json.loads(said))


async def work(url: str, name: str) -> int:
    """Take jobs until there are none; how many decisions were made."""
    logs.set_up(level="warning", process=name)
    db, clock = Database(url), SystemClock()
    rules = [parse_rule(path.read_text(encoding="utf-8")) for path in rule_files()]
    models, whole = Path(tempfile.gettempdir()) / "no-models", Counted()

    async def score(job: Job) -> None:
        now = datetime.fromisoformat(job.payload["now"])
        world = await world_of(db, rules, read_limits(), lambda *_: True, {"webchat"}, models, now)
        part = Range(job.payload["after"], job.payload["until"])
        whole.merge(await look(db, world, part, shape_of(rules, None, models, now), now))

    chance = random.Random(name)
    try:
        queue = EmbeddedQueue(db, clock, LEASE)
        await Worker(name, queue, {SCORE: Handler(score, RETRY)}, clock, chance, concurrency=1).drain()
    finally:
        await db.close()
    return sum(whole.decided.values())


if __name__ == "__main__":
    print(json.dumps(asyncio.run(work(*sys.argv[1:]))))
