"""Several engines: each conversation has one, and another one when that one dies."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.gateway.engine import EngineAway, EngineClient, TurnRequest
from tests.gateway.conftest import ScriptedEngine


class Fleet:
    """Three engines, each of which knows only what it was told."""

    def __init__(
        self, servers: list[TestServer], engines: list[ScriptedEngine], http: aiohttp.ClientSession
    ) -> None:
        self.servers = servers
        self.engines = engines
        self.bases = [str(server.make_url("")).rstrip("/") for server in servers]
        self.client = EngineClient(http, self.bases, b"engine", timedelta(seconds=5))

    async def turn(self, conversation: str, memory: dict[str, str] | None = None) -> int:
        """The engine that served a turn of this conversation."""
        before = [len(engine.asked) for engine in self.engines]
        request = TurnRequest(conversation, "m1", None, "ru", {}, text="привет")
        try:
            await self.client.turn(request, memory or {"last": "m0"})
        except EngineAway:  # it died with the connection open: the job is tried again
            await self.client.turn(request, memory or {"last": "m0"})
        after = [len(engine.asked) for engine in self.engines]
        return next(n for n in range(3) if after[n] != before[n])


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    async with AsyncExitStack() as stack:
        engines = [ScriptedEngine() for _ in range(3)]
        servers = []
        for engine in engines:
            engine.gate.set()
            app = web.Application()
            app.router.add_post("/webhooks/zabota/turn", engine.turn)
            servers.append(await stack.enter_async_context(TestServer(app)))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        yield Fleet(servers, engines, http)


async def test_a_conversation_stays_with_its_engine_and_all_of_them_have_some(fleet: Fleet) -> None:
    served = {f"c{n}": await fleet.turn(f"c{n}") for n in range(60)}
    assert {f"c{n}": await fleet.turn(f"c{n}") for n in range(60)} == served
    assert min(Counter(served.values()).values()) >= 10


async def test_when_an_engine_dies_its_conversations_go_on_elsewhere_with_their_memory(fleet: Fleet) -> None:
    served = {f"c{n}": await fleet.turn(f"c{n}") for n in range(30)}
    for engine in fleet.engines:
        engine.forgotten = True  # they ask for the memory of what they do not hold
    await fleet.servers[0].close()
    for conversation, engine in served.items():
        now = await fleet.turn(conversation, {"last": "m0"})
        assert now == engine if engine else now != 0
        assert fleet.engines[now].asked[-1]["memory"] == {"last": "m0"}


async def test_one_more_engine_takes_over_only_what_is_its_own(fleet: Fleet) -> None:
    two = EngineClient(fleet.client._http, fleet.bases[:2], b"engine", timedelta(seconds=5))
    moved = kept = 0
    for n in range(300):
        before, after = two.of(f"c{n}")[0], fleet.client.of(f"c{n}")[0]
        if before == after:
            kept += 1
        else:
            moved += 1
            assert after.startswith(fleet.bases[2])
    assert moved < kept


async def test_without_any_engine_the_turn_is_tried_again_later(fleet: Fleet) -> None:
    await asyncio.gather(*(server.close() for server in fleet.servers))
    with pytest.raises(EngineAway):
        await fleet.turn("c1")
