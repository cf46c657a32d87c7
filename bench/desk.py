"""The desk under load: pages that are open, messages that arrive, and how soon an agent sees them.

`python -m bench.desk`. One gateway process on SQLite in a temporary folder, 200 agents with a page open each
(forty of them look at a list of everything), 100 messages a second from customers whose dialogues people
have. Measured from the moment at which the customer's browser sends to the moment at which a page has the
row. Then: how long the lists, the search and one dialogue take beside very many closed ones
(`--closed 5000000 --open 50000` for the full size; the ordinary run has fewer).
"""

import argparse
import asyncio
import hashlib
import json
import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import psutil
from aiohttp.test_utils import unused_port
from rich.console import Console
from sqlalchemy import insert

from bench.desk_fill import fill
from bench.desk_load import Opened, Seen, Written, pages, write
from bench.foundation import Figure, show
from bot.channels.webchat import sender_of
from bot.desk.board import board
from bot.desk.dialogues import opened
from bot.desk.lists import Filter, View, counted, listed, position
from bot.desk.search import search
from bot.gateway.handoffs import Handoff, Place
from bot.web.staff.tables import StaffAccount, StaffSession
from core.db import Database
from core.migrations import upgrade_async
from core.settings import ROOT
from crm_bridge.models import Conversation, Identity, Owner
from tests.faults.processes import PYTHON, Mortal

console = Console()
AGENTS, RATE, SECONDS, WARM_UP = 200, 100, 30, 5
LOOKING_AROUND = 40  # pages with the list of everything; the others show what is their own
LOOKS = 100  # of each list
GOAL = 0.3  # seconds
COMMAND = [PYTHON, "-m", "bot.web"]


async def measure(closed: int, still_open: int, rate: int) -> list[Figure]:
    """Both parts on one database."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'zabota.db'}"
        await upgrade_async(url)
        db = Database(url)
        tokens = await _staff(db)
        await asyncio.to_thread(fill, Path(folder) / "zabota.db", closed, still_open, AGENTS)
        lists = await _lists(db, closed + still_open)
        visitors = await _visitors(db)
        async with _gateway(Path(folder)) as (base, process):
            live = await _live(base, process, tokens, visitors, rate)
        await db.close()
    return live + lists


@asynccontextmanager
async def _gateway(folder: Path) -> AsyncIterator[tuple[str, Mortal]]:
    port = unused_port()
    env = {
        "ZABOTA_VAR": str(folder),
        "ZABOTA_PORT": str(port),
        "ZABOTA_DEMO": "false",
        "ZABOTA_MESSAGES_PER_MINUTE": "100000",
        "ZABOTA_LOG_LEVEL": "warning",
    }
    base = f"http://127.0.0.1:{port}"
    process = Mortal("desk", COMMAND, env, f"{base}/staff/login", folder / "desk.log")
    await process.start()
    try:
        async with aiohttp.ClientSession() as http:
            await process.answers(http)
        yield base, process
    finally:
        await process.stop()


# --- live pages ---------------------------------------------------------------------------------------------


async def _live(
    base: str, process: Mortal, tokens: list[str], visitors: list[str], rate: int
) -> list[Figure]:
    views = ["all"] * LOOKING_AROUND + ["mine"] * (AGENTS - LOOKING_AROUND)
    shown = [Opened(token, view) for token, view in zip(tokens, views, strict=True)]
    own = _process(process)
    async with pages(base, shown) as pipe:
        await asyncio.sleep(3)  # what opening them cost is over
        quiet = await _busy(own, lambda: asyncio.sleep(5))
        await write(base, visitors, rate, WARM_UP)
        written = None

        async def work() -> None:
            nonlocal written
            written = await write(base, visitors, rate, SECONDS)
            await asyncio.sleep(2)  # the last ones arrive

        busy = await _busy(own, work)
        memory = own.memory_info().rss / 2**20
        pipe.send("enough")
        seen: Seen = await asyncio.to_thread(pipe.recv)
    assert written is not None
    return _of_live(seen, written, rate, busy, quiet, memory)


async def _busy(process: psutil.Process, work: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Seconds of CPU that a process used during some work, and how long that took."""
    before, began = process.cpu_times(), time.perf_counter()
    await work()
    after = process.cpu_times()
    return after.user + after.system - before.user - before.system, time.perf_counter() - began


