"""Shares and their differences, with 95 % intervals."""

import math
from dataclasses import dataclass

Z = 1.959964  # of 95 %


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and the interval that holds the truth in 95 of 100 cases."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> "Estimate":
        ends = sorted((self.low * factor, self.high * factor))
        return Estimate(self.value * factor, ends[0], ends[1])

    @property
    def certain(self) -> bool:
        """Whether zero is outside."""
        return self.low > 0 or self.high < 0


def share(yes: int, n: int) -> Estimate | None:
    """A share, with Wilson's score interval; None of nobody."""
    if not n:
        return None
    p, z2 = yes / n, Z * Z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return Estimate(p, max(0.0, centre - half), min(1.0, centre + half))


def difference(yes_a: int, n_a: int, yes_b: int, n_b: int) -> Estimate | None:
    """Share of a minus share of b, with Newcombe's interval (1998, method 10); None without both."""
    a, b = share(yes_a, n_a), share(yes_b, n_b)
    if a is None or b is None:
        return None
    value = a.value - b.value
    low = value - math.hypot(a.value - a.low, b.high - b.value)
    high = value + math.hypot(a.high - a.value, b.value - b.low)
    return Estimate(value, low, high)
