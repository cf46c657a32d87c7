"""Writing and reading the audit log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit.tables import AuditRecord
from core.clock import Clock


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as it is shown."""

    at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, Any]


class Audit:
    """The log. A record is written in the transaction of the deed: there is no deed without its record."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def record(
        self, session: AsyncSession, actor: str, action: str, subject: str, **details: Any
    ) -> None:
        """Add a record.

        Args:
            details: values that JSON can hold; numbers and words of ours, nothing that a customer wrote.
        """
        await session.execute(
            insert(AuditRecord).values(
                at=self._clock.now(), actor=actor, action=action, subject=subject, details=details
            )
        )

    async def of_subject(self, session: AsyncSession, subject: str, limit: int = 100) -> list[Entry]:
        """What was done with somebody or something, newest first."""
        query = (
            select(AuditRecord)
            .where(AuditRecord.subject == subject)
            .order_by(AuditRecord.at.desc(), AuditRecord.id.desc())
            .limit(limit)
        )
        return [
            Entry(row.at, row.actor, row.action, row.subject, row.details)
            for row in await session.scalars(query)
        ]
