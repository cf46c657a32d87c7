"""News between the processes of one installation: PostgreSQL's LISTEN and NOTIFY.

It carries only hints. Whoever misses one, finds out at the next look; so nothing is repeated or stored. On
SQLite there is one process, and nothing to carry.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from core import logs
from core.db import Database

if TYPE_CHECKING:
    import psycopg

log = logs.get("bell")

CHANNEL = "zabota"
AGAIN = 1.0  # seconds until the next try when the database is away
SPACE = 0.02  # seconds from one notice to the next
WAITING = 1000  # hints that were not sent yet; more are worth nothing
TOGETHER = 100  # hints in one notice: PostgreSQL carries less than 8,000 bytes


class Bell:
    """Rings in the other processes, and hears them ring."""

    def __init__(self, db: Database) -> None:
        self._conninfo = (
            "" if db.is_sqlite else db.url.set(drivername="postgresql").render_as_string(hide_password=False)
        )
        self._ears: dict[str, Callable[[str], None]] = {}
        self._to_ring: dict[str, None] = {}  # what rings twice meanwhile rings once, at its later place
        self._rings = asyncio.Event()

    def on(self, topic: str, hear: Callable[[str], None]) -> None:
        """Call `hear` with the word whenever another process, or the database, rings about a topic."""
        self._ears[topic] = hear

    def ring(self, topic: str, word: str) -> None:
        """Tell the other processes; does not wait."""
        if self._conninfo and len(self._to_ring) < WAITING:
            self._to_ring.pop(f"{topic} {word}", None)
            self._to_ring[f"{topic} {word}"] = None
            self._rings.set()

    async def run(self) -> None:
        """Carry hints until cancelled."""
        if not self._conninfo:
            return
        import psycopg  # seven megabytes of memory that an installation on SQLite saves

        while True:
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

    async def _hear(self, ear: "psycopg.AsyncConnection", own_pid: int) -> None:
        async for news in ear.notifies():
            if news.pid == own_pid:
                continue
            for line in news.payload.split("\n"):
                topic, _, word = line.partition(" ")
                if topic in self._ears:
                    self._ears[topic](word)

    async def _tell(self, mouth: "psycopg.AsyncConnection") -> None:
        """The first hint goes at once; what rings soon after it goes together: under load, few for many."""
        while True:
            await self._rings.wait()
            self._rings.clear()
            waiting, self._to_ring = list(self._to_ring), {}
            for first in range(0, len(waiting), TOGETHER):
                together = "\n".join(waiting[first : first + TOGETHER])
                await mouth.execute("SELECT pg_notify(%s, %s)", (CHANNEL, together))
            await asyncio.sleep(SPACE)
