"""Tokens that expire are kept once for all processes."""

import pytest
from sqlalchemy import text

from core.clock import ManualClock
from core.db import Database
from crm_bridge.adapters import AuthFailed
from crm_bridge.adapters.oauth import Tokens
from crm_bridge.sync.tokens import DatabaseTokens

KEY = b"a key of the installation"
FIRST, SECOND, THIRD = (Tokens(f"access-{n}", f"refresh-{n}") for n in range(3))


async def test_the_newest_tokens_are_the_ones_that_count(db: Database, clock: ManualClock) -> None:
    one, other = (DatabaseTokens(db, clock, KEY, "shop", FIRST) for _ in range(2))
    assert await one.load() == FIRST
    assert await one.swap(FIRST, SECOND)
    assert await other.load() == SECOND
    assert not await other.swap(FIRST, THIRD)  # it was too slow; its tokens were never given
    assert await other.swap(SECOND, THIRD)
    assert await one.load() == THIRD
    assert await DatabaseTokens(db, clock, KEY, "other", FIRST).load() == FIRST


async def test_whoever_reads_the_database_has_no_tokens(db: Database, clock: ManualClock) -> None:
    await DatabaseTokens(db, clock, KEY, "shop", FIRST).swap(FIRST, SECOND)
    async with db.read() as session:
        [kept] = (await session.execute(text("SELECT access, refresh FROM crm_token"))).all()
    assert not any(part in value for part in ("access-1", "refresh-1") for value in kept)
    with pytest.raises(AuthFailed):
        await DatabaseTokens(db, clock, b"another key", "shop", FIRST).load()


async def test_tokens_are_not_shown() -> None:
    assert "access-0" not in repr(FIRST)
