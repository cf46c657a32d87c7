"""What waits for later dates costs today's messages nothing: no statement of delivery looks at it."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from sqlalchemy import event, insert, text

from core.clock import ManualClock
from core.db import Database
from core.jobs.embedded import LATER, JobRow
from crm_bridge.models import MessageState
from tests.gateway.pocket import Pocket
from tests.gateway.post import Post

WAITING = 20_000
LOOKED_AT = 500  # rows of the queue that one statement may touch: those of today, several times over

Asked = tuple[str, Any]


@pytest.fixture
async def post(db: Database, clock: ManualClock, tmp_path: object) -> AsyncIterator[Post]:
    async with aiohttp.ClientSession() as http:
        yield Post(db, clock, http, var=tmp_path)


async def wait_for_next_week(db: Database, clock: ManualClock, kind: str) -> None:
    """Reminders of as many customers, due in a week."""
    now = clock.now()
    row = {"kind": kind, "payload": {"outbox_id": 0}, "priority": 6, "state": LATER, "attempts": 0}
    row |= {"failures": 0, "created_at": now}
    later = [
        row | {"partition_key": f"out:later{n}", "due_at": now + timedelta(days=7, seconds=n)}
        for n in range(WAITING)
    ]
    async with db.write() as session:
        await session.execute(insert(JobRow), later)
    async with db.write() as session:
        await session.execute(text("ANALYZE"))


@contextmanager
def statements(db: Database) -> Iterator[list[Asked]]:
    """What is asked of the queue meanwhile, as the database gets it."""
    seen: list[Asked] = []

    def note(_conn: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if " job" in statement:
            seen.append((statement, values[0] if many else values))

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    yield seen
    event.remove(db.engine.sync_engine, "before_cursor_execute", note)


def steps_of_sqlite(db: Database, asked: Asked) -> int:
    """Thousands of steps that SQLite takes for a statement; a look at a row takes five or more."""
    steps = 0

    def thousand_more() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection = sqlite3.connect(db.url.database or "", isolation_level=None)
    connection.set_progress_handler(thousand_more, 1000)
    connection.execute("BEGIN")
    connection.execute(*asked).fetchall()
    connection.execute("ROLLBACK")
    connection.close()
    return steps


async def plan_of_postgresql(db: Database, asked: Asked) -> list[dict[str, Any]]:
    """The nodes that read the queue, and how many rows each looked at."""
    async with db.engine.connect() as connection:
        explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {asked[0]}"
        [[plan]] = (await connection.exec_driver_sql(explained, asked[1])).all()
        await connection.rollback()
    return [node for node in _nodes(plan[0]["Plan"]) if node.get("Relation Name") == "job"]


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


def _looked_at(node: dict[str, Any]) -> float:
    removed: float = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    looked: float = (node["Actual Rows"] + removed) * node["Actual Loops"]
    return looked


async def test_a_delivery_looks_only_at_what_is_due(post: Post, clock: ManualClock) -> None:
    telegram = Pocket(clock)
    post.connect(telegram)
    await wait_for_next_week(post.db, clock, "deliver:telegram:main")
    chats = [await post.chat("telegram", str(n)) for n in range(5)]
    for chat in chats:
        await post.say(chat, f"ответ {chat.address}", f"и ещё {chat.address}")

    with statements(post.db) as asked:
        await post.deliver()
        await post.wait(60)  # the second line of a chat has to wait for the pace of it
        await post.gateway.queue.next_due(["deliver:telegram:main"])
    assert await post.state("и ещё 4") is MessageState.SENT
    kinds = {statement.split(maxsplit=1)[0] for statement, _ in asked}
    assert kinds >= {"SELECT", "UPDATE", "DELETE"}

    for one in asked:
        if post.db.is_sqlite:
            assert steps_of_sqlite(post.db, one) < WAITING / 1000, one
        else:
            nodes = await plan_of_postgresql(post.db, one)
            assert not [node for node in nodes if node["Node Type"] == "Seq Scan"], one
            assert all(_looked_at(node) < LOOKED_AT for node in nodes), one
