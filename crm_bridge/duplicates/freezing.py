"""Rows as JSON and back, for the record of a merge."""

from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import Table

from core.db import UtcDateTime


def freeze(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """A row with values that JSON can hold."""
    return {column.name: _plain(row[column.name]) for column in table.c}


def thaw(table: Table, frozen: dict[str, Any]) -> dict[str, Any]:
    """The row again. Columns that the table no longer has are left out."""
    known = {column.name: frozen[column.name] for column in table.c if column.name in frozen}
    times = {name for name in known if isinstance(table.c[name].type, UtcDateTime)}
    return {name: _time(value) if name in times else value for name, value in known.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
