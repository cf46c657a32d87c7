"""What SQLite and PostgreSQL both can do, and SQLAlchemy has no common word for."""

from typing import Any

from sqlalchemy import Select, TextualSelect, bindparam, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.default import DefaultDialect
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


def as_text(query: Select[Any]) -> TextualSelect:
    """The same query, already composed: for a large one, composing takes ten times longer than running it.

    Keep the result and execute it with the values of the query's named parameters. Both databases must
    understand the query as it stands; IN and constants that are not literal do not survive.
    """
    composed = query.compile(dialect=DefaultDialect(paramstyle="named"))
    parameters = [bindparam(name, type_=bound.type) for name, bound in composed.binds.items()]
    return text(str(composed)).bindparams(*parameters).columns(*query.selected_columns)
