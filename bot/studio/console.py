"""Puts the studio together with the gateway it works in."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from bot.gateway.app import GATEWAY
from bot.registry import Registry
from bot.studio.answer_pages import AnswerPages
from bot.studio.collecting import Collector
from bot.studio.exchange.uploads import Uploads
from bot.studio.exchange_pages import ExchangePages
from bot.studio.files import TrainingFiles
from bot.studio.inbox_pages import InboxPages
from bot.studio.intent_pages import IntentPages
from bot.studio.knowledge_pages import KnowledgePages
from bot.studio.library import Library
from bot.studio.pages import Studio
from bot.studio.places import Places
from bot.studio.rollout import Keeper
from bot.studio.rollout_pages import RolloutPages
from bot.studio.runs import Runs
from bot.studio.shell import explaining, texts
from bot.studio.watching import Watch


def set_up(app: web.Application) -> None:
    """Add the studio's pages, the look through new messages, and the watch over the engines' model."""
    gateway = app[GATEWAY]
    settings = gateway.settings
    registry = Registry(settings.models, settings.models_key)
    files = TrainingFiles(settings.project, Places(settings).lock)
    app.middlewares.append(explaining(files.root))
    runs = Runs(gateway.db, gateway.clock, settings)
    Studio(gateway.db, gateway.clock, runs, registry).add_to(app)
    library = Library(files)
    InboxPages(gateway.db, gateway.clock, files, library).add_to(app)
    IntentPages(gateway.db, gateway.clock, files, library).add_to(app)
    AnswerPages(files).add_to(app)
    KnowledgePages(gateway.db, gateway.clock, files).add_to(app)
    uploads = Uploads(settings.var.resolve() / "studio/imports")
    ExchangePages(gateway.clock, files, library, uploads).add_to(app)
    RolloutPages(gateway.db, gateway.clock, registry).add_to(app)
    collector = Collector(gateway.db, gateway.clock)
    keeper = Keeper(gateway.db, gateway.clock, registry, gateway.engine)
    watch = Watch(
        gateway.db, gateway.clock, registry, gateway.engine, texts, gateway.settings.default_language
    )

    async def work(_: web.Application) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(one.run()) for one in (collector, keeper, watch)]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    if "turns" in settings.roles:
        app.cleanup_ctx.append(work)
