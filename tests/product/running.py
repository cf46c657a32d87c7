"""Starts the whole product on free ports, for tests and benchmarks."""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil

from bot.cli.training import train
from bot.registry import Registry, engine_version
from core.clock import SystemClock
from core.db import Database
from core.migrations import upgrade_async
from core.settings import ROOT, Settings
from crm_bridge import demo
from tests.ports import free_port
from tests.product.customer import Customer

START_SECONDS = 90


def trained_models() -> Path:
    """A folder with the real model, trained anew when anything it is made from has changed."""
    folder = ROOT / "var" / "test-models" / _made_from()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".training").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the suite runs in several processes, and one of them trains
        if Registry(folder, Settings().models_key).live() is None:
            train(folder)
    return folder


def _made_from() -> str:
    files = [ROOT / "config.yml", ROOT / "domain.yml", *_training_data()]
    data = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
    return f"{engine_version()}-{data}"


def _training_data() -> list[Path]:
    return sorted(path for kind in ("nlu", "rules", "stories") for path in ROOT.glob(f"data/{kind}/**/*.yml"))


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
            with contextlib.suppress(psutil.Error):  # it ended while we looked
                if module in child.cmdline():
                    return child
        raise LookupError(module)

    def kill(self, module: str) -> None:
        """`kill -9`; the supervisor starts it again."""
        os.kill(self.process(module).pid, signal.SIGKILL)

    async def customer(self, **session: str) -> Customer:
        return await Customer.arrive(self.http, self.base, self.db, **session)


@contextlib.asynccontextmanager
async def running_product(folder: Path, models: Path, **settings: str) -> AsyncIterator[Product]:
    """Start everything, and end it when the block ends."""
    url = settings.pop("database_url", f"sqlite+aiosqlite:///{folder / 'zabota.db'}")
    await upgrade_async(url)
    db = Database(url)
    await demo.load(db, SystemClock().now())
    names = {name: free_port() for name in ("engine_port", "actions_port", "port")} | settings
    names.setdefault("action_timeout", 25)  # seconds; a busy machine is slow
    names |= {"models_secret": Settings().models_key.decode()}  # whose models these are
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
            yield Product(f"http://127.0.0.1:{names['port']}", db, supervisor, http, started_in)
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
