"""Many rows in one statement, on each database in its own way."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import event, func, insert, select, text

from core.db import Database
from core.jobs.embedded import JOB
from core.many import UpdateMany

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
_MANY = text(
    "INSERT INTO job (id, kind, payload, priority, due_at, state, attempts, failures, created_at)"
    " SELECT n, 'k', '{}', 0, :now, 'later', 0, 0, :now FROM generate_series(1, 50000) AS n"
)
TAKE = UpdateMany(JOB.c.id, [JOB.c.state, JOB.c.attempts], JOB.c.state == "ready")


async def add(db: Database, state: str, count: int) -> list[int]:
    row = {"kind": "k", "payload": {}, "priority": 0, "due_at": NOW, "failures": 0, "created_at": NOW}
    async with db.write() as session:
        first = await session.scalar(select(func.coalesce(func.max(JOB.c.id), 0))) or 0
        rows = [row | {"id": first + n, "state": state, "attempts": 0} for n in range(1, count + 1)]
        await session.execute(insert(JOB), rows)
    return [each["id"] for each in rows]


async def test_each_row_gets_its_own_values_and_what_else_must_hold_holds(db: Database) -> None:
    ready, leased = await add(db, "ready", 2), await add(db, "leased", 1)
    async with db.write() as session:
        changes = [{"id": id_, "state": "leased", "attempts": 5 + id_} for id_ in ready + leased]
        await TAKE.run(session, changes)
    async with db.read() as session:
        found = {row.id: (row.state, row.attempts) for row in await session.execute(select(JOB))}
    assert found == {ready[0]: ("leased", 6), ready[1]: ("leased", 7), leased[0]: ("leased", 0)}


@pytest.mark.parametrize("database_url", ["postgres_url"], indirect=True, ids=["postgresql"])
async def test_rows_are_looked_up_by_their_key_whatever_the_statistics_say(db: Database) -> None:
    """At the time of the statistics nothing was ready: PostgreSQL would look for what is ready first."""
    async with db.engine.connect() as connection:
        await connection.execute(_MANY, {"now": NOW})
        await connection.execute(text("ANALYZE job"))
        await connection.commit()
    statements: list[tuple[str, object]] = []
    event.listen(
        db.engine.sync_engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, given, *_: statements.append((statement, given)),
    )
    ready = await add(db, "ready", 100)
    async with db.write() as session:
        await TAKE.run(session, [{"id": id_, "state": "leased", "attempts": 1} for id_ in ready])
        statement, given = statements[-1]
        raw = await session.connection()
        plan = "\n".join(row[0] for row in await raw.exec_driver_sql(f"EXPLAIN {statement}", given))
    assert "Index Cond: (id = given.id)" in plan, plan
