"""The PostgreSQL of these stories is emptied between them: making a database takes ten times longer."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from tests.conftest import Postgres

NAME = "emptied"
MANY = 12  # filled tables: a whole company, which it is quicker to throw away
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
LET_GO = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()"
)
FROM_ONE = (
    "SELECT setval(quote_ident(sequencename)::regclass, start_value, false) FROM pg_sequences"
    " WHERE last_value IS NOT NULL"
)


class Emptied:
    """A migrated database without rows. It is made when it is first asked for."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._there = False
        self._engine = create_async_engine(self.url, isolation_level="AUTOCOMMIT")

    @property
    def url(self) -> str:
        return self._server.database(NAME)

    async def ready(self) -> None:
        if not self._there:
            await self._server.run(f"CREATE DATABASE {NAME} TEMPLATE {self._server.template}")
            self._there = True

    async def clear(self) -> None:
        """Whatever a story left is gone, and ids begin with 1 again."""
        async with self._engine.connect() as connection:
            await connection.execute(text(LET_GO), {"name": NAME})
            filled = await _filled(connection)
            if len(filled) <= MANY:
                await connection.execute(text("SET session_replication_role = replica"))  # no foreign keys
                for table in filled:
                    await connection.execute(text(f"DELETE FROM {table}"))
                await connection.execute(text("SET session_replication_role = DEFAULT"))
                await connection.execute(text(FROM_ONE))
        if len(filled) > MANY:
            await self.drop()

    async def drop(self) -> None:
        await self._engine.dispose()
        if self._there:
            await self._server.run(f"DROP DATABASE {NAME} WITH (FORCE)")
            self._there = False


async def _filled(connection: AsyncConnection) -> list[str]:
    tables = list(await connection.scalars(text(TABLES)))
    look = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in tables)
    return list(await connection.scalars(text(look)))


@pytest.fixture(scope="session")
async def emptied(postgres: Postgres) -> AsyncIterator[Emptied]:
    database = Emptied(postgres)
    yield database
    await database.drop()


@pytest.fixture
async def emptied_url(emptied: Emptied) -> AsyncIterator[str]:
    await emptied.ready()
    yield emptied.url
    await emptied.clear()


@pytest.fixture(params=["sqlite_url", "emptied_url"], ids=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url
