"""Workers without any HTTP of their own: a delivery process of a cluster. ZABOTA_ROLES says what it does."""

import asyncio
import random
import signal

import aiohttp

from bot.channels.accounts import FILE, load
from bot.channels.connect import connect
from bot.gateway.app import Gateway
from bot.gateway.marks import Marks
from core import logs
from core.clock import SystemClock
from core.db import Database
from core.process import die_with_parent, make_loop
from core.settings import Settings


async def work(settings: Settings) -> None:
    """Run until told to stop."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stop.set)
    db = Database(settings.db_url)
    async with aiohttp.ClientSession() as http:
        gateway = Gateway(settings, db, SystemClock(), http)
        channels = connect(load(settings.var / FILE), Marks(db))
        for channel in channels:
            gateway.channels.add(channel)
        await gateway.queue.open()
        chance = random.Random()  # noqa: S311 - jitter
        running = [asyncio.create_task(worker.run()) for worker in gateway.workers(chance)]
        running.append(asyncio.create_task(gateway.bell.run()))
        await stop.wait()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await gateway.queue.close()
        for channel in channels:
            await channel.close()
    await db.close()


def main() -> None:
    die_with_parent()
    settings = Settings()
    logs.set_up(settings.log_format, settings.log_level, settings.process_name)
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(work(settings))


if __name__ == "__main__":
    main()
