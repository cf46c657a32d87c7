"""A gateway on loopback, and an engine whose timing the test decides.

The scripted engine speaks the engine's wire protocol; what the real one answers is shown in tests/product.
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.gateway.app import GATEWAY, Gateway, make_app
from core.clock import SystemClock
from core.db import Database
from core.settings import Settings

Reply = dict[str, Any]


@dataclass
class ScriptedEngine:
    """Answers turns with what the test says; keeps what it was asked."""

    key: bytes = b"engine"
    script: Callable[[dict[str, Any]], list[Reply]] = lambda turn: [{"text": f"re: {turn.get('text')}"}]
    asked: list[dict[str, Any]] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)  # statuses to answer first
    forgotten: bool = False  # says 409 until it gets a memory
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def turn(self, request: web.Request) -> web.Response:
        raw = await request.read()
        signature = hmac.new(self.key, raw, hashlib.sha256).hexdigest()
        if request.headers.get("X-Zabota-Signature") != f"sha256={signature}":
            return web.json_response({"error": {"code": "bad_signature"}}, status=401)
        turn = json.loads(raw)
        if self.failures:
            return web.json_response({"error": {"code": "turn_failed"}}, status=self.failures.pop(0))
        if self.forgotten and turn["memory"] is None:
            return web.json_response({"error": {"code": "unknown_conversation"}}, status=409)
        self.asked.append(turn)
        self.reached.set()
        await self.gate.wait()
        return web.json_response(
            {
                "message_id": turn["message_id"],
                "replies": self.script(turn),
                "nlu": {"intent": {"name": "greet", "confidence": 0.9}, "ranking": [], "language": "ru"},
                "actions": [],
                "memory": {"last": turn["message_id"]},
                "repeated": False,
            }
        )


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedEngine]:
    scripted = ScriptedEngine()
    scripted.gate.set()
    yield scripted
    scripted.gate.set()


@dataclass
class Running:
    """A running gateway and a way to talk to it."""

    gateway: Gateway
    http: aiohttp.ClientSession
    base: str

    async def visit(self, **session: Any) -> "Tab":
        body = {"language": "ru"} | session
        async with self.http.post(f"{self.base}/chat/v1/session", json=body) as response:
            opened = await response.json()
        return await self.tab(opened["visitor"], opened["conversation_id"])

    async def tab(self, visitor: str, conversation_id: str, after: int = 0) -> "Tab":
        ws = await self.http.ws_connect(f"{self.base}/chat/v1/ws")
        await ws.send_json({"type": "hello", "visitor": visitor, "after": after})
        welcome = await ws.receive_json(timeout=60)
        assert welcome["type"] == "welcome", welcome
        return Tab(ws, visitor, conversation_id)


@dataclass
class Tab:
    """One browser tab with the chat."""

    ws: aiohttp.ClientWebSocketResponse
    visitor: str
    conversation_id: str
    sent: int = 0

    async def write(self, text: str, client_id: str | None = None) -> str:
        self.sent += 1
        client_id = client_id or f"c{self.sent}-{id(self)}"
        await self.ws.send_json({"type": "text", "client_id": client_id, "text": text})
        return client_id

    async def press(self, press_id: str, client_id: str = "press") -> None:
        await self.ws.send_json({"type": "press", "client_id": client_id, "press_id": press_id})

    async def frame(self, kind: str) -> dict[str, Any]:
        """The next frame of a kind; others are passed over."""
        while True:
            frame: dict[str, Any] = await self.ws.receive_json(timeout=60)
            if frame["type"] == kind:
                return frame

    async def hear(self, author: str = "assistant") -> dict[str, Any]:
        """The next message of somebody."""
        while (frame := await self.frame("message"))["author"] != author:
            pass
        return frame


@pytest.fixture
async def running(db: Database, engine: ScriptedEngine, tmp_path: Path) -> AsyncIterator[Running]:
    app = web.Application()
    app.router.add_post("/webhooks/zabota/turn", engine.turn)
    app.router.add_get("/webhooks/zabota/health", _health)
    async with TestServer(app) as engine_server:
        settings = Settings(
            _env_file=None,
            var=tmp_path,
            engine_port=engine_server.port,
            engine_secret="engine",  # type: ignore[arg-type]
            site_secret="site",  # type: ignore[arg-type]
            messages_per_minute=1000,
        )
        gateway_app = await make_app(settings, db, SystemClock())
        async with TestServer(gateway_app) as server, aiohttp.ClientSession() as http:
            yield Running(gateway_app[GATEWAY], http, str(server.make_url("")).rstrip("/"))


async def _health(_request: web.Request) -> web.Response:
    return web.json_response({"model": "scripted.tar.gz"})
