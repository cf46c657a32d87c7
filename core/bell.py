"""News between the processes of one installation: PostgreSQL's LISTEN and NOTIFY.

It carries only hints. Whoever misses one, finds out at the next look; so nothing is repeated or stored. On
SQLite there is one process, and nothing to carry.
"""

import asyncio
from collections.abc import Callable

import psycopg

from core import logs
from core.db import Database

log = logs.get("bell")

CHANNEL = "zabota"
AGAIN = 1.0  # seconds until the next try when the database is away
WAITING = 1000  # hints that were not sent yet; more are worth nothing


class Bell:
    """Rings in the other processes, and hears them ring."""

    def __init__(self, db: Database) -> None:
        self._conninfo = (
            "" if db.is_sqlite else db.url.set(drivername="postgresql").render_as_string(hide_password=False)
        )
        self._ears: dict[str, Callable[[str], None]] = {}
        self._to_ring: asyncio.Queue[str] = asyncio.Queue(WAITING)

    def on(self, topic: str, hear: Callable[[str], None]) -> None:
        """Call `hear` with the word whenever another process, or the database, rings about a topic."""
        self._ears[topic] = hear

    def ring(self, topic: str, word: str) -> None:
        """Tell the other processes; does not wait."""
        if self._conninfo and not self._to_ring.full():
            self._to_ring.put_nowait(f"{topic} {word}")

    async def run(self) -> None:
        """Carry hints until cancelled."""
        while self._conninfo:
            try:
                async with (
                    await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True) as ear,
                    await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True) as mouth,
                    asyncio.TaskGroup() as tasks,
                ):
                    await ear.execute(f"LISTEN {CHANNEL}")
                    tasks.create_task(self._hear(ear, mouth.info.backend_pid))
                    tasks.create_task(self._tell(mouth))
            except* (psycopg.Error, OSError) as why:
                log.warning("no news from other processes", error=type(why.exceptions[0]).__name__)
                await asyncio.sleep(AGAIN)

    async def _hear(self, ear: psycopg.AsyncConnection, own_pid: int) -> None:
        async for news in ear.notifies():
            topic, _, word = news.payload.partition(" ")
            if news.pid != own_pid and topic in self._ears:
                self._ears[topic](word)

    async def _tell(self, mouth: psycopg.AsyncConnection) -> None:
        while True:
            word = await self._to_ring.get()
            await mouth.execute("SELECT pg_notify(%s, %s)", (CHANNEL, word))
