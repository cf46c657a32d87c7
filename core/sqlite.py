"""SQLite for asyncio, with few trips between threads.

SQLAlchemy's adapter of aiosqlite visits the thread of a connection four times a statement: open a cursor,
execute, fetch, close. Each visit wakes that thread and then the event loop: most of what a statement cost.
Here a statement makes one visit. A statement of a transaction that holds the write lock makes none: it waits
for nobody, and is done sooner than the visit. Nor does a BEGIN, unless another process is writing just then.
What may wait or take long still goes there: COMMIT, and all that only reads.
"""

import collections
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)
from sqlalchemy.util import await_only

BUSY_SECONDS = 15
BEGIN = "BEGIN"
BEGIN_WRITING = "BEGIN IMMEDIATE"


class _Answer(NamedTuple):
    rows: list[Any]
    description: Any
    rowcount: int
    lastrowid: int | None


def _ask(connection: sqlite3.Connection, method: str, statement: str, values: Any) -> _Answer:
    """In the connection's thread: run the statement to its end."""
    cursor = connection.cursor()
    try:
        getattr(cursor, method)(statement, values)
        rows = cursor.fetchall() if cursor.description else []
        return _Answer(rows, cursor.description, cursor.rowcount, cursor.lastrowid)
    finally:
        cursor.close()


async def _given(answer: _Answer) -> _Answer:
    return answer


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """A cursor that exists in the thread only while its statement runs."""

    __slots__ = ("_answer",)

    _adapt_connection: "_Connection"

    def __init__(self, adapt_connection: "_Connection") -> None:
        self._adapt_connection = adapt_connection
        self._connection = adapt_connection._connection
        self._rows = collections.deque()
        self._answer = _Answer([], None, -1, None)

    @property
    def description(self) -> Any:
        return self._answer.description

    @property
    def rowcount(self) -> int:
        return self._answer.rowcount

    @property
    def lastrowid(self) -> int:
        return self._answer.lastrowid or 0

    def execute(self, operation: Any, parameters: Any = None) -> Any:
        return self._run("execute", operation, () if parameters is None else parameters)

    def executemany(self, operation: Any, seq_of_parameters: Any) -> Any:
        return self._run("executemany", operation, seq_of_parameters)

    def close(self) -> None:
        self._rows.clear()

    async def _async_soft_close(self) -> None:
        """Nothing is open."""

    def _run(self, method: str, statement: str, values: Any) -> Any:
        connection = self._adapt_connection
        work = partial(_ask, connection.raw, method, statement, values)
        try:
            known = connection.at_once(statement, work)
            # SQLAlchemy wants every statement awaited, be it done already.
            self._answer = await_only(_given(known) if known else connection.visit(work))
        except Exception as error:
            connection._handle_exception(error)
        self._rows = collections.deque(self._answer.rows)
        return self


class _Connection(AsyncAdapt_aiosqlite_connection):
    """Knows whether its transaction holds the write lock."""

    __slots__ = ("_away", "_writing")

    _cursor_cls: type[Any] = _Cursor

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self._writing = False
        self._away = False  # the thread is at work, or was when we stopped waiting for it

    @property
    def raw(self) -> sqlite3.Connection:
        """The standard library's connection."""
        connection: Any = self._connection
        raw: sqlite3.Connection = connection._conn
        return raw

    def at_once(self, statement: str, work: Callable[[], _Answer]) -> _Answer | None:
        """Run in this thread what cannot wait; None if it must go to the other."""
        if self._away:
            return None
        if statement in (BEGIN, BEGIN_WRITING):
            self._writing = statement == BEGIN_WRITING
            return work() if not self._writing else self._lock_if_free(work)
        return work() if self._writing and self.raw.in_transaction else None

    def _lock_if_free(self, work: Callable[[], _Answer]) -> _Answer | None:
        self.raw.execute("PRAGMA busy_timeout=0")
        try:
            return work()
        except sqlite3.OperationalError:
            return None
        finally:
            self.raw.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")

    async def visit(self, work: Callable[[], _Answer]) -> _Answer:
        """Run it in the connection's thread."""
        connection: Any = self._connection
        async with self._execute_mutex:
            self._away = True
            try:
                answer: _Answer = await connection._execute(work)
            except Exception:
                self._away = False
                raise
            self._away = False
        return answer

    def rollback(self) -> None:
        connection: Any = self._connection
        if self._away or connection._connection is None:
            super().rollback()
        else:
            self.raw.rollback()


class Driver(AsyncAdapt_aiosqlite_dbapi):
    """The DBAPI module to give to `create_async_engine`."""

    def __init__(self) -> None:
        super().__init__(aiosqlite, sqlite3)

    def connect(self, *arguments: Any, **named: Any) -> AsyncAdapt_aiosqlite_connection:
        plain = super().connect(*arguments, **named)
        return _Connection(self, plain._connection)
