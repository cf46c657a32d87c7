"""The desk under load: pages that are open, messages that arrive, and how soon an agent sees them.

`python -m bench.desk`. One gateway process on SQLite in a temporary folder, 200 agents with a page open each,
100 messages a second from customers whose dialogues people have. Measured from the moment at which the
customer's browser sends to the moment at which the agent's page has the row. Then: how long the lists and the
search take over many closed dialogues (`--messages 5000000` for the full size; the ordinary run has fewer).
"""

import argparse
import asyncio
import hashlib
import itertools
import json
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import psutil
from aiohttp.test_utils import unused_port
from rich.console import Console
from rich.progress import track
from sqlalchemy import insert, text

from bench.foundation import Figure, show
from bot.channels.webchat import sender_of
from bot.desk.lists import Filter, View, listed
from bot.desk.search import search
from bot.gateway.handoffs import Handoff, Place
from bot.web.staff.guard import COOKIE
from bot.web.staff.tables import StaffAccount, StaffSession
from core.db import Database
from core.migrations import upgrade_async
from core.settings import ROOT
from crm_bridge.models import Author, Conversation, Customer, Identity, Message, MessageState, Owner
from tests.faults.processes import PYTHON, Mortal

console = Console()
AGENTS, RATE, SECONDS, WARM_UP = 200, 100, 30, 5
CHUNK = 5000
LOOKS = 30
WORDS = [
    "заказ",
    "посылка",
    "курьер",
    "доставка",
    "возврат",
    "деньги",
    "чайник",
    "лампа",
    "адрес",
    "оплата",
    "карта",
    "скидка",
    "коробка",
    "кресло",
    "вчера",
    "завтра",
    "сегодня",
    "срочно",
    "помогите",
    "спасибо",
    "подскажите",
    "сломался",
    "пришёл",
    "потерялся",
    "номер",
    "магазин",
]


async def measure(messages: int, rate: int) -> list[Figure]:
    """Both parts on one database."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'zabota.db'}"
        await upgrade_async(url)
        db = Database(url)
        await _fill(db, messages)
        tokens = await _staff(db)
        lists = await _lists(db, messages)
        async with _gateway(Path(folder)) as (base, process):
            live = await _live(base, process, db, tokens, rate)
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
    process = Mortal("desk", [PYTHON, "-m", "bot.web"], env, f"{base}/staff/login", folder / "desk.log")
    await process.start()
    try:
        async with aiohttp.ClientSession() as http:
            await process.answers(http)
        yield base, process
    finally:
        await process.stop()


# --- live pages ---------------------------------------------------------------------------------------------


async def _live(base: str, process: Mortal, db: Database, tokens: list[str], goal: int) -> list[Figure]:
    sent: dict[str, float] = {}
    took: list[float] = []
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        visitors = await _visitors(db)
        pages = [asyncio.create_task(_page(http, base, token, sent, took)) for token in tokens]
        await asyncio.sleep(2)  # all pages are open
        own = _process(process)
        own.cpu_percent()
        await _write(http, base, visitors, WARM_UP, goal, {})
        began = time.perf_counter()
        lost = await _write(http, base, visitors, SECONDS, goal, sent)
        finished = time.perf_counter()
        await asyncio.sleep(3)  # the last ones arrive
        busy, memory = own.cpu_percent(), own.memory_info().rss / 2**20
        for page in pages:
            page.cancel()
        await asyncio.gather(*pages, return_exceptions=True)
    written = len(sent) + len(took)
    rate = written / (finished - began)
    took.sort()
    p50, p99 = _share(took, 0.5), _share(took, 0.99)
    spread = f"p50 {p50 * 1000:.0f} ms, worst {took[-1] * 1000:.0f} ms"
    return [
        Figure("a message on the agent's page, p99", p99 * 1000, "ms", "≤ 300", p99 <= 0.3, spread),
        Figure("messages a second that arrived", rate, "1/s", f"≥ {goal * 0.95:.0f}", rate >= goal * 0.95),
        Figure("messages that no page showed", len(sent) + lost, "", "0", not sent and not lost),
        Figure(f"memory with {AGENTS} pages open", memory, "MB", "stated", None),
        Figure("one core, busy", busy, "%", "stated", None),
    ]


async def _page(
    http: aiohttp.ClientSession, base: str, token: str, sent: dict[str, float], took: list[float]
) -> None:
    """An agent's page: notes when it gets a row that shows a message."""
    headers = {"Cookie": f"{COOKIE}={token}"}
    timeout = aiohttp.ClientTimeout(total=None)
    async with http.get(f"{base}/desk/events?view=mine", headers=headers, timeout=timeout) as events:
        assert events.status == 200, events.status
        name = b""
        while line := await events.content.readline():
            if line.startswith(b"event: "):
                name = line[7:].strip()
            elif name == b"rows" and line.startswith(b"data: "):
                arrived = time.perf_counter()
                for row in json.loads(line[6:]):
                    marker = row.get("html", "").partition("№")[2].partition(".")[0]
                    if (began := sent.pop(marker, None)) is not None:
                        took.append(arrived - began)


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


async def _write(
    http: aiohttp.ClientSession,
    base: str,
    visitors: list[str],
    seconds: float,
    rate: int,
    sent: dict[str, float],
) -> int:
    """Customers write in turn, at the rate. How many were refused."""
    waiting, began, refused = [], time.perf_counter(), 0
    turn = itertools.cycle(visitors)
    for number in range(int(seconds * rate)):
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        marker = secrets.token_hex(4)
        waiting.append(asyncio.create_task(_say(http, base, next(turn), marker, sent)))
    for status in await asyncio.gather(*waiting):
        refused += status != 200
    return refused


