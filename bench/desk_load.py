"""Agents whose pages are open and customers who write, each in a process of their own.

Neither may be what is measured: a page only looks for the marks of messages in the bytes that arrive, and
both processes say how late they were themselves.
"""

import asyncio
import itertools
import multiprocessing
import re
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import aiohttp

from bot.web.staff.guard import COOKIE

_MARK = re.compile("№([0-9a-f]{8})\\.".encode())
_TAIL = 16  # bytes of a mark that may come in two parts
TICK = 0.02  # seconds between looks at how late the process is
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Opened:
    """An agent's open page."""

    token: str  # of the browser's session
    view: str  # the list it shows


@dataclass(frozen=True)
class Seen:
    """What the pages showed. Times are of the machine's monotonic clock, in seconds."""

    shown: list[list[tuple[str, float]]]  # by page: the mark of a message, when it arrived
    lag: float  # the longest that the process was late


@dataclass(frozen=True)
class Written:
    """What the customers wrote."""

    sent: dict[str, float]  # by mark: when the request left
    refused: int
    seconds: float
    lag: float


@asynccontextmanager
async def pages(base: str, opened: Sequence[Opened]) -> AsyncIterator[Connection]:
    """Open the pages; send anything down the connection to get `Seen`."""
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_pages, args=(base, opened, theirs), daemon=True)
    process.start()
    try:
        await asyncio.to_thread(ours.recv)  # all of them are open
        yield ours
    finally:
        process.terminate()
        await asyncio.to_thread(process.join)


async def write(base: str, visitors: Sequence[str], rate: int, seconds: int) -> Written:
    """Customers write in turn, at the rate."""
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_customers, args=(base, visitors, rate, seconds, theirs), daemon=True)
    process.start()
    written: Written = await asyncio.to_thread(ours.recv)
    await asyncio.to_thread(process.join)
    return written


# --- in the processes ---------------------------------------------------------------------------------------


def _pages(base: str, opened: Sequence[Opened], pipe: Connection) -> None:
    asyncio.run(_keep_open(base, opened, pipe))


async def _keep_open(base: str, opened: Sequence[Opened], pipe: Connection) -> None:
    shown: list[list[tuple[str, float]]] = [[] for _ in opened]
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as http:
        answers = [
            await http.get(
                f"{base}/desk/events?view={page.view}", headers={"Cookie": f"{COOKIE}={page.token}"}
            )
            for page in opened
        ]
        tasks = [asyncio.create_task(_read(*pair)) for pair in zip(answers, shown, strict=True)]
        late = asyncio.create_task(_lag())
        pipe.send("open")
        await asyncio.to_thread(pipe.recv)
        late.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        pipe.send(Seen(shown, await late))
        for answer in answers:
            answer.close()


async def _read(answer: aiohttp.ClientResponse, shown: list[tuple[str, float]]) -> None:
    assert answer.status == 200, answer.status
    known, tail = set[bytes](), b""
    async for chunk in answer.content.iter_any():
        arrived = time.perf_counter()
        for mark in _MARK.findall(tail + chunk):
            if mark not in known:
                known.add(mark)
                shown.append((mark.decode(), arrived))
        tail = chunk[-_TAIL:]


async def _lag() -> float:
    """The longest by which a sleep was too long, until cancelled."""
    worst = 0.0
    try:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(TICK)
            worst = max(worst, time.perf_counter() - begun - TICK)
    except asyncio.CancelledError:
        return worst


def _customers(base: str, visitors: Sequence[str], rate: int, seconds: int, pipe: Connection) -> None:
    pipe.send(asyncio.run(_write(base, visitors, rate, seconds)))


async def _write(base: str, visitors: Sequence[str], rate: int, seconds: int) -> Written:
    turn, sent, waiting, lag = itertools.cycle(visitors), dict[str, float](), [], 0.0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        began = time.perf_counter()
        for number in range(rate * seconds):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            lag = max(lag, time.perf_counter() - due)
            waiting.append(asyncio.create_task(_say(http, base, next(turn), sent)))
        statuses = await asyncio.gather(*waiting, return_exceptions=True)
        took = time.perf_counter() - began
    return Written(sent, sum(status != 200 for status in statuses), took, lag)


async def _say(http: aiohttp.ClientSession, base: str, visitor: str, sent: dict[str, float]) -> int:
    mark = secrets.token_hex(4)
    frame = {"type": "text", "client_id": mark, "text": f"где посылка №{mark}. жду"}
    sent[mark] = time.perf_counter()
    headers = {"Authorization": f"Bearer {visitor}"}
    async with http.post(f"{base}/chat/v1/send", json=frame, headers=headers) as answer:
        return answer.status
