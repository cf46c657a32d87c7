"""Paging by time where a CRM has no keyset: the next page begins at the last time seen.

Page numbers shift when records change while one reads; times do not. Only records of one and the same second,
more than a page of them, are told apart by a page number.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from crm_bridge.adapters.reading import moment
from crm_bridge.adapters.values import Change

BEGINNING = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """Everything since `start`, beginning with the page `number` (from 0)."""

    start: datetime
    number: int = 0

    @classmethod
    def read(cls, cursor: str | None, since: datetime | None) -> "Window":
        """The window that a cursor names, or the first one."""
        if cursor is None:
            return cls((since or BEGINNING).replace(microsecond=0))
        start, number = json.loads(cursor)
        return cls(moment(start) or BEGINNING, number)

    def after(self, changes: Sequence[Change], size: int) -> str | None:
        """The cursor that follows a page; None when it was the last one.

        A page that ends in the second in which it began is followed by the page of the next number.
        """
        if len(changes) < size:
            return None
        last = max((change.updated_at for change in changes if change.updated_at), default=self.start)
        last = last.replace(microsecond=0)
        number = self.number + 1 if last <= self.start else 0
        return json.dumps([max(last, self.start).isoformat(), number])
