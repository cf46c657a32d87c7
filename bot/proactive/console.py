"""Puts the proactive service together with the gateway it runs in."""

import asyncio
import random
from collections.abc import AsyncIterator

from aiohttp import web

from bot.gateway.app import GATEWAY, Gateway
from bot.proactive.book import RuleBook
from bot.proactive.effect import Evaluation
from bot.proactive.pages import ProactivePages
from bot.proactive.rules import BadRule, read_limits
from bot.proactive.send import Sender
from bot.proactive.service import allowed_by, models_of, reachable
from bot.proactive.tables import RuleState
from bot.proactive.working import Rounds, Run
from core import logs
from core.jobs import Worker
from core.settings import read_or_make_secret
from crm_bridge.sql import one_at_a_time

log = logs.get("proactive")

DEMO = "demo"  # who switched the demo company's rules on
READING = 11_2026  # number of the lock under which files are read


def set_up(app: web.Application) -> None:
    """Add the pages, and a worker that lives as long as the application."""
    gateway = app[GATEWAY]
    book = RuleBook(gateway.clock)
    key = read_or_make_secret(gateway.settings.var / "secrets" / "incidents")
    ProactivePages(gateway.db, gateway.clock, gateway.queue, book, key).add_to(app)
    if "turns" not in gateway.settings.roles:
        return

    async def work(_app: web.Application) -> AsyncIterator[None]:
        await read_rules(gateway, book)
        rounds = rounds_of(gateway, book)
        await rounds.start()
        name = f"{gateway.settings.process_name}-proactive"
        chance = random.Random()  # noqa: S311 - jitter
        worker = Worker(name, gateway.queue, rounds.handlers(), gateway.clock, chance, concurrency=2)
        working = asyncio.create_task(worker.run())
        yield
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    app.cleanup_ctx.append(work)


def rounds_of(gateway: Gateway, book: RuleBook, run: Run | None = None) -> Rounds:
    """The jobs, over a gateway's parts."""
    sender = sender_of(gateway, book)
    evaluation = Evaluation(gateway.db, gateway.clock, book)
    return Rounds(gateway.db, gateway.clock, gateway.queue, book, sender, evaluation, run)


def sender_of(gateway: Gateway, book: RuleBook) -> Sender:
    """What sends through a gateway's outbox."""

    def connected() -> list[tuple[str, str]]:
        known = [(channel.name, channel.account) for channel in gateway.channels.all()]
        return [*((name, "main") for name in reachable(()) if name not in dict(known)), *known]

    return Sender(
        gateway.db,
        gateway.clock,
        gateway.outbox,
        gateway.identities,
        gateway.conversations,
        book=book,
        limits=read_limits(),
        allows=allowed_by(gateway.policy),
        channels=connected,
        models=models_of(gateway.settings),
    )


async def read_rules(gateway: Gateway, book: RuleBook) -> None:
    """Take over new rule files. A bad one keeps nobody from starting: the rules that are there go on."""
    try:
        async with gateway.db.write() as session:
            await one_at_a_time(session, READING)
            taken = await book.read_files(session)
            if gateway.settings.demo:  # the demo company shows what they do
                for name in taken:
                    await book.move(session, name, RuleState.SIMULATED, DEMO)
                    await book.move(session, name, RuleState.LIVE, DEMO)
    except BadRule as why:
        log.error("a rule file is not understood", why=str(why))