async def _say(
    http: aiohttp.ClientSession, base: str, visitor: str, marker: str, sent: dict[str, float]
) -> int:
    frame = {"type": "text", "client_id": marker, "text": f"где посылка №{marker}. жду"}
    sent[marker] = time.perf_counter()
    headers = {"Authorization": f"Bearer {visitor}"}
    async with http.post(f"{base}/chat/v1/send", json=frame, headers=headers) as answer:
        return answer.status


# --- many closed dialogues ----------------------------------------------------------------------------------


async def _lists(db: Database, messages: int) -> list[Figure]:
    """Lists and searches over everything that is there."""
    figures = []
    now = datetime.now(UTC)
    for name, view, chosen in (
        ("list of those who wait", View.QUEUE, Filter()),
        ("the same, VIP only", View.QUEUE, Filter(only="vip")),
        ("list of all open", View.ALL, Filter()),
    ):
        times = []
        for _ in range(LOOKS):
            begun = time.perf_counter()
            async with db.read() as session:
                await listed(session, view, 1, now, chosen)
            times.append(time.perf_counter() - begun)
        figures.append(_time(f"{name}, {messages:,} messages", times))
    for name, question in (("a common word", "посылка"), ("three words", "сломался чайник вчера")):
        times = []
        for _ in range(LOOKS):
            begun = time.perf_counter()
            async with db.read() as session:
                await search(session, question)
            times.append(time.perf_counter() - begun)
        figures.append(_time(f"search for {name}", times))
    return figures


def _time(name: str, times: list[float]) -> Figure:
    times.sort()
    p95 = _share(times, 0.95) * 1000
    spread = f"median {statistics.median(times) * 1000:.0f} ms, worst {times[-1] * 1000:.0f} ms"
    return Figure(name, p95, "ms p95", "≤ 300", p95 <= 300, spread)


async def _fill(db: Database, messages: int) -> None:
    """A hundredth of the dialogues is open, every message is different, and each dialogue has ten."""
    chats = messages // 10
    now = datetime.now(UTC)
    async with db.write() as session:
        person: dict[str, object] = {"given_name": "Мария", "family_name": "Петрова", "language": "ru"}
        person |= {"time_zone": "Europe/Moscow", "created_at": now, "vip": False}
        await session.execute(insert(Customer), [person | {"id": 1}, person | {"id": 2, "vip": True}])
    for first in track(range(0, chats, CHUNK // 10), description="filling", console=console):
        ids = range(first, min(first + CHUNK // 10, chats))
        async with db.write() as session:
            await session.execute(insert(Identity), [_identity(id_, now) for id_ in ids])
            await session.execute(insert(Conversation), [_conversation(id_, chats, now) for id_ in ids])
            await session.execute(
                insert(Message), [_message(id_, seq, chats, now) for id_ in ids for seq in range(1, 11)]
            )
            waiting = [_waits(id_, chats, now) for id_ in ids if _open(id_, chats)]
            if waiting:
                await session.execute(insert(Handoff), waiting)
    async with db.write() as session:
        await session.execute(text("ANALYZE"))


def _open(id_: int, chats: int) -> bool:
    return id_ >= chats - chats // 100


def _identity(id_: int, now: datetime) -> dict[str, object]:
    row = {"id": id_ + 1, "channel": "telegram", "account": "main", "external_id": str(id_)}
    return row | {"customer_id": 1 + (id_ % 50 == 0), "created_at": now}


def _conversation(id_: int, chats: int, now: datetime) -> dict[str, object]:
    at = now - timedelta(minutes=chats - id_)
    row: dict[str, object] = {"id": f"chat{id_}", "identity_id": id_ + 1, "channel": "telegram"}
    row |= {"account": "main", "language": "ru", "owner": "queue" if _open(id_, chats) else "bot"}
    row |= {"status": "waiting" if _open(id_, chats) else "resolved", "epoch": 1, "last_seq": 10}
    return row | {"created_at": at, "updated_at": at}


def _message(id_: int, seq: int, chats: int, now: datetime) -> dict[str, object]:
    spot = id_ * 10 + seq
    said = " ".join(WORDS[(spot * step) % len(WORDS)] for step in (1, 3, 7, 11, 17))
    at = now - timedelta(minutes=chats - id_)
    row: dict[str, object] = {
        "id": f"s{spot}",
        "conversation_id": f"chat{id_}",
        "seq": seq,
        "identity_id": id_ + 1,
    }
    row |= {"author": Author.CUSTOMER, "text": f"{said} {spot}", "buttons": [], "created_at": at}
    return row | {"state": MessageState.RECEIVED, "sent_at": at}


def _waits(id_: int, chats: int, now: datetime) -> dict[str, object]:
    at = now - timedelta(minutes=chats - id_)
    row = _handoff(f"chat{id_}", None, at)
    row |= {"place": Place.WAITING, "vip": id_ % 50 == 0}
    return row | {"due_at": at, "asked_at": at, "rank_at": at}


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


def _share(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000, help="in closed and open dialogues")
    parser.add_argument("--rate", type=int, default=RATE, help="messages a second")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.messages, options.rate))
    load = os.getloadavg()[0]
    console.print(f"{os.cpu_count()} cores, load of the machine {load:.1f}")
    show(figures)
    results = ROOT / "bench/results/desk.json"
    results.write_text(
        json.dumps({"load": load, "figures": [asdict(one) for one in figures]}, ensure_ascii=False, indent=1)
        + "\n"
    )


if __name__ == "__main__":
    main()
