"""Everything that is held about a person: as JSON for machines, as text for the person."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncSession

from core import yml
from core.clock import Clock
from core.db import Database
from core.texts import Texts
from crm_bridge.duplicates.freezing import freeze
from crm_bridge.privacy.finding import NobodyMeant
from crm_bridge.privacy.reach import chunks, family, reach, subject_of
from crm_bridge.privacy.stores import Stores

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")
SECRETS = frozenset({"code_hash", "contact_hash"})  # they protect the person, and tell them nothing
_HERE = Path(__file__).parent
_titles = Texts(_HERE / "titles.yml")
_columns: dict[str, dict[str, str]] = yml.parse((_HERE / "columns.yml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Held:
    """What is held about a person, table by table."""

    at: datetime
    language: str  # the person's
    tables: dict[str, list[dict[str, Any]]]  # values as JSON holds them

    def as_json(self) -> str:
        """Everything, for machines."""
        return json.dumps({"exported_at": self.at.isoformat(), **self.tables}, ensure_ascii=False, indent=2)

    def as_text(self) -> str:
        """Everything that a person can make sense of, in their language; keys of rows are left out."""
        lines = [_titles("heading", self.language, at=f"{self.at:%d.%m.%Y %H:%M} UTC"), ""]
        for name, rows in self.tables.items():
            lines += [f"{self._title(name)} ({len(rows)})", *self._told(rows), ""]
        return "\n".join(lines)

    def _title(self, name: str) -> str:
        try:
            return _titles(name, self.language)
        except KeyError:  # a table of a newer package: better its own name than silence
            return name

    def _told(self, rows: list[dict[str, Any]]) -> Iterator[str]:
        for row in rows:
            told = [
                f"{_column(key, self.language)}: {self._value(value)}"
                for key, value in row.items()
                if value not in (None, "", [], {}) and key != "id" and not key.endswith("_id")
            ]
            yield "  • " + "; ".join(told)

    def _value(self, value: Any) -> str:
        if isinstance(value, bool):
            return _titles("yes" if value else "no", self.language)
        if isinstance(value, dict | list):
            return json.dumps(value, ensure_ascii=False)
        return f"{datetime.fromisoformat(value):%d.%m.%Y %H:%M}" if _is_time(value) else str(value)


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and _TIME.fullmatch(value) is not None


def _column(key: str, language: str) -> str:
    said = _columns.get(key, {})
    return said.get(language) or key.replace("_", " ")


async def export(db: Database, clock: Clock, stores: Stores, customer_id: int) -> Held:
    """Collect everything about a customer, and about everybody who was merged into them.

    Raises:
        NobodyMeant: there is no such customer.
    """
    async with db.read() as session:
        customers = await family(session, customer_id)
        if not customers:
            raise NobodyMeant(str(customer_id))
        found = await reach(session, customers)
        tables = {table.name: await _reached(session, table, keys) for table, keys in found.items()}
        subject = await subject_of(session, found)
        for store in stores:
            for rows in await store.rows(session, subject):
                query = select(rows.table).where(rows.where)
                loose = [dict(row) for row in (await session.execute(query)).mappings()]
                if loose:
                    tables.setdefault(rows.table.name, []).extend(_frozen(rows.table, loose))
    language = next(row["language"] for row in tables["customer"] if row["id"] == customer_id)
    return Held(clock.now(), language, tables)


async def _reached(session: AsyncSession, table: Table, keys: list[Any]) -> list[dict[str, Any]]:
    key = next(iter(table.primary_key))
    rows: list[dict[str, Any]] = []
    for part in chunks(keys):
        found = await session.execute(select(table).where(key.in_(part)).order_by(key))
        rows += [dict(row) for row in found.mappings()]
    return _frozen(table, rows)


def _frozen(table: Table, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in freeze(table, row).items() if name not in SECRETS} for row in rows
    ]
