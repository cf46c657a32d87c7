"""Amounts of money."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (kopecks, cents) of an ISO 4217 currency."""

    minor: int
    currency: str

    def times(self, count: int) -> "Money":
        return Money(self.minor * count, self.currency)
