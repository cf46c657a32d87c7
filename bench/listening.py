"""How soon a webhook is acknowledged: by us, and by Rasa's own connector."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import yaml
from aiohttp.test_utils import unused_port
from sqlalchemy.engine import make_url

from bench.foundation import Figure
from bench.places import CHATS, fake_vk, sqlite
from bot.run import ENGINE_PYTHON
from core.settings import ROOT
from tests.faults.processes import PYTHON, Mortal

SENT = 3000  # messages that Rasa's connector sends


async def webhooks() -> list[Figure]:
    """A gateway process takes 200 webhooks a second: one that only listens, and one that answers them too."""
    return await _webhooks("[]", "by a listener") + await _webhooks('["turns", "delivery"]', "answering too")


async def rasa() -> list[Figure]:
    """Rasa's own Telegram connector, in the most favourable case: an assistant that says nothing, at once."""
    seconds, a_second = 10, 200
    async with fake_vk() as fakes, aiohttp.ClientSession() as http:
        telegram, port = f"{fakes.base}/telegram", unused_port()
        command = [str(ENGINE_PYTHON), "-m", "bench.stock_connectors"]
        with tempfile.TemporaryDirectory() as folder:
            hook = f"http://127.0.0.1:{port}/webhooks/telegram/"
            stock = Mortal("rasa", [*command, "serve", str(port), telegram], {}, hook, Path(folder) / "log")
            try:
                await stock.start()
                await stock.answers(http)
                took = await _pushed(http, f"{hook}webhook", seconds, a_second, _telegram_event, "success")
            finally:
                await stock.stop()
        child = await asyncio.create_subprocess_exec(
            *command, "deliver", telegram, str(SENT), cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        told = (await child.communicate())[0].decode().split()
    ordered = sorted(took)
    p50, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
    cost = f"{told[1]} ms of processor time a message; nothing is kept, limited, or tried again"
    return [
        Figure("Rasa's connector: webhook at 200/s, p99", p99, "ms", "–", None, f"median {p50:.1f}"),
        Figure("Rasa's connector: delivery, fake over HTTP", float(told[0]), "/s", "–", None, cost),
    ]


async def _webhooks(roles: str, what: str) -> list[Figure]:
    seconds, a_second = 10, 200
    async with sqlite() as url, fake_vk() as vk, aiohttp.ClientSession() as http:
        folder, port, engine_port = Path(make_url(url).database or "").parent, unused_port(), unused_port()
        account = {"kind": "vk", "token": "vk1.a.token", "group_id": 77, "secret": "vk-secret-key"}
        account |= {"confirmation": "x", "api": vk.url}
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


def _vk_event(number: int) -> dict[str, Any]:
    who = 2000 + number % CHATS
    message = {"id": number, "conversation_message_id": number, "date": 1795270000, "out": 0}
    message |= {"version": 1, "peer_id": who, "from_id": who}
    event = {"type": "message_new", "group_id": 77, "event_id": f"e{number}", "v": "5.199"}
    return event | {"secret": "vk-secret-key", "object": {"message": message | {"text": f"вопрос {number}."}}}


def _telegram_event(number: int) -> dict[str, Any]:
    who = {"id": 2000 + number % CHATS, "first_name": "Пётр"}
    message = {"message_id": number, "date": 1795270000, "text": f"вопрос {number}."}
    message |= {"from": who | {"is_bot": False}, "chat": who | {"type": "private"}}
    return {"update_id": number, "message": message}


async def _pushed(
    http: aiohttp.ClientSession,
    hook: str,
    seconds: int,
    a_second: int,
    event: Callable[[int], dict[str, Any]] = _vk_event,
    taken: str = "ok",
) -> list[float]:
    """Milliseconds until each answer. Webhooks come at their times, whether the last is answered or not."""
    took: list[float] = []

    async def push(number: int) -> None:
        began = time.perf_counter()
        async with http.post(hook, json=event(number)) as response:
            answer = await response.text()
        assert answer == taken, answer
        took.append(1000 * (time.perf_counter() - began))

    began, tasks = time.perf_counter(), []
    for number in range(seconds * a_second):
        tasks.append(asyncio.create_task(push(number)))
        await asyncio.sleep(max(0.0, began + (number + 1) / a_second - time.perf_counter()))
    await asyncio.gather(*tasks)
    return took
