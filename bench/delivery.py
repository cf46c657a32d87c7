"""Messages in and out: acknowledgement of webhooks, rates of delivery, latency, idling, linear growth.

`make bench-delivery`. Everything runs on this machine: what else runs there shows in the figures, so the load
is printed beside them, and each figure is the median of several runs with its spread.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from rich.console import Console
from sqlalchemy.engine import make_url

from bench.foundation import Figure, show
from bench.lines import PROVIDER, add_later, add_lines, fill, in_memory, over_http, unsent
from bench.listening import rasa, webhooks
from bench.places import fake_vk, postgres_server, sqlite
from bot.channels.port import Channel
from bot.gateway.app import Gateway
from bot.gateway.outbox import Line
from core.clock import SystemClock
from core.db import Database
from core.migrations import upgrade_async
from core.process import make_loop
from core.settings import ROOT, Settings
from crm_bridge.models import Author, Conversation
from tests.faults.processes import PYTHON

console = Console()
LINES = 3000
RUNS = 3
LATER = (1_000, 1_000_000)


@contextlib.asynccontextmanager
async def delivering(url: str, channel: Channel, name: str = "bench") -> AsyncIterator[Gateway]:
    """One delivery worker in this process."""
    db = Database(url)
    async with aiohttp.ClientSession() as http:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(_env_file=None, var=Path(folder), process_name=name, database_url=url)
            gateway = Gateway(settings, db, SystemClock(), http)
            gateway.channels.add(channel)
            worker = gateway.delivery_worker(channel, random.Random())
            running = [asyncio.create_task(worker.run()), asyncio.create_task(gateway.bell.run())]
            yield gateway
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
    await channel.close()
    await db.close()


@dataclass
class Processor:
    """What lines cost, process by process: the figure that other work on the machine blurs least."""

    parts: dict[str, float] = field(default_factory=dict)  # seconds
    lines: int = 0

    @contextlib.contextmanager
    def counting(self, lines: int, processes: dict[str, list[psutil.Process]]) -> Iterator[None]:
        before = {part: _seconds(those) for part, those in processes.items()}
        yield
        for part, those in processes.items():
            self.parts[part] = self.parts.get(part, 0.0) + _seconds(those) - before[part]
        self.lines += lines

    def in_words(self) -> str:
        """The cost, and the rate that two cores with nothing else to do would reach."""
        each = {part: 1000 * spent / self.lines for part, spent in self.parts.items()}
        told = " + ".join(f"{ms:.2f} {part}" for part, ms in each.items())
        one_process = 1000 / max(each.values()) if "worker" in each else 2000 / sum(each.values())
        alone = min(one_process, 2000 / sum(each.values()))
        return f"ms of processor time a line: {told}; {alone:.0f}/s on two cores of its own"


def _seconds(processes: list[psutil.Process]) -> float:
    """Of these processes and their children; of this process without."""
    total = 0.0
    for process in processes:
        children = process.children(recursive=True) if process.pid != os.getpid() else []
        for each in (process, *children):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = each.cpu_times()
                total += times.user + times.system
    return total


async def rate(
    url: str,
    channel: Channel,
    lines: int = LINES,
    spent: Processor | None = None,
    besides: dict[str, list[psutil.Process]] | None = None,
) -> float:
    """Lines a second of one worker, from the first claim to the last note."""
    db = Database(url)
    await add_lines(db, lines)
    began = time.perf_counter()
    async with delivering(url, channel):
        with (spent or Processor()).counting(lines, {"worker": [psutil.Process()]} | (besides or {})):
            while await unsent(db):  # noqa: ASYNC110 - it is known to the database alone
                await asyncio.sleep(0.1)
        took = time.perf_counter() - began
    await db.close()
    return lines / took


@contextlib.asynccontextmanager
async def processes_at_work(url: str, provider: str, workers: int) -> AsyncIterator[list[psutil.Process]]:
    """Worker processes that share one PostgreSQL, and have warmed up."""
    command = [PYTHON, "-m", "bench.delivery", "--worker", url, "--provider", provider, "--name"]
    children = [
        await asyncio.create_subprocess_exec(*command, f"w{n}", cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        for n in range(workers)
    ]
    for child in children:
        assert child.stdout is not None
        await child.stdout.readline()  # it works
    processes = [psutil.Process(child.pid) for child in children]
    await rate_of_processes(url, Processor(), {"workers": processes})
    yield processes
    for child in children:
        child.terminate()
        await child.wait()


async def rate_of_processes(url: str, spent: Processor, processes: dict[str, list[psutil.Process]]) -> float:
    """Lines a second, from the first claim to the last note, of workers that run already."""
    db, lines = Database(url), LINES * 2
    await add_lines(db, lines)
    began = time.perf_counter()
    with spent.counting(lines, processes):
        while await unsent(db):  # noqa: ASYNC110 - it is known to the database alone
            await asyncio.sleep(0.05)
    took = time.perf_counter() - began
    await db.close()
    return lines / took


async def be_worker(url: str, provider: str, name: str) -> None:
    channel = over_http(provider) if provider else in_memory()
    async with delivering(url, channel, name):
        print("working", flush=True)
        await asyncio.Event().wait()


# ---- the measurements ----


async def several(measure: Callable[[], Awaitable[float]], runs: int = RUNS) -> list[float]:
    return [await measure() for _ in range(runs)]


def figure(name: str, values: list[float], unit: str, goal: str, met: Callable[[float], bool]) -> Figure:
    middle = statistics.median(values)
    spread = f"{min(values):.1f} to {max(values):.1f} in {len(values)} runs"
    return Figure(name, middle, unit, goal, met(middle), spread)


async def embedded() -> list[Figure]:
    async with sqlite() as url, fake_vk() as vk:
        db = Database(url)
        await fill(db, 0)
        alone, asking = Processor(), Processor()
        queue = await several(lambda: rate(url, in_memory(), spent=alone))
        whole = await several(
            lambda: rate(url, over_http(vk.url), spent=asking, besides={"the fake": [vk.process]})
        )
        await db.close()
    goal: Callable[[float], bool] = lambda value: value >= 700  # noqa: E731
    first = figure("delivery, SQLite, one worker, provider in memory", queue, "/s", "≥ 700", goal)
    second = figure("delivery, SQLite, one worker, fake over HTTP", whole, "/s", "≥ 700", goal)
    return [
        replace(first, spread=f"{first.spread}; {alone.in_words()}"),
        replace(second, spread=f"{second.spread}; {asking.in_words()}"),
    ]


async def cluster() -> list[Figure]:
    with postgres_server() as url:
        await upgrade_async(url)
        db = Database(url)
        await fill(db, 0)
        server = {"PostgreSQL": [_postmaster(url)]}
        alone, asking = Processor(), Processor()
        async with processes_at_work(url, "", 4) as workers:
            queue = await several(lambda: rate_of_processes(url, alone, {"workers": workers} | server))
        async with fake_vk() as vk, processes_at_work(url, vk.url, 4) as workers:
            counted = {"workers": workers} | server | {"the fake": [vk.process]}
            whole = await several(lambda: rate_of_processes(url, asking, counted))
        await db.close()
    goal: Callable[[float], bool] = lambda value: value >= 1500  # noqa: E731
    first = figure("delivery, PostgreSQL, 4 workers, provider in memory", queue, "/s", "≥ 1500", goal)
    second = figure("delivery, PostgreSQL, 4 workers, fake over HTTP", whole, "/s", "≥ 1500", goal)
    return [
        replace(first, spread=f"{first.spread}; {alone.in_words()}"),
        replace(second, spread=f"{second.spread}; {asking.in_words()}"),
    ]


def _postmaster(url: str) -> psutil.Process:
    folder = str(make_url(url).query.get("host", ""))
    lines = (Path(folder) / "postmaster.pid").read_text().splitlines()
    return psutil.Process(int(lines[0]))


async def growth(url: str, what: str) -> list[Figure]:
    """The rate with few and with very many rows waiting for later dates, taken in turn."""
    db = Database(url)
    await fill(db, 0)
    await add_later(db, LATER[0])
    few = await several(lambda: rate(url, in_memory()))
    await add_later(db, LATER[1] - LATER[0])
    many = await several(lambda: rate(url, in_memory()))
    await db.close()
    lost = 1 - statistics.median(many) / statistics.median(few)
    spread = (
        f"{statistics.median(few):.0f}/s with {LATER[0]:,}, {statistics.median(many):.0f}/s with {LATER[1]:,}"
    )
    return [Figure(f"slower by a million later rows, {what}", 100 * lost, "%", "< 20", lost < 0.2, spread)]


async def latency() -> list[Figure]:
    """From the commit, or from the moment a line is due, to the request."""
    async with sqlite() as url:
        db = Database(url)
        await fill(db, 0)
        slow = in_memory()
        took: list[float] = []
        async with delivering(url, slow) as gateway:
            for n in range(200):
                async with db.write() as session:
                    held = await session.get_one(Conversation, f"c{n}")
                    identity_id, epoch = held.identity_id, held.epoch
                    await gateway.outbox.say(
                        session, f"c{n}", [Line("Готово.")], author=Author.AGENT, epoch=epoch, to=identity_id
                    )
                committed, before = time.perf_counter(), len(slow.sent_at)
                while len(slow.sent_at) == before:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
                took.append(1000 * (slow.sent_at[-1] - PROVIDER.total_seconds() - committed))
                await asyncio.sleep(random.uniform(0.01, 0.05))
        await db.close()
    ordered = sorted(took)
    median, p95 = statistics.median(ordered), ordered[int(len(ordered) * 0.95)]
    return [Figure("due → request, SQLite, median", median, "ms", "≤ 30", median <= 30, f"p95 {p95:.1f}")]


PARTS: dict[str, Callable[[], Awaitable[list[Figure]]]] = {
    "webhooks": webhooks,
    "rasa": rasa,
    "latency": latency,
    "embedded": embedded,
    "cluster": cluster,
}


async def _growth_on_both() -> list[Figure]:
    async with sqlite() as url:
        figures = await growth(url, "SQLite")
    with postgres_server() as url:
        await upgrade_async(url)
        return figures + await growth(url, "PostgreSQL")


PARTS["growth"] = _growth_on_both


@dataclass(frozen=True)
class Machine:
    """What else there was to do."""

    cores: int
    load: tuple[float, float, float]


async def measure(parts: list[str]) -> list[Figure]:
    figures: list[Figure] = []
    for part in parts:
        console.print(f"{part}: load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        figures += await PARTS[part]()
    return figures


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("parts", nargs="*", default=list(PARTS), metavar="part", help=", ".join(PARTS))
    options.add_argument("--worker", help=argparse.SUPPRESS)
    options.add_argument("--provider", default="", help=argparse.SUPPRESS)
    options.add_argument("--name", default="", help=argparse.SUPPRESS)
    asked: Any = options.parse_args()
    if asked.worker:
        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(be_worker(asked.worker, asked.provider, asked.name))
        return
    machine = Machine(os.cpu_count() or 1, os.getloadavg())
    with asyncio.Runner(loop_factory=make_loop) as runner:
        figures = runner.run(measure(asked.parts))
    show(figures)
    results = ROOT / "bench/results"
    results.mkdir(exist_ok=True)
    kept = {"machine": asdict(machine), "figures": [asdict(each) for each in figures]}
    (results / "delivery.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False))
    sys.exit(any(each.met is False for each in figures))


if __name__ == "__main__":
    main()
