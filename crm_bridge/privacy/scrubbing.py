"""Removes the bytes of deleted rows from the database's files.

A database marks deleted rows as free and overwrites them some day. SQLite is rewritten whole (VACUUM) and its
log emptied; PostgreSQL rewrites the tables that were touched (VACUUM FULL, which locks each for as long as it
takes). Copies outside the files, such as backups, replicas and PostgreSQL's archived log, are the
administrator's matter; PostgreSQL's own log is overwritten as it goes on.
"""

import asyncio
import sqlite3
from collections.abc import Iterable
from contextlib import closing

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core import logs
from core.db import Base, Database
from core.sqlite import BUSY_SECONDS

_log = logs.get("privacy")


async def scrub(db: Database, tables: Iterable[str]) -> bool:
    """Rewrite what held deleted rows. False when others use the database, and something was left.

    Args:
        tables: names of those that were touched.
    """
    if db.is_sqlite:
        return await asyncio.to_thread(_rewrite_sqlite, str(db.url.database))
    async with db.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for name in sorted(set(tables) & Base.metadata.tables.keys()):
            await connection.execute(text(f'VACUUM (FULL) "{name}"'))
        try:
            await connection.execute(text("CHECKPOINT"))
        except DBAPIError:  # only a superuser or pg_checkpoint may; the next checkpoint comes in minutes
            _log.info("the checkpoint is left to the database")
            return False
    return True


def _rewrite_sqlite(path: str) -> bool:
    """VACUUM must stand outside any transaction, so it gets a connection of its own."""
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        try:
            connection.execute("VACUUM")
        except sqlite3.OperationalError:  # somebody holds the database
            return False
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return bool(busy == 0)
