"""What SQLite and PostgreSQL both can do, and SQLAlchemy has no common word for."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, TextualSelect, bindparam, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.ext.asyncio import AsyncSession

from core.db import Base, on_sqlite


async def insert_if_absent(session: AsyncSession, table: type[Base], values: dict[str, Any]) -> bool:
    """Insert a row unless one of its unique keys is taken. True when this call inserted it.

    On PostgreSQL the call waits for a transaction that is inserting the same key, so after it the row is
    there for everyone to see or lock.
    """
    insert = sqlite.insert if on_sqlite(session) else postgresql.insert
    key = next(iter(table.__table__.primary_key))
    statement = insert(table).values(**values).on_conflict_do_nothing().returning(key)
    return (await session.execute(statement)).first() is not None


def as_text(query: Select[Any]) -> TextualSelect:
    """The same query, already composed: for a large one, composing takes ten times longer than running it.

    Keep the result and execute it with the values of the query's named parameters. Both databases must
    understand the query as it stands; IN and constants that are not literal do not survive.
    """
    return union_as_text((query,))


def union_as_text(arms: Sequence[Select[Any]], end: str = "") -> TextualSelect:
    """All rows of queries with the same columns, composed like `as_text`; `end` orders and limits them.

    Written out by hand because it comes out half as long: psycopg looks at every letter of a statement of
    more than 4096 characters each time it is sent.
    """
    composed = [arm.compile(dialect=DefaultDialect(paramstyle="named")) for arm in arms]
    types = {name: bound.type for each in composed for name, bound in each.binds.items()}
    parts = (f"SELECT * FROM ({each}) AS a{n}" for n, each in enumerate(composed))  # noqa: S608 - ours
    whole = f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS found {end}"  # noqa: S608
    parameters = [bindparam(name, type_=type_) for name, type_ in types.items()]
    statement = text(whole.replace("\n", "").strip())
    return statement.bindparams(*parameters).columns(*arms[0].selected_columns)


async def reserve_ids(session: AsyncSession, table: type[Base], count: int) -> list[int]:
    """Ids for rows that are going to be inserted in this writing transaction, many in one statement."""
    name = table.__tablename__
    if on_sqlite(session):  # nobody else writes now
        last = await session.scalar(text(f"SELECT max(id) FROM {name}")) or 0  # noqa: S608 - our own table
        return list(range(last + 1, last + 1 + count))
    drawn = text("SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, :count)")
    return list(await session.scalars(drawn, {"name": name, "count": count}))


async def one_at_a_time(session: AsyncSession, number: int) -> None:
    """Wait until no other transaction holds this number; SQLite has one writer at a time anyway."""
    if not on_sqlite(session):
        await session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})
