"""Things that are done once, however often they are asked for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.models import Operation
from crm_bridge.sql import insert_if_absent

Result = dict[str, Any]


class KeyReused(Exception):
    """An idempotency key came back with another operation: a defect of the caller."""


@dataclass(frozen=True, slots=True)
class Done:
    """The recorded result; `repeated` when an earlier call did the work."""

    result: Result
    repeated: bool


async def once(
    session: AsyncSession, key: str, name: str, now: datetime, run: Callable[[], Awaitable[Result]]
) -> Done:
    """Run an operation in the caller's writing transaction, or return what it gave the first time.

    The record and the operation's own rows are committed together. Two callers with one key: the second
    waits for the first to commit, then gets its result. When `run` raises, nothing of it stays.

    Args:
        key: conversation id + message id + what is done; up to 255 characters.
        run: gives a result that JSON can hold.

    Raises:
        KeyReused: the key belongs to an operation of another name.
    """
    async with session.begin_nested():
        row = {"key": key, "name": name, "result": None, "created_at": now}
        if not await insert_if_absent(session, Operation, row):
            return Done(await _recorded(session, key, name), repeated=True)
        result = await run()
        await session.execute(update(Operation).where(Operation.key == key).values(result=result))
    return Done(result, repeated=False)


async def _recorded(session: AsyncSession, key: str, name: str) -> Result:
    query = select(Operation.name, Operation.result).where(Operation.key == key)
    recorded = (await session.execute(query)).one()
    if recorded.name != name:
        raise KeyReused(f"the key of a {recorded.name} was used for a {name}")
    if recorded.result is None:
        raise KeyReused(f"a {name} asked for itself while it ran")
    return dict(recorded.result)
