"""One statement for many rows, in the way that each database does best.

SQLite is in our own process: rows one after another cost it nothing. For PostgreSQL each row would be a
message there and back, so it is given arrays; and the text of a statement stays the same for any number of
rows, so it is planned once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Insert,
    TableValuedAlias,
    Update,
    and_,
    any_,
    bindparam,
    case,
    column,
    false,
    func,
    insert,
    select,
    true,
    update,
)
from sqlalchemy import Column as Col
from sqlalchemy.ext.asyncio import AsyncSession

from core.db import on_sqlite

Row = Mapping[str, Any]


def one_of(col: "Col[Any] | ColumnElement[Any]", name: str, *, sqlite: bool) -> ColumnElement[bool]:
    """The column is in the list that is given as parameter `name`."""
    if sqlite:
        return col.in_(bindparam(name, expanding=True))
    return col == any_(bindparam(name, type_=ARRAY(col.type)))


class UpdateMany:
    """Sets columns of many rows, each to its own values. Rows are mappings by the columns' names.

    Args:
        key: the column that tells which row.
        columns: the columns that are set.
        only: what must hold besides; it may not name parameters.
    """

    def __init__(self, key: "Col[Any]", columns: Sequence["Col[Any]"], *only: ColumnElement[bool]) -> None:
        table: Any = key.table
        self._names = [key.name, *(each.name for each in columns)]
        values = {each.name: _given(each) for each in columns}
        self._each: Update = update(table).where(key == _given(key), *only).values(values)
        rows = _unnested([key, *columns])
        taken = {each.name: rows.c[each.name] for each in columns}
        # Rows are looked up by their key. PostgreSQL would begin with `only` if its statistics know no such
        # row, and compare each that there is by now with every one given; into a CASE it does not look.
        still = [case((and_(*only), true()), else_=false())] if only else []
        self._at_once: Update = update(table).where(key == rows.c[key.name], *still).values(taken)

    async def run(self, session: AsyncSession, rows: Sequence[Row]) -> None:
        await _run(session, self._each, self._at_once, self._names, rows)


class InsertMany:
    """Adds many rows with the given columns."""

    def __init__(self, columns: Sequence["Col[Any]"]) -> None:
        table: Any = columns[0].table
        self._names = [each.name for each in columns]
        self._each: Insert = insert(table).values({each.name: _given(each) for each in columns})
        rows = _unnested(columns)
        self._at_once: Insert = insert(table).from_select(self._names, select(*rows.c))

    async def run(self, session: AsyncSession, rows: Sequence[Row]) -> None:
        await _run(session, self._each, self._at_once, self._names, rows)


async def _run(session: AsyncSession, each: Any, at_once: Any, names: list[str], rows: Sequence[Row]) -> None:
    if not rows:
        return
    if on_sqlite(session):
        await session.execute(each, [{f"p_{name}": row[name] for name in names} for row in rows])
    else:
        await session.execute(at_once, {f"p_{name}": [row[name] for row in rows] for name in names})


def _given(col: "Col[Any]") -> BindParameter[Any]:
    return bindparam(f"p_{col.name}", type_=col.type)


def _unnested(columns: Sequence["Col[Any]"]) -> TableValuedAlias:
    arrays = [bindparam(f"p_{each.name}", type_=ARRAY(each.type)) for each in columns]
    shape = [column(each.name, each.type) for each in columns]
    return func.unnest(*arrays).table_valued(*shape).render_derived(name="given")
