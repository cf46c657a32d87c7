"""What SQLite and PostgreSQL both can do, and SQLAlchemy has no common word for."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from core.db import Base


async def insert_if_absent(session: AsyncSession, table: type[Base], values: dict[str, Any]) -> bool:
    """Insert a row unless one of its unique keys is taken. True when this call inserted it.

    On PostgreSQL the call waits for a transaction that is inserting the same key, so after it the row is
    there for everyone to see or lock.
    """
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    key = next(iter(table.__table__.primary_key))
    statement = insert(table).values(**values).on_conflict_do_nothing().returning(key)
    return (await session.execute(statement)).first() is not None
