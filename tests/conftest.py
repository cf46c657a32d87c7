"""What every test may ask for: a fresh database on both systems, a clock that stands still, a browser."""

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from playwright.async_api import Browser, async_playwright
from playwright.async_api import Error as PlaywrightError

from bot.web.staff import accounts
from core.clock import ManualClock
from core.db import Database
from core.migrations import upgrade_async
from tests import workers
from tests.browsing import launch
from tests.databases import Emptied, Postgres, running_postgres

NOON = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)  # a Friday, twelve o'clock in Moscow


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    workers.longest_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> workers.ByFile:
    return workers.ByFile(config, log)


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Staff accounts of a test are no prize for anybody: their hashes need not cost 64 MB and 0.1 s each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_hasher", PasswordHasher.from_parameters(CHEAPEST))
        yield


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[Postgres]:
    async with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
async def emptied(postgres: Postgres) -> AsyncIterator[Emptied]:
    database = Emptied(postgres)
    yield database
    await database.drop()


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
async def postgres_url(emptied: Emptied) -> AsyncIterator[str]:
    """A migrated database without rows. One test after the other gets the same: making one takes long."""
    await emptied.ready()
    yield emptied.url
    await emptied.clear()


@pytest.fixture
async def own_postgres_url(postgres: Postgres) -> AsyncIterator[str]:
    """A database of this test alone: its tables may change, and processes may hold on to it."""
    name = f"t{uuid.uuid4().hex}"
    yield await postgres.copy(name)
    await postgres.drop(name)


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