def _of_live(
    seen: Seen,
    written: Written,
    rate: int,
    busy: tuple[float, float],
    quiet: tuple[float, float],
    memory: float,
) -> list[Figure]:
    took = sorted(at - written.sent[mark] for page in seen.shown for mark, at in page if mark in written.sent)
    own = {mark for page in seen.shown[LOOKING_AROUND:] for mark, _ in page}
    of_others = {mark for mark, _ in seen.shown[0]}
    unseen = len(written.sent.keys() - own - of_others)
    p50, p99, worst = (_share(took, share) * 1000 for share in (0.5, 0.99, 1))
    spread = f"p50 {p50:.0f} ms, worst {worst:.0f} ms, {len(took)} rows"
    arrived = len(written.sent) / written.seconds
    each = 1000 * (busy[0] - quiet[0] * busy[1] / quiet[1]) / len(written.sent)
    enough = rate * 0.95
    late = max(written.lag, seen.lag) * 1000
    return [
        Figure("a message on the agents' pages, p99", p99, "ms", "≤ 300", p99 <= GOAL * 1000, spread),
        Figure("messages a second that arrived", arrived, "1/s", f"≥ {enough:.0f}", arrived >= enough),
        Figure("messages that were refused or no page showed", unseen + written.refused, "", "0",
               not unseen and not written.refused),
        Figure(f"memory with {AGENTS} pages open", memory, "MB", "stated", None),
        Figure("CPU a message, pages included", each, "ms", "stated", None),
        Figure("CPU while nobody writes", 100 * quiet[0] / quiet[1], "% of a core", "stated", None),
        Figure("CPU under load", 100 * busy[0] / (busy[1] - 2), "% of a core", "stated", None),
        Figure("longest that the measuring processes were late", late, "ms", "stated", None),
    ]  # fmt: skip


async def _visitors(db: Database) -> list[str]:
    """The secrets of customers with a chat each, which an agent has."""
    now, visitors = datetime.now(UTC), [secrets.token_urlsafe(32) for _ in range(AGENTS)]
    async with db.write() as session:
        for number, visitor in enumerate(visitors):
            identity = Identity(
                channel="webchat", account="main", external_id=sender_of(visitor), created_at=now
            )
            session.add(identity)
            await session.flush()
            chat = f"live{number}"
            session.add(
                Conversation(
                    id=chat, identity_id=identity.id, channel="webchat", account="main", language="ru",
                    owner=Owner.AGENT, agent_id=number + 1, epoch=1, created_at=now, updated_at=now,
                )
            )  # fmt: skip
            await session.flush()
            await session.execute(insert(Handoff).values(_handoff(chat, number + 1, now)))
    return visitors


def _handoff(chat: str, agent_id: int | None, at: datetime) -> dict[str, object]:
    row: dict[str, object] = {"conversation_id": chat, "place": Place.CUSTOMER, "agent_id": agent_id}
    row |= {"vip": False, "urgent": False, "missed": False, "queued_at": at, "first_answer_at": at}
    return row | {"resolve_by": at + timedelta(days=1), "rank_at": at, "updated_at": at}


async def _staff(db: Database) -> list[str]:
    """Agents who are logged in: the tokens of their browsers."""
    now = datetime.now(UTC)
    tokens = [secrets.token_urlsafe(32) for _ in range(AGENTS)]
    account = {"roles": ["agent"], "language": "ru", "password_hash": "!", "created_at": now}
    async with db.write() as session:
        await session.execute(
            insert(StaffAccount),
            [account | {"id": n + 1, "login": f"agent{n}", "name": f"Агент {n}"} for n in range(AGENTS)],
        )
        await session.execute(
            insert(StaffSession),
            [
                {
                    "account_id": n + 1, "token_hash": hashlib.sha256(token.encode()).hexdigest(),
                    "needs_second_factor": False, "browser": "bench", "created_at": now, "seen_at": now,
                    "expires_at": now + timedelta(days=1),
                }
                for n, token in enumerate(tokens)
            ],
        )  # fmt: skip
    return tokens


