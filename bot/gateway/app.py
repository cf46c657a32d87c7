"""The gateway process: puts the parts together and runs them."""

import asyncio
import random
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

from bot.gateway.conversations import Conversations
from bot.gateway.delivery import Delivery
from bot.gateway.engine import EngineClient
from bot.gateway.hub import Hub
from bot.gateway.inbox import TURN, InboxDoor
from bot.gateway.limits import Limits
from bot.gateway.outbox import DELIVER, OutboxShelf
from bot.gateway.ownership import Ownership
from bot.gateway.turns import RETRY, Turns
from bot.gateway.visitors import Visitors
from bot.gateway.watchdog import STILL_WAITING, Watchdog
from bot.gateway.webchat import WebChat
from core.clock import Clock
from core.db import Database
from core.jobs import EmbeddedQueue, Handler, Worker
from core.settings import ROOT, Settings
from core.texts import Texts
from crm_bridge.identity import Identities

ACCOUNT = "main"  # the web chat has one account: this installation
BODY_LIMIT = 300 * 1024


class Gateway:
    """All parts of one gateway process. `http` is made inside the running loop."""

    def __init__(self, settings: Settings, db: Database, clock: Clock, http: aiohttp.ClientSession) -> None:
        texts = Texts(ROOT / "bot/gateway/texts.yml")
        self.settings = settings
        self.http = http
        self.db = db
        self.clock = clock
        self.hub = Hub()
        self.queue = EmbeddedQueue(db, clock, settings.job_lease)
        self.engine = EngineClient(http, settings.engine_port, settings.engine_key, settings.engine_timeout)
        self.identities = Identities(db, clock, settings.verification_lasts, settings.time_zone)
        self.conversations = Conversations(clock)
        self.ownership = Ownership(clock)
        self.outbox = OutboxShelf(clock, self.queue, self.hub)
        self.watchdog = Watchdog(
            db, clock, self.queue, self.ownership, self.outbox, texts, settings.queue_patience
        )
        self.inbox = InboxDoor(db, clock, self.queue)
        self.turns = Turns(
            db=db,
            clock=clock,
            engine=self.engine,
            hub=self.hub,
            identities=self.identities,
            conversations=self.conversations,
            ownership=self.ownership,
            outbox=self.outbox,
            watchdog=self.watchdog,
            texts=texts,
        )
        self.delivery = Delivery(db, clock, self.hub)
        self.visitors = Visitors(db, self.identities, self.conversations, settings.site_key, ACCOUNT)
        self.webchat = WebChat(
            db=db,
            visitors=self.visitors,
            inbox=self.inbox,
            hub=self.hub,
            limits=Limits(settings.messages_per_minute),
            texts=texts,
            origins=settings.chat_origins,
            text_limit=settings.text_limit,
        )

    def workers(self, chance: random.Random) -> list[Worker]:
        """Answers and deliveries have workers of their own: a slow engine must not hold up what is ready."""
        name = self.settings.process_name
        answering = {TURN: Handler(self.turns.run, RETRY, self.turns.apologise)}
        sending = {DELIVER: Handler(self.delivery.run), STILL_WAITING: Handler(self.watchdog.run)}
        return [
            Worker(f"{name}-turns", self.queue, answering, self.clock, chance, concurrency=16),
            Worker(f"{name}-delivery", self.queue, sending, self.clock, chance, concurrency=8),
        ]


GATEWAY = web.AppKey("gateway", Gateway)


async def make_app(settings: Settings, db: Database, clock: Clock) -> web.Application:
    """The gateway as an aiohttp application; its workers live as long as it does."""
    app = web.Application(client_max_size=BODY_LIMIT)
    http = aiohttp.ClientSession()
    gateway = app[GATEWAY] = Gateway(settings, db, clock, http)
    gateway.webchat.add_to(app)
    app.router.add_get("/health", _health)
    app.cleanup_ctx.append(_work)
    return app


async def _work(app: web.Application) -> AsyncIterator[None]:
    gateway = app[GATEWAY]
    chance = random.Random()  # noqa: S311 - jitter
    running = [asyncio.create_task(worker.run()) for worker in gateway.workers(chance)]
    yield
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await gateway.http.close()


async def _health(request: web.Request) -> web.Response:
    model = await request.app[GATEWAY].engine.model()
    return web.json_response({"ok": model is not None, "model": model}, status=200 if model else 503)
