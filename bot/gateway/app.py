"""The gateway process: puts the parts together and runs them."""

import asyncio
import random
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.port import Channel, Channels
from bot.gateway.attachments import Attachments
from bot.gateway.conversations import Conversations
from bot.gateway.delivery import RETRY as DELIVERY_RETRY
from bot.gateway.delivery import Delivery
from bot.gateway.engine import EngineClient
from bot.gateway.failover import Failover
from bot.gateway.files import FETCH, FileKeeper
from bot.gateway.handoffs import Handoffs
from bot.gateway.hearing import Hearing
from bot.gateway.hub import Hub
from bot.gateway.inbox import TURN, InboxDoor
from bot.gateway.limits import Limits
from bot.gateway.notices import RETRY as NOTICE_RETRY
from bot.gateway.notices import NoticeSender
from bot.gateway.noting import Noting
from bot.gateway.outbox import OutboxShelf
from bot.gateway.ownership import Ownership
from bot.gateway.pacing import AccountPace
from bot.gateway.policy import ChannelPolicy
from bot.gateway.receipts import RECEIPT, Receipts
from bot.gateway.sending import Ledger, kind_of
from bot.gateway.turns import RETRY, Turns
from bot.gateway.uploads import Uploads
from bot.gateway.visitors import Visitors
from bot.gateway.watchdog import STILL_WAITING, Watchdog
from bot.gateway.webchat import WebChat
from core.bell import Bell
from core.clock import Clock
from core.db import Database
from core.jobs import Handler, Worker
from core.jobs.choosing import make_queue
from core.media import MediaStore
from core.settings import ROOT, Settings
from core.texts import Texts
from crm_bridge.company.channels import read as read_channels
from crm_bridge.company.desk import read as read_desk
from crm_bridge.consent import Consents
from crm_bridge.identity import Identities
from crm_bridge.models import Conversation, Owner
from crm_bridge.notices import NOTICE, Notices

ACCOUNT = "main"  # the web chat has one account: this installation
BODY_LIMIT = 300 * 1024
DELIVERIES_AT_ONCE = 64  # requests under way at one provider account


