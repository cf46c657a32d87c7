"""News between processes: all of it arrives, and what rings again and again meanwhile rings once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.bell import Bell
from core.db import Database


@asynccontextmanager
async def process(url: str) -> AsyncIterator[tuple[Bell, list[str], asyncio.Event]]:
    """A process with its bell, what it hears, and whether the last word came."""
    db, heard, last = Database(url), list[str](), asyncio.Event()
    bell = Bell(db)

    def hear(word: str) -> None:
        heard.append(word)
        if word == "last":
            last.set()

    bell.on("log", hear)
    running = asyncio.create_task(bell.run())
    yield bell, heard, last
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await db.close()


async def test_a_busy_minute_is_told_in_few_notices_and_in_order(postgres_url: str) -> None:
    async with process(postgres_url) as (ours, _, _), process(postgres_url) as (_, heard, last):
        while not heard:  # both are connected then
            ours.ring("log", "hello")
            await asyncio.sleep(0.05)  # there is nothing else to tell it by
        for number in range(250):
            ours.ring("log", f"c{number % 200}")
        ours.ring("other", "nobody listens to this")
        ours.ring("log", "last")
        await asyncio.wait_for(last.wait(), 60)
        assert set(heard) == {f"c{n}" for n in range(200)} | {"hello", "last"}
        assert len(heard) < 250  # what rang twice meanwhile rang once
        assert heard.index("c60") < heard.index("c199") < heard.index("c0") < heard.index("last")
