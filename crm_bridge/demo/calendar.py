"""Moves the demo company's past and future along with the days."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.db import Base, UtcDateTime
from crm_bridge.models import (
    Appointment,
    Asset,
    Checkpoint,
    Document,
    Interaction,
    LoyaltyEntry,
    Operation,
    Order,
    Payment,
    Refund,
    Review,
    SavedMethod,
    Shipment,
    Slot,
    Subscription,
    Ticket,
)

DATED = (  # consent is left where it was given: its records are never changed
    Order,
    Shipment,
    Checkpoint,
    Payment,
    Refund,
    SavedMethod,
    Subscription,
    LoyaltyEntry,
    Asset,
    Slot,
    Appointment,
    Ticket,
    Review,
    Document,
    Interaction,
)


async def catch_up(session: AsyncSession, key: str, now: datetime) -> timedelta:
    """Shift all dates by the whole days since the company was loaded or last shifted.

    Args:
        key: of the operation that loaded it; its date is moved on too.
    """
    loaded = await session.scalar(select(Operation.created_at).where(Operation.key == key))
    assert loaded is not None
    days = timedelta(days=(now - loaded).days)
    if days > timedelta():
        for table in DATED:
            await _shift(session, table, days)
        await session.execute(update(Operation).where(Operation.key == key).values(created_at=loaded + days))
    return days


async def _shift(session: AsyncSession, table: type[Base], by: timedelta) -> None:
    columns = table.__table__.c
    dates = [column.name for column in columns if isinstance(column.type, UtcDateTime)]
    latest_first = columns[dates[0]].desc()  # no two slots of a place may begin at once, not even on the way
    query = select(columns.id, *(columns[name] for name in dates)).order_by(latest_first)
    rows = (await session.execute(query)).all()
    if not rows:
        return
    moved = [
        {"row": row.id}
        | {f"new_{name}": value and value + by for name, value in zip(dates, row[1:], strict=True)}
        for row in rows
    ]
    changes: dict[str, Any] = {name: bindparam(f"new_{name}") for name in dates}
    statement = update(table.__table__).where(columns.id == bindparam("row")).values(changes)  # type: ignore[arg-type]
    connection = await session.connection()
    await connection.execute(statement, moved)
