"""How often a charge fails, by what is wrong beforehand."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

# Where the company's own history is thin; a stated rule, not a measurement.
STATED: Mapping[str, float] = {"no_card": 0.95, "card_expires": 0.9, "declines": 0.75, "no_history": 0.25}
PRIOR = 20.0  # charges that the stated share counts for


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
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """The model in a file; None when there is none."""
        if not path.is_file():
            return None
        kept = json.loads(path.read_text(encoding="utf-8"))
        return cls(kept["version"], {key: (each[0], each[1]) for key, each in kept["seen"].items()})
