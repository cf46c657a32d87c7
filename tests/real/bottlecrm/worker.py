"""Our side as a process of its own, so that it can be killed: what the gateway does for `crm.yml`.

python -m tests.real.bottlecrm.worker DATABASE CRM_YML
"""

import asyncio
import random
import sys
from pathlib import Path

import aiohttp

from core import logs
from core.clock import SystemClock
from core.db import Database
from core.jobs import EmbeddedQueue, Worker
from crm_bridge.sync import Sync, connect, load


async def work(url: str, config: Path) -> None:
    db, clock = Database(url), SystemClock()
    queue = EmbeddedQueue(db, clock)
    async with aiohttp.ClientSession() as session:
        sync = Sync(db, queue, clock, connect(load(config), session, db, clock, b""), "Europe/Moscow")
        await sync.start()
        print("ready", flush=True)
        await Worker("crm", queue, sync.handlers(), clock, random.Random(), concurrency=4).run()


if __name__ == "__main__":
    logs.set_up(level="error")
    asyncio.run(work(sys.argv[1], Path(sys.argv[2])))
