"""The door of the messengers: `POST /hooks/{channel}/{account}`.

Verified over the raw bytes, stored, committed, and only then answered with 2xx. Nothing else happens here:
every provider repeats what is answered late, and some stop delivering altogether.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from bot.channels.accounts import FILE, load
from bot.channels.connect import connect
from bot.channels.inbound import ButtonPress, Inbound
from bot.channels.port import Accept, Channel, Channels, Forged, Polled, Received, SendError
from bot.gateway.app import GATEWAY, Gateway
from bot.gateway.inbox import InboxDoor
from bot.gateway.links import StartLinks
from bot.gateway.marks import Marks
from core import logs
from crm_bridge.start_keys import StartKeys

log = logs.get("webhooks")

BODY_LIMIT = 4 * 1024 * 1024  # bytes; WhatsApp sends up to three megabytes at once
COME_AGAIN = 5  # seconds; what a provider is told while the database is away
OPEN_EVERY = timedelta(hours=1)  # MAX drops a subscription after eight hours of failures


class MessengerHooks:
    """Routes of all messengers."""

    def __init__(self, channels: Channels, inbox: InboxDoor) -> None:
        self._channels = channels
        self._inbox = inbox
        self._acknowledging: set[asyncio.Task[None]] = set()

    def add_to(self, app: web.Application) -> None:
        app.router.add_post("/hooks/{channel}/{account}", self.receive)
        app.router.add_get("/hooks/{channel}/{account}", self.receive)

    async def receive(self, request: web.Request) -> web.Response:
        name, account = request.match_info["channel"], request.match_info["account"]
        channel = self._channels.get(name, account)
        if channel is None:
            raise web.HTTPNotFound
        received = await _received(request)
        try:
            greeting = channel.handshake(received)
            if greeting is not None:
                return web.Response(text=greeting)
            if request.method != "POST":
                raise web.HTTPNotFound
            channel.verify(received)
        except Forged:
            log.warning("webhook refused: it is not the provider's", channel=name, account=account)
            raise web.HTTPForbidden from None
        events = channel.parse(received)
        try:
            await self._inbox.accept_all(events)
        except SQLAlchemyError as error:
            log.error("webhook not stored", channel=name, account=account, error=type(error).__name__)
            raise web.HTTPServiceUnavailable(headers={"Retry-After": str(COME_AGAIN)}) from None
        self._acknowledge(channel, events)
        answer = channel.answer(received)
        kind = "application/json" if answer.startswith("{") else "text/plain"
        return web.Response(text=answer, content_type=kind)

    def _acknowledge(self, channel: Channel, events: Sequence[Inbound]) -> None:
        for event in events:
            if isinstance(event.content, ButtonPress) and event.content.callback:
                task = asyncio.create_task(channel.acknowledge(event.content))
                self._acknowledging.add(task)
                task.add_done_callback(self._acknowledging.discard)


async def _received(request: web.Request) -> Received:
    body = bytearray()
    async for chunk in request.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > BODY_LIMIT:
            raise web.HTTPRequestEntityTooLarge(BODY_LIMIT, len(body))
    return Received(
        method=request.method,
        body=bytes(body),
        headers={name.lower(): value for name, value in request.headers.items()},
        query=dict(request.query),
    )


def set_up(app: web.Application) -> None:
    """Connect the accounts of `var/channels.yml`, before the workers of the gateway start.

    Raises:
        BadConfig: the file is wrong.
    """
    gateway = app[GATEWAY]
    config = load(gateway.settings.var / FILE)
    if not config.accounts:
        return
    for channel in connect(config, Marks(gateway.db)):
        gateway.channels.add(channel)
    MessengerHooks(gateway.channels, gateway.inbox).add_to(app)
    keys = StartKeys(gateway.clock, gateway.identities)
    StartLinks(gateway.db, keys, gateway.settings.site_key).add_to(app)
    app.cleanup_ctx.insert(0, _closed_last)  # the workers send until they have stopped
    app.cleanup_ctx.append(_kept_open)


async def _closed_last(app: web.Application) -> AsyncIterator[None]:
    yield
    for channel in app[GATEWAY].channels.all():
        await channel.close()


async def _kept_open(app: web.Application) -> AsyncIterator[None]:
    gateway = app[GATEWAY]
    running = [asyncio.create_task(_keep_open(gateway))] if gateway.settings.public_url else []
    running += [
        asyncio.create_task(channel.listen(_accept(gateway.inbox)))
        for channel in gateway.channels.all()
        if isinstance(channel, Polled)
    ]
    yield
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def _keep_open(gateway: Gateway) -> None:
    while True:
        for channel in gateway.channels.all():
            await open_one(channel, gateway.settings.base_url)
        await gateway.clock.sleep_until(gateway.clock.now() + OPEN_EVERY)


async def open_one(channel: Channel, base_url: str) -> None:
    """See to it that the provider delivers to us; what stands in the way is told the administrator."""
    address = f"{base_url.rstrip('/')}/hooks/{channel.name}/{channel.account}"
    try:
        await channel.open(address)
    except SendError as why:
        log.error("webhook not set", channel=channel.name, account=channel.account, why=str(why))


def _accept(inbox: InboxDoor) -> Accept:
    async def accept(events: Sequence[Inbound]) -> None:
        await inbox.accept_all(events)

    return accept
