"""The real engine, action server and gateway with a clock that the test moves.

The engine is a process of its own, started once. Gateway and action server live in the test's event loop and
are made anew for every world: a world is a copy of the demo company with a clock of its own, so what one
customer changes no other one sees. All of them speak HTTP on loopback, as in an installation.
"""

import asyncio
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError

from actions.registry import executor_of
from actions.server import ActionServer
from actions.services import Services
from bot.gateway.app import make_app
from bot.run import programs
from core.clock import ManualClock
from core.db import Database
from core.jobs.embedded import JOB
from core.migrations import upgrade_async
from core.process import PARENT
from core.settings import ROOT, Settings
from crm_bridge import demo
from tests.conftest import NOON
from tests.ports import free_port
from tests.product.customer import Customer
from tests.product.running import trained_models

START_SECONDS = 90
PATIENCE = 120.0  # seconds for an answer; a busy machine is slow
SITE_SECRET = "site"  # signs the user ids of the tests' shop


@dataclass
class World:
    """One copy of the demo company, at a time of its own."""

    db: Database
    clock: ManualClock
    actions: ActionServer
    shop: Database  # what the actions work with; may be made to fail
    base: str = ""  # address of the gateway
    http: aiohttp.ClientSession | None = None
    is_down: bool = False
    asks_twice: bool = False  # every action is called twice, as by an engine that lost the first answer
    answered_otherwise: list[str] = field(default_factory=list)  # the second time, by name

    def refuse_when_down(self, *_: Any) -> None:
        """In the place of a database that does not answer."""
        if self.is_down:
            raise OperationalError("SELECT", {}, ConnectionError("the database is down"))


@dataclass
class Stage:
    """The engine, and the worlds it serves."""

    settings: Settings
    stocked: Path
    folder: Path
    worlds: dict[str, World] = field(default_factory=dict)  # by conversation
    said: Counter[str] = field(default_factory=Counter)  # responses of actions, all conversations together
    opened: int = 0

    @asynccontextmanager
    async def world(self, *, gateway: bool = True) -> AsyncIterator[World]:
        """A fresh copy of the demo company at noon, with an action server and mostly a gateway."""
        self.opened += 1
        path = self.folder / f"world-{self.opened}.db"
        shutil.copy(self.stocked, path)
        url = f"sqlite+aiosqlite:///{path}"
        db, shop, clock = Database(url), Database(url), ManualClock(NOON)
        executor = executor_of(Services.over(self.settings, shop, clock))
        world = World(db, clock, ActionServer(executor, shop, self.settings.actions_key), shop)
        event.listen(shop.engine.sync_engine, "before_cursor_execute", world.refuse_when_down)
        try:
            if gateway:
                async with _gateway(self.settings, world):
                    yield world
            else:
                yield world
        finally:
            await shop.close()
            await db.close()
            for file in self.folder.glob(f"{path.name}*"):
                file.unlink()

    def seat(self, world: World, conversation_id: str) -> None:
        """From now on actions of this conversation run in this world."""
        self.worlds[conversation_id] = world

    async def arrive(self, world: World, **session: str) -> Customer:
        """A customer with a fresh browser."""
        assert world.http is not None
        customer = await Customer.arrive(world.http, world.base, world.db, **session)
        customer.patience = PATIENCE
        self.seat(world, customer.conversation_id)
        return customer

    async def webhook(self, request: web.Request) -> web.Response:
        """An action, in the world of its conversation."""
        call = json.loads(await request.read())
        world = self.worlds[call["tracker"]["sender_id"]]
        answer = await world.actions.webhook(request)
        if world.asks_twice:
            again = await world.actions.webhook(request)
            if again.body != answer.body:
                world.answered_otherwise.append(call["next_action"])
        if isinstance(answer.body, bytes) and answer.status == HTTPStatus.OK:
            self.said.update(one["response"] for one in json.loads(answer.body)["responses"])
        return answer


@asynccontextmanager
async def _gateway(settings: Settings, world: World) -> AsyncIterator[None]:
    app = await make_app(settings, world.db, world.clock)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        world.base, world.http = str(server.make_url("")).rstrip("/"), http
        tried_again = asyncio.create_task(_tried_again(world))
        try:
            yield
        finally:
            tried_again.cancel()


async def _tried_again(world: World) -> None:
    """Let what failed be tried again, as in real time: on a starved machine connecting may take too long."""
    waits = select(func.min(JOB.c.due_at)).where(JOB.c.failures > 0)
    while True:
        await asyncio.sleep(1)  # of real time: nobody tells that a try failed
        async with world.db.read() as session:
            due = await session.scalar(waits)
        if due and due > world.clock.now():
            world.clock.advance(due - world.clock.now())


@asynccontextmanager
async def running_stage() -> AsyncIterator[Stage]:
    """Start the engine with the trained model, and end it when the block ends."""
    models = await asyncio.to_thread(trained_models)
    with tempfile.TemporaryDirectory(prefix="zabota-stage-") as temporary:
        folder = Path(temporary)
        settings = Settings(
            _env_file=None,  # type: ignore[call-arg]
            var=folder,
            models=models,
            models_secret=Settings().models_key.decode(),  # type: ignore[arg-type] # whose models these are
            engine_port=free_port(),
            actions_port=free_port(),
            site_secret=SITE_SECRET,  # type: ignore[arg-type]
            messages_per_minute=10_000,
            action_timeout=timedelta(seconds=PATIENCE),
            engine_timeout=timedelta(seconds=PATIENCE),
            log_level="warning",
        )
        stage = Stage(settings, await _stocked(folder), folder)
        front = web.Application(client_max_size=8 * 1024 * 1024)
        front.router.add_post("/webhook", stage.webhook)
        async with TestServer(front, port=settings.actions_port), _engine(settings, folder / "engine.log"):
            yield stage


async def _stocked(folder: Path) -> Path:
    path = folder / "stocked.db"
    url = f"sqlite+aiosqlite:///{path}"
    await upgrade_async(url)
    db = Database(url)
    await demo.load(db, NOON)
    await db.close()
    return path


@asynccontextmanager
async def _engine(settings: Settings, log: Path) -> AsyncIterator[None]:
    [program] = [one for one in programs(settings) if one.name == "engine"]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *program.command,
            cwd=ROOT,
            env={**os.environ, **program.env, PARENT: str(os.getpid())},
            stdout=output,
            stderr=output,
        )
        try:
            await _until_healthy(str(program.health), process, log)
            yield
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), 30)


async def _until_healthy(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    async with aiohttp.ClientSession() as http, asyncio.timeout(START_SECONDS):
        while True:
            assert process.returncode is None, await asyncio.to_thread(log.read_text)
            try:
                async with http.get(url) as response:
                    if response.status == HTTPStatus.OK and (await response.json())["model"]:
                        return
            except aiohttp.ClientError:
                pass  # it does not listen yet
            await asyncio.sleep(0.1)  # another process: there is no event to wait for
