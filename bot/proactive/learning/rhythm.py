"""When somebody will need a thing again: their own intervals, drawn to those of everybody who buys it.

Intervals between purchases are taken as log-normal. An interval is that of one piece: who bought two pieces
comes back twice as late. Of an interval that is far from all others (a holiday, a spare, a purchase made
elsewhere, so that two intervals look like one) only so much is believed as is usual.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

SURPRISE = 1.8  # standard deviations of an interval that are believed at most
TOWARDS_HALF = 0.5  # see `Expected.likeliest`
SECONDS_OF_DAY = 86400
LEAST_DAYS = 0.5  # purchases closer than that are one


@dataclass(frozen=True, slots=True)
class Habit:
    """How intervals spread, in logarithms: those of one customer, and customers among themselves.

    The defaults are a stated rule for companies whose history does not tell.
    """

    own: float = 0.4
    apart: float = 0.25

    @property
    def group_counts_for(self) -> float:
        """Intervals of one's own that weigh as much as what everybody does."""
        return (self.own / self.apart) ** 2


@dataclass(frozen=True, slots=True)
class Expected:
    """The next interval: log-normal around a median."""

    median: float  # days
    spread: float  # standard deviation of the logarithm

    @property
    def likeliest(self) -> float:
        """The day to name: the middle of the shortest time that holds the next purchase as likely as not.

        It lies before the median, since long intervals spread further than short ones. For an exact
        log-normal it is at exp(-0.7 s²); a part of the spread are odd intervals, which do not move it.
        """
        return self.median * math.exp(-TOWARDS_HALF * self.spread**2)

    def before(self, days: float) -> float:
        """The probability that it is over after so many days."""
        if days <= 0:
            return 0.0
        return 0.5 * (1 + math.erf(math.log(days / self.median) / self.spread / math.sqrt(2)))


def expected_interval(purchases: Sequence[tuple[float, int]], group_days: float, habit: Habit) -> Expected:
    """The interval after the last of some purchases.

    Args:
        purchases: day and pieces, the oldest first; at least one.
        group_days: the median interval of one piece among all who buy it.
    """
    drawn, most = habit.group_counts_for, SURPRISE * habit.own
    usual, total, count = math.log(group_days), 0.0, 0
    for (day, pieces), (next_day, _) in pairwise(purchases):
        surprise = math.log((next_day - day) / pieces) - usual
        total += max(-most, min(most, surprise))
        count += 1
    median = math.exp(usual + total / (count + drawn)) * purchases[-1][1]
    return Expected(median, habit.own * math.sqrt(1 + 1 / (count + drawn)))


def purchases_of(listed: str) -> list[tuple[float, int]]:
    """Read «seconds:pieces,…» in any order; day and pieces, the oldest first. What is bought within hours is
    one purchase."""
    found: list[tuple[float, int]] = []
    for at, pieces in sorted((int(at), int(n)) for at, n in (one.split(":") for one in listed.split(","))):
        day = at / SECONDS_OF_DAY
        if found and day - found[-1][0] < LEAST_DAYS:
            found[-1] = (found[-1][0], found[-1][1] + max(pieces, 1))
        else:
            found.append((day, max(pieces, 1)))
    return found
