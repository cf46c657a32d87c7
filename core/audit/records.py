"""Writing the audit log."""

from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit.tables import AuditRecord
from core.clock import Clock


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