class Gateway:
    """All parts of one gateway process. `http` is made inside the running loop."""

    def __init__(self, settings: Settings, db: Database, clock: Clock, http: aiohttp.ClientSession) -> None:
        texts = Texts(ROOT / "bot/gateway/texts.yml")
        self.settings = settings
        self.http = http
        self.db = db
        self.clock = clock
        self.bell = Bell(db)
        self.hub = Hub(self.bell)
        self.channels = Channels()
        self._paces: dict[str, AccountPace] = {}
        self.policy = ChannelPolicy.of(read_channels(ROOT / "data/company.yml"))
        self.media = MediaStore(settings.media_url, settings.var / "media")
        self.attachments = Attachments(db, clock, self.media)
        self.queue = make_queue(settings, db, clock)
        self.queue.hear_from(self.bell)
        self.engine = EngineClient(http, settings.engine_bases, settings.engine_key, settings.engine_timeout)
        self.identities = Identities(db, clock, settings.verification_lasts, settings.time_zone)
        self.conversations = Conversations(clock)
        self.handoffs = Handoffs(clock, read_desk(ROOT / "data/company.yml"))
        self.ownership = Ownership(clock, self.handoffs)
        self.outbox = OutboxShelf(clock, self.queue, self.hub)
        self.watchdog = Watchdog(
            db, clock, self.queue, self.ownership, self.outbox, texts, settings.queue_patience
        )
        self.inbox = InboxDoor(db, clock, self.queue, Noting(clock, self.handoffs, self.queue), self.hub)
        self.files = FileKeeper(
            db, self.queue, self.channels, self.media, self.attachments, settings.media_limit
        )
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
            hearing=Hearing(clock, texts, self.channels, self.identities, Consents(db, clock)),
            files=self.files,
            texts=texts,
        )
        self.failover = Failover(
            db=db,
            clock=clock,
            queue=self.queue,
            channels=self.channels,
            policy=self.policy,
            identities=self.identities,
            tell=self._call_people,
        )
        self.receipts = Receipts(db, clock, self.failover, self.hub)
        self.texts = texts
        self.visitors = Visitors(db, self.identities, self.conversations, settings.site_key, ACCOUNT)
        self.webchat = WebChat(
            db=db,
            visitors=self.visitors,
            inbox=self.inbox,
            hub=self.hub,
            attachments=self.attachments,
            limits=Limits(settings.messages_per_minute),
            texts=texts,
            origins=settings.chat_origins,
            text_limit=settings.text_limit,
            uploads=Uploads(self.media, settings.media_limit, settings.text_limit),
        )

    def workers(self, chance: random.Random) -> list[Worker]:
        """Answers and deliveries have workers of their own: a slow engine must not hold up what is ready."""
        name = self.settings.process_name
        answering = {TURN: Handler(self.turns.run, RETRY, self.turns.apologise)}
        watching = {STILL_WAITING: Handler(self.watchdog.run), RECEIPT: Handler(self.receipts.run)}
        watching[FETCH] = Handler(self.files.run)
        workers = []
        if "turns" in self.settings.roles:
            workers += [
                Worker(f"{name}-turns", self.queue, answering, self.clock, chance, concurrency=16),
                Worker(f"{name}-watching", self.queue, watching, self.clock, chance, concurrency=8),
            ]
        if "delivery" in self.settings.roles:
            workers += [self.delivery_worker(channel, chance) for channel in self.channels.all()]
            workers += [] if self.settings.demo else [self.notice_worker(chance)]
        return workers

    def notice_worker(self, chance: random.Random) -> Worker:
        """One-time codes; the demo shows them on a page instead."""
        sender = NoticeSender(
            db=self.db,
            clock=self.clock,
            notices=Notices(self.db, self.clock),
            channels=self.channels,
            policy=self.policy,
            pace=self._pace,
            language=self.settings.default_language,
        )
        handler = Handler(sender.run, NOTICE_RETRY, sender.give_up)
        return Worker(
            f"{self.settings.process_name}-notices", self.queue, {NOTICE: handler}, self.clock, chance
        )

    def _pace(self, channel: Channel) -> AccountPace:
        """One for the account, whoever sends by it: what this process has under way is counted there."""
        key = f"{channel.name}:{channel.account}"
        if key not in self._paces:
            self._paces[key] = AccountPace(self.db, self.clock, key, channel.capabilities.account_rate)
        return self._paces[key]

    def delivery_worker(self, channel: Channel, chance: random.Random) -> Worker:
        """Each account has a worker of its own: a slow provider holds up nobody else's customers."""
        kind = kind_of(channel.name, channel.account)
        pace = self._pace(channel)
        delivery = Delivery(
            clock=self.clock,
            channel=channel,
            ledger=Ledger(self.db, self.clock, channel, self.policy, self.queue, pace.requests),
            pace=pace,
            failover=self.failover,
            media=self.media,
            hub=self.hub,
            texts=self.texts,
        )
        handler = Handler(delivery.run, DELIVERY_RETRY, delivery.give_up)
        return Worker(
            f"{self.settings.process_name}-{kind}",
            self.queue,
            {kind: handler},
            self.clock,
            chance,
            concurrency=DELIVERIES_AT_ONCE,
            gate=pace,
        )

    async def _call_people(self, session: AsyncSession, conversation_id: str) -> None:
        """The bot could not reach the customer, or does not know whether it did: people look at it."""
        conversation = await session.get_one(
            Conversation, conversation_id, with_for_update=True, populate_existing=True
        )
        if conversation.owner is Owner.BOT:
            epoch = await self.ownership.to_queue(session, conversation_id, conversation.epoch)
            await self.watchdog.watch(session, conversation_id, epoch)


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
    await gateway.queue.open()
    running = [asyncio.create_task(worker.run()) for worker in gateway.workers(chance)]
    running.append(asyncio.create_task(gateway.bell.run()))
    yield
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await gateway.queue.close()
    await gateway.http.close()


async def _health(request: web.Request) -> web.Response:
    model = await request.app[GATEWAY].engine.model()
    return web.json_response({"ok": model is not None, "model": model}, status=200 if model else 503)