def _process(process: Mortal) -> psutil.Process:
    assert process._child
    return psutil.Process(process._child.pid)


# --- many closed dialogues ----------------------------------------------------------------------------------


async def _lists(db: Database, dialogues: int) -> list[Figure]:
    """Lists, searches and dialogues beside everything that is there."""
    now, figures = datetime.now(UTC), []

    async def timed(name: str, look: Callable[[int], Awaitable[object]]) -> None:
        times = []
        for number in range(LOOKS):
            begun = time.perf_counter()
            await look(number)
            times.append(time.perf_counter() - begun)
        figures.append(_time(name, times))

    for view in View:

        async def first(number: int, view: View = view) -> None:
            async with db.read() as session:
                await listed(session, view, 1 + number % AGENTS, now)

        await timed(f"list «{view.value}» of {dialogues:,} dialogues", first)
    for name, view, chosen in (
        ("waiting, VIP only", View.QUEUE, Filter(only="vip")),
        ("waiting, English only", View.QUEUE, Filter(language="en")),
        ("all, of a team", View.ALL, Filter(team="money")),
        ("all, a channel nobody uses", View.ALL, Filter(channel="viber")),
    ):

        async def narrowed(number: int, view: View = view, chosen: Filter = chosen) -> None:
            async with db.read() as session:
                await listed(session, view, 1 + number % AGENTS, now, chosen)

        await timed(name, narrowed)

    async def tenth_page(_: int) -> None:
        async with db.read() as session:
            rows = await listed(session, View.QUEUE, 1, now)
            await listed(session, View.QUEUE, 1, now, None, position(rows[-1], View.QUEUE))

    await timed("two pages of those who wait", tenth_page)

    async def counts(_: int) -> None:
        async with db.read() as session:
            await counted(session, range(1, AGENTS + 1))

    await timed(f"counting the lists of {AGENTS} people", counts)

    async def overview(_: int) -> None:
        async with db.read() as session:
            await board(session, now, "Europe/Moscow")

    await timed("the supervisors' board", overview)

    async def dialogue(number: int) -> None:
        async with db.read() as session:
            assert await opened(session, f"chat{number * (dialogues // LOOKS):08}")

    await timed("opening a dialogue", dialogue)
    for name, questions in (
        ("search for a common word", ["посылка"]),
        ("search for three words", ["сломался чайник вчера", "деньги карта срочно"]),
        ("search for one message of all", ["77", "1234567", "31337"]),
        ("search for a customer", ["Мария Петрова7", "Петрова777"]),
        ("search for what nobody said", ["ъъъ", "карта ъъъ"]),
    ):

        async def asked(number: int, questions: list[str] = questions) -> None:
            async with db.read() as session:
                await search(session, questions[number % len(questions)])

        await timed(name, asked)
    return figures


def _time(name: str, times: list[float]) -> Figure:
    times.sort()
    p50, p99 = _share(times, 0.5) * 1000, _share(times, 0.99) * 1000
    spread = f"p50 {p50:.1f} ms, worst {times[-1] * 1000:.0f} ms"
    return Figure(name, p99, "ms p99", "≤ 300", p99 <= GOAL * 1000, spread)


def _share(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--closed", type=int, default=100_000, help="dialogues that are over")
    parser.add_argument("--open", type=int, default=5_000, help="dialogues that are not")
    parser.add_argument("--rate", type=int, default=RATE, help="messages a second")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.closed, options.open, options.rate))
    load = os.getloadavg()[0]
    console.print(f"{os.cpu_count()} cores, load of the machine {load:.1f}")
    show(figures)
    results = ROOT / "bench/results/desk.json"
    results.parent.mkdir(exist_ok=True)
    results.write_text(
        json.dumps({"load": load, "figures": [asdict(one) for one in figures]}, ensure_ascii=False, indent=1)
        + "\n"
    )


if __name__ == "__main__":
    main()
