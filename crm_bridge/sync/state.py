"""How far an account has come, and whether it answers. Plain functions over one row."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core import logs
from core.clock import Clock
from core.db import Database
from core.jobs import Park, RetryAfter
from crm_bridge.adapters.errors import (
    AuthFailed,
    Conflict,
    CrmError,
    RateLimited,
    Refused,
    Unavailable,
)
from crm_bridge.sql import insert_if_absent
from crm_bridge.sync.tables import CrmState

log = logs.get("crm sync")

WHILE_DOWN = timedelta(seconds=30)  # between tries of an account that does not answer
WHILE_LOCKED_OUT = timedelta(minutes=5)  # … that refuses our key
ERROR_LIMIT = 200


async def state_of(session: AsyncSession, account: str) -> CrmState:
    """The row of an account, made if need be, held until the transaction ends."""
    await insert_if_absent(session, CrmState, {"account": account, "cursors": {}})
    query = select(CrmState).where(CrmState.account == account).with_for_update()
    return (await session.execute(query.execution_options(populate_existing=True))).scalar_one()


@asynccontextmanager
async def answering(db: Database, clock: Clock, account: str) -> AsyncIterator[None]:
    """Work that asks a CRM. An account that does not answer is put on record, and the job waits for it.

    `Uncertain` goes through and counts as a failure of the job: the next try looks whether it was done.

    Raises:
        RetryAfter: later, and it is nobody's failure.
        Park: the CRM refuses this; sending it again is useless.
    """
    try:
        yield
    except (Unavailable, RateLimited, AuthFailed) as error:
        if not isinstance(error, RateLimited):
            await failed(db, clock, account, f"{type(error).__name__}: {error}")
        raise RetryAfter(_wait(error)) from None
    except (Refused, Conflict) as error:
        log.warning("refused", account=account, error=type(error).__name__)
        raise Park(f"{type(error).__name__}: {error}"[:ERROR_LIMIT]) from None


def _wait(error: CrmError) -> timedelta:
    if isinstance(error, RateLimited):
        return max(error.retry_after, timedelta(seconds=1))
    return WHILE_LOCKED_OUT if isinstance(error, AuthFailed) else WHILE_DOWN


async def failed(db: Database, clock: Clock, account: str, why: str) -> None:
    """Put down what is wrong with an account, until it answers again."""
    async with db.write() as session:
        state = await state_of(session, account)
        state.failing_since = state.failing_since or clock.now()
        state.error = why[:ERROR_LIMIT]


async def answers(session: AsyncSession, account: str) -> None:
    """The account answered: whatever was wrong is over."""
    await session.execute(
        update(CrmState)
        .where(CrmState.account == account, CrmState.failing_since.is_not(None))
        .values(failing_since=None, error=None)
    )
