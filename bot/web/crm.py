"""Keeping step with the CRMs that `var/crm.yml` names (docs/crm.md): their webhooks, and the jobs."""

import asyncio
import random
from collections.abc import AsyncIterator

from aiohttp import web

from bot.gateway.app import GATEWAY, Gateway
from core import logs
from core.jobs import Worker
from core.settings import read_or_make_secret
from crm_bridge.adapters import Received
from crm_bridge.adapters.errors import Forged
from crm_bridge.sync import Sync, UnknownAccount, connect, load
from crm_bridge.sync.config import FILE, TOKEN_KEY

log = logs.get("crm")


class CrmHooks:
    """`POST /hooks/crm/{account}`: a hint that something changed over there."""

    def __init__(self, sync: Sync) -> None:
        self._sync = sync

    def add_to(self, app: web.Application) -> None:
        app.router.add_post("/hooks/crm/{account}", self.receive)
        app.router.add_post("/hooks/crm/{account}/{secret}", self.receive)

    async def receive(self, request: web.Request) -> web.Response:
        received = Received(
            body=await request.read(),
            headers={name.lower(): value for name, value in request.headers.items()},
            secret=request.match_info.get("secret", ""),
        )
        try:
            await self._sync.receive(request.match_info["account"], received)
        except UnknownAccount:
            raise web.HTTPNotFound from None
        except Forged:
            log.warning("webhook refused: it is not signed by the CRM", account=request.match_info["account"])
            raise web.HTTPForbidden from None
        return web.Response(text="ok")


def set_up(app: web.Application) -> None:
    """Add the hooks, and a worker that lives as long as the application."""
    gateway = app[GATEWAY]
    config = load(gateway.settings.var / FILE)
    if not config.accounts:
        return
    key = read_or_make_secret(gateway.settings.var / "secrets" / TOKEN_KEY)
    parties = connect(config, gateway.http, gateway.db, gateway.clock, key)
    sync = Sync(gateway.db, gateway.queue, gateway.clock, parties, gateway.settings.time_zone)
    CrmHooks(sync).add_to(app)

    async def keep_step(_app: web.Application) -> AsyncIterator[None]:
        await sync.start()
        working = asyncio.create_task(_worker(gateway, sync).run())
        yield
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    app.cleanup_ctx.append(keep_step)


def _worker(gateway: Gateway, sync: Sync) -> Worker:
    chance = random.Random()  # noqa: S311 - jitter
    name = f"{gateway.settings.process_name}-crm"
    return Worker(name, gateway.queue, sync.handlers(), gateway.clock, chance, concurrency=4)
