"""The engine's neighbours for tests: a gateway's client and an action server that can be made to fail."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from aiohttp import web

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SECRET = "the-channel's-secret"
TOKEN = "the-token-of-the-http-interface"
ACTIONS_SECRET = "the-action-server's-secret"
START_LIMIT = 60.0  # seconds


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


@dataclass
class ActionServer:
    """Speaks rasa-sdk's webhook. `fail` answers 500; `slow` waits until it is let go."""

    port: int = field(default_factory=free_port)
    calls: list[dict[str, Any]] = field(default_factory=list)
    headers: list[str | None] = field(default_factory=list)
    entered: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def start(self) -> None:
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        assert ready.wait(10)

    def stop(self) -> None:
        self.let_go.set()
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)

    def hold(self) -> None:
        """Make the next slow actions wait."""
        self.entered.clear()
        self.let_go.clear()

    def names(self) -> list[str]:
        return [call["next_action"] for call in self.calls]

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_post("/webhook", self._webhook)
        self._runner = web.AppRunner(app)
        self._loop.run_until_complete(self._runner.setup())
        self._loop.run_until_complete(web.TCPSite(self._runner, "127.0.0.1", self.port).start())
        ready.set()
        self._loop.run_forever()

    async def _webhook(self, request: web.Request) -> web.Response:
        call = await request.json()
        self.calls.append(call)
        self.headers.append(request.headers.get("X-Zabota-Secret"))
        name = call["next_action"]
        if name == "action_fail":
            return web.json_response({"error": "broken", "request_body": call}, status=500)
        if name == "action_slow":
            self.entered.set()
            await self._loop.run_in_executor(None, self.let_go.wait, 20)
            return web.json_response({"events": [], "responses": [{"text": "done at last"}]})
        number = call["tracker"]["slots"]["order_id"] or "—"
        said = {"response": "utter_order_state", "number": number}
        return web.json_response({"events": [], "responses": [said]})


class Engine:
    """The launcher's process and a client of its channel."""

    def __init__(self, model: Path, actions_port: int, workdir: Path) -> None:
        self.model, self.actions_port, self.workdir = model, actions_port, workdir
        self.port = free_port()
        self.log = workdir / "engine.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Start and wait until it is healthy; the seconds it took."""
        began = time.monotonic()
        self.workdir.mkdir(parents=True, exist_ok=True)
        settings = environment(
            ZABOTA_ENGINE_MODEL=str(self.model),
            ZABOTA_ENGINE_PORT=str(self.port),
            ZABOTA_ENGINE_SECRET=SECRET,
            ZABOTA_ENGINE_TOKEN=TOKEN,
            ZABOTA_ENGINE_WORKDIR=str(self.workdir / "run"),
            ZABOTA_ACTIONS_URL=f"http://127.0.0.1:{self.actions_port}/webhook",
            ZABOTA_ACTIONS_SECRET=ACTIONS_SECRET,
            ZABOTA_PARENT_PID=str(os.getpid()),
        )
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "bot.engine.launcher"]
            self.process = subprocess.Popen(command, cwd=ROOT, env=settings, stderr=log, stdout=log)
        while time.monotonic() - began < START_LIMIT:
            assert self.process.poll() is None, self.log.read_text()
            try:
                requests.get(f"{self.url}/webhooks/zabota/health", timeout=1)
                return time.monotonic() - began
            except (requests.ConnectionError, requests.Timeout):
                time.sleep(0.05)
        raise AssertionError("the engine did not start: " + self.log.read_text())

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def memory_mb(self) -> float:
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def post(self, path: str, body: bytes, signature: str | None = None) -> requests.Response:
        given = sign(body) if signature is None else signature
        address = f"{self.url}/webhooks/zabota/{path}"
        return requests.post(address, data=body, headers={"X-Zabota-Signature": given}, timeout=60)

    def ask(self, path: str, **fields: Any) -> requests.Response:
        return self.post(path, json.dumps(fields, ensure_ascii=False).encode())


def sign(body: bytes) -> str:
    return "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


@dataclass
class Dialogue:
    """A customer talking; keeps what the gateway keeps: the last committed turn and its memory."""

    engine: Engine
    conversation_id: str
    language: str | None = None
    after: str | None = None
    memory: dict[str, Any] | None = None
    count: int = 0

    def request(self, text: str | None = None, **fields: Any) -> dict[str, Any]:
        body = {
            "conversation_id": self.conversation_id,
            "message_id": f"m{self.count}",
            "after": self.after,
            "language": self.language,
        }
        return {**body, **({} if text is None else {"text": text}), **fields}

    def say(self, text: str | None = None, **fields: Any) -> dict[str, Any]:
        """One message, answered and committed; gives the engine its memory when it asks."""
        self.count += 1
        request = self.request(text, **fields)
        response = self.engine.ask("turn", **request)
        if response.status_code == 409:
            response = self.engine.ask("turn", **request, memory=self.memory)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        self.after, self.memory = answer["message_id"], answer["memory"]
        return answer

    def texts(self, text: str | None = None, **fields: Any) -> list[str | None]:
        return [reply.get("text") for reply in self.say(text, **fields)["replies"]]
