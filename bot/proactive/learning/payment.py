"""How often a charge fails, by what is wrong beforehand."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

# Where the company's own history is thin; a stated rule, not a measurement.
STATED: Mapping[str, float] = {"no_card": 0.95, "card_expires": 0.9, "declines": 0.75, "no_history": 0.25}
LEAST_CHARGES = 50  # with one of the reasons, before the company's own history says anything
DECLINES_SINCE = timedelta(days=90)
MANY = 2  # declines in that time
PRIOR = 20.0  # charges that the stated share counts for


def wrong_with(expires_at: datetime | None, charged_at: datetime, declined: int, paid: int) -> str | None:
    """What speaks against a charge of a card beforehand; None if nothing does.

    Args:
        declined: charges of this card that failed within `DECLINES_SINCE`; paid: that ever went through.
    """
    if expires_at is not None and expires_at <= charged_at:
        return "card_expires"
    if declined >= MANY:
        return "declines"
    return None if paid else "no_history"


@dataclass(frozen=True, slots=True)
class PaymentModel:
    """Shares of failed charges by reason; the stated ones drawn towards what happened."""

    version: str = ""
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)  # reason → charges, failed

    def share(self, reason: str) -> float:
        charges, failed = self.seen.get(reason, (0, 0))
        return (failed + PRIOR * STATED[reason]) / (charges + PRIOR)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self)), encoding="utf-8")
        fresh.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """The model in a file; None when there is none."""
        if not path.is_file():
            return None
        kept = json.loads(path.read_text(encoding="utf-8"))
        return cls(kept["version"], {key: (each[0], each[1]) for key, each in kept["seen"].items()})
