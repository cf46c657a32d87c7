"""Puts the studio together with the gateway it works in."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from bot.gateway.app import GATEWAY
from bot.registry import Registry
from bot.studio.collecting import Collector
from bot.studio.files import TrainingFiles
from bot.studio.pages import Studio
from bot.studio.places import Places
from bot.studio.rollout import Keeper
from bot.studio.runs import Runs


def set_up(app: web.Application) -> None:
    """Add the studio's pages, the look through new messages, and the watch over the engines' model."""
    gateway = app[GATEWAY]
    settings = gateway.settings
    registry = Registry(settings.models, settings.models_key)
    files = TrainingFiles(settings.project, Places(settings).lock)
    runs = Runs(gateway.db, gateway.clock, settings)
    Studio(gateway.db, gateway.clock, files, runs, registry).add_to(app)
    collector = Collector(gateway.db, gateway.clock)
    keeper = Keeper(gateway.clock, registry, gateway.engine)

    async def work(_: web.Application) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(one.run()) for one in (collector, keeper)]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    if "turns" in settings.roles:
        app.cleanup_ctx.append(work)
