"""The engine calls the action server; nobody else can, and nothing a customer said comes back in an error."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionExecutionRejection

from actions.server import BODY_LIMIT, ActionServer
from actions.services import Services
from core.clock import ManualClock
from core.db import Database
from core.settings import Settings
from tests.actions.chat import ROOT, Engine
from tests.ports import free_port

SAID = "мой телефон +79000001001"
CALL = {
    "next_action": "action_unknown",
    "tracker": {"sender_id": "chat-1", "latest_message": {"text": SAID}, "events": []},
    "domain": {},
}


@pytest.mark.parametrize("headers", [{}, {"X-Zabota-Secret": "wrong"}, {"X-Zabota-Secret": "секрет"}])
async def test_without_the_secret_nothing_runs(engine: Engine, headers: dict[str, str]) -> None:
    async with engine.http.post(f"{engine.url}/webhook", json=CALL, headers=headers) as response:
        assert response.status == 401
        assert SAID not in await response.text()


async def test_an_unknown_action_is_not_found(engine: Engine) -> None:
    status, answer = await engine.call(CALL)
    assert (status, answer) == (404, {"error": "unknown_action", "action_name": "action_unknown"})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"next_action": "action_greet"}'])
async def test_what_is_no_call_is_refused_and_not_taken_for_a_rejection(engine: Engine, body: bytes) -> None:
    headers = {"X-Zabota-Secret": engine.secret}
    async with engine.http.post(f"{engine.url}/webhook", data=body, headers=headers) as response:
        assert response.status == 422
        assert (await response.json())["error"] == "bad_request"


async def test_a_body_beyond_the_limit_is_refused(engine: Engine) -> None:
    headers = {"X-Zabota-Secret": engine.secret}
    body = b" " * (BODY_LIMIT + 1)
    async with engine.http.post(f"{engine.url}/webhook", data=body, headers=headers) as response:
        assert response.status == 413


async def test_health_tells_about_the_database(engine: Engine) -> None:
    async with engine.http.get(f"{engine.url}/health") as response:
        assert (response.status, await response.json()) == (200, {"ready": True, "database": True})


@pytest.fixture
async def odd(sqlite: Database) -> AsyncIterator[Engine]:
    """A server with one action that rejects and one that breaks."""

    async def reject(dispatcher: Any, tracker: Any, domain: Any) -> None:
        raise ActionExecutionRejection("action_reject", SAID)

    async def break_down(dispatcher: Any, tracker: Any, domain: Any) -> None:
        raise RuntimeError(SAID)

    executor = ActionExecutor()
    executor.register_function("action_reject", reject)
    executor.register_function("action_break", break_down)
    app = aiohttp.web.Application()
    app.add_routes(ActionServer(executor, sqlite, b"secret-of-the-tests").routes())
    server = TestServer(app)
    await server.start_server()
    async with aiohttp.ClientSession() as http:
        yield Engine(http, str(server.make_url("")).rstrip("/"))
    await server.close()


async def test_a_rejection_is_told_as_rasa_expects_it(odd: Engine) -> None:
    status, answer = await odd.call(CALL | {"next_action": "action_reject"})
    assert (status, answer["action_name"]) == (400, "action_reject")
    assert SAID not in json.dumps(answer, ensure_ascii=False)


async def test_a_failure_names_the_action_and_nothing_more(
    odd: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    status, answer = await odd.call(CALL | {"next_action": "action_break"})
    assert (status, answer) == (500, {"error": "failed", "action_name": "action_break"})
    assert "+7900" not in "".join(capsys.readouterr())


async def test_all_actions_of_the_domain_are_there(
    settings: Settings, sqlite: Database, clock: ManualClock
) -> None:
    from actions.registry import executor_of
    from tests.actions.chat import DOMAIN

    executor = executor_of(Services.over(settings, sqlite, clock))
    assert set(executor.actions) == set(DOMAIN["actions"])


async def test_the_process_serves_and_ends_in_order(tmp_path: Path) -> None:
    port = free_port()
    process = await _start(tmp_path, port)
    try:
        assert (await _health(port))["ready"]
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    finally:
        if process.returncode is None:
            process.kill()


async def test_the_process_does_not_outlive_its_parent(tmp_path: Path) -> None:
    process = await _start(tmp_path, free_port(), ZABOTA_PARENT_PID="1")
    assert await asyncio.wait_for(process.wait(), 60) == 0


async def _start(var: Path, port: int, **env: str) -> asyncio.subprocess.Process:
    given = {"ZABOTA_VAR": str(var), "ZABOTA_ACTIONS_PORT": str(port), "PYTHONPATH": str(ROOT)}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "actions.server", env=os.environ | given | env, cwd=var
    )


async def _health(port: int) -> dict[str, Any]:
    async with aiohttp.ClientSession() as http:
        for _ in range(900):
            try:
                async with http.get(f"http://127.0.0.1:{port}/health") as response:
                    answer: dict[str, Any] = await response.json()
                    return answer
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)
    raise AssertionError("the action server does not answer")
