"""Incidents: entered by staff, or told by the company's own systems."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.signals.troubles import IncidentKind
from bot.proactive.tables import Incident
from crm_bridge.sql import insert_if_absent

LONGEST = 1000  # letters


class BadIncident(ValueError):
    """Something of it is missing or not understood."""


@dataclass(frozen=True, slots=True)
class Told:
    """An incident as it was told."""

    kind: IncidentKind
    match: str
    said: dict[str, str]
    external_ref: str | None
    starts_at: datetime | None
    ends_at: datetime | None

    @classmethod
    def read(cls, given: Any) -> Self:
        """Read `{"id"?, "kind", "match", "said": {"ru", "en"}, "starts_at"?, "ends_at"?}`.

        Raises:
            BadIncident
        """
        try:
            said = {language: str(given["said"][language] or "").strip() for language in ("ru", "en")}
            match = str(given["match"] or "").strip()
            kind = IncidentKind(given["kind"])
            begins, ends = _moment(given.get("starts_at")), _moment(given.get("ends_at"))
            ref = given.get("id")
        except (KeyError, TypeError, ValueError, AttributeError) as why:
            raise BadIncident(str(why)) from why
        if not match or not all(said.values()) or max(map(len, said.values())) > LONGEST:
            raise BadIncident("incomplete")
        return cls(kind, match[:200], said, str(ref)[:128] if ref else None, begins, ends)


def _moment(given: Any) -> datetime | None:
    if not given:
        return None
    moment = datetime.fromisoformat(str(given))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def enter(session: AsyncSession, told: Told, by: str, now: datetime) -> None:
    """Write an incident down; one of the same `id` only once."""
    values = {
        "external_ref": told.external_ref,
        "kind": told.kind.value,
        "match": told.match,
        "said": told.said,
        "starts_at": told.starts_at or now,
        "ends_at": told.ends_at,
        "created_by": by,
        "created_at": now,
    }
    await insert_if_absent(session, Incident, values)
