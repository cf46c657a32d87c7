"""Starts the whole product on free ports, for tests and benchmarks."""

import asyncio
import hashlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
from aiohttp.test_utils import unused_port

from bot.cli.training import train
from bot.registry import Registry, engine_version
from core.clock import SystemClock
from core.db import Database
from core.migrations import upgrade_async
from core.settings import ROOT
from crm_bridge import demo
from tests.product.customer import Customer

START_SECONDS = 90


def trained_models() -> Path:
    """A folder with the real model, trained anew when anything it is made from has changed."""
    folder = ROOT / "var" / "test-models" / _made_from()
    if Registry(folder).live() is None:
        folder.mkdir(parents=True, exist_ok=True)
        train(folder)
    return folder


def _made_from() -> str:
    files = [ROOT / "config.yml", ROOT / "domain.yml", *sorted(ROOT.glob("data/**/*.yml"))]
    data = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
    return f"{engine_version()}-{data}"


@dataclass
class Product:
    """Engine, actions and gateway under the supervisor, on free ports, with a database of their own."""

    base: str
    db: Database
    supervisor: psutil.Process
    http: aiohttp.ClientSession
    started_in: float  # seconds from the start of the supervisor until everything answered

    def process(self, module: str) -> psutil.Process:
        """One of the processes, by the module it runs."""
        for child in self.supervisor.children():
            if module in child.cmdline():
                return child
        raise LookupError(module)

    def kill(self, module: str) -> None:
        """`kill -9`; the supervisor starts it again."""
        os.kill(self.process(module).pid, signal.SIGKILL)

    async def customer(self, **session: str) -> Customer:
        return await Customer.arrive(self.http, self.base, self.db, **session)


@asynccontextmanager
async def running_product(folder: Path, models: Path, **settings: str) -> AsyncIterator[Product]:
    """Start everything, and end it when the block ends."""
    url = settings.pop("database_url", f"sqlite+aiosqlite:///{folder / 'zabota.db'}")
    await upgrade_async(url)
    db = Database(url)
    await demo.load(db, SystemClock().now())
    port = unused_port()
    names = {"engine_port": unused_port(), "actions_port": unused_port(), "port": port} | settings
    names |= {"var": folder, "models": models, "database_url": url, "log_level": "warning"}
    env = {f"ZABOTA_{name.upper()}": str(value) for name, value in names.items()}
    log = (folder / "product.log").open("wb")
    began = time.monotonic()
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.run",
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
    )
    try:
        await _until_ready(child, folder / "product.log")
        started_in = time.monotonic() - began
        async with aiohttp.ClientSession() as http:
            supervisor = psutil.Process(child.pid)
            yield Product(f"http://127.0.0.1:{port}", db, supervisor, http, started_in)
    finally:
        if child.returncode is None:
            child.terminate()
        await asyncio.wait_for(child.wait(), 30)
        await db.close()
        log.close()


async def _until_ready(child: asyncio.subprocess.Process, log: Path) -> None:
    assert child.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            async for line in child.stdout:
                if b"Zabota is running" in line:
                    return
    except TimeoutError:
        pass
    said = await asyncio.to_thread(log.read_text)
    raise AssertionError(f"the product did not start:\n{said[-4000:]}")
