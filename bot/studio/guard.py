"""The guard: is a model doing worse on live traffic than the one before it?

Four figures are compared, each with its own band. A model is out of its band when the difference is larger
than the band allows **and** larger than chance explains: a handful of unlucky conversations returns nothing.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

# --- the band: the only place where it is stated ------------------------------------------------------------

LEAST_TURNS = 40  # of either model; with fewer nothing is judged
FALLBACK_BAND = 0.08  # more of the free texts may be rejected, as a share of them
ESCALATION_BAND = 0.06  # more of the turns may go to people
ERROR_BAND = 0.02  # more of the turns may fail
LATENCY_TIMES, LATENCY_MS = (
    2.0,
    250,
)  # the slowest twentieth may take so many times as long, and so much longer
SURE = 3.5  # standard deviations: looking every few seconds for a day, chance hardly ever comes so far

# ------------------------------------------------------------------------------------------------------------

FASTEST, STEP, PLACES = 10.0, 1.25, 40  # ms, and how the steps of `times` grow; the last one is open


@dataclass(frozen=True)
class Figures:
    """How turns of one model went.

    Attributes:
        texts: turns of free text; `rejected` are of these.
        errors: turns that it could not answer; they are turns too.
        times: turns by the engine's time for them: place 0 up to `FASTEST` ms, each next one `STEP` times as
            long.
    """

    turns: int = 0
    texts: int = 0
    rejected: int = 0
    escalated: int = 0
    errors: int = 0
    times: tuple[int, ...] = field(default=(0,) * PLACES)

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.turns + other.turns,
            self.texts + other.texts,
            self.rejected + other.rejected,
            self.escalated + other.escalated,
            self.errors + other.errors,
            tuple(a + b for a, b in zip(self.times, other.times, strict=True)),
        )

    @property
    def fallback(self) -> float | None:
        return _share(self.rejected, self.texts)

    @property
    def escalation(self) -> float | None:
        return _share(self.escalated, self.turns)

    @property
    def error(self) -> float | None:
        return _share(self.errors, self.turns)

    @property
    def slow(self) -> float | None:
        """Milliseconds that 95 of 100 turns stay below, up to the width of a step."""
        whole, below = sum(self.times), 0
        for place, count in enumerate(self.times):
            below += count
            if whole and below >= 0.95 * whole:
                return round(FASTEST * STEP**place)
        return None

    def as_json(self) -> dict[str, Any]:
        """What the pages and the command line show."""
        return {
            "turns": self.turns, "fallback": self.fallback, "escalation": self.escalation,
            "error": self.error, "slow": self.slow,
        }  # fmt: skip


@dataclass(frozen=True)
class Breach:
    """A figure that is out of its band. `before` and `now` are shares, or milliseconds for `slow`."""

    figure: str
    before: float
    now: float
    turns: int  # of the new model

    @property
    def shown(self) -> dict[str, str]:
        """The numbers as a sentence needs them."""
        numbers = {"before": self.before, "now": self.now}
        if self.figure == "slow":
            said = {name: f"{value:.0f}" for name, value in numbers.items()}
        else:
            said = {name: f"{value * 100:.1f}" for name, value in numbers.items()}
        return said | {"turns": str(self.turns)}


def place_of(ms: float) -> int:
    """Where in `times` a turn of so many milliseconds counts."""
    if ms <= FASTEST:
        return 0
    return min(math.ceil(math.log(ms / FASTEST) / math.log(STEP) - 1e-9), PLACES - 1)


def total(parts: Iterable[Figures]) -> Figures:
    """All of them together."""
    return sum(parts, Figures())


def enough(before: Figures, new: Figures) -> bool:
    """Whether there is something to judge."""
    return min(before.turns, new.turns) >= LEAST_TURNS


def breach(before: Figures, new: Figures) -> Breach | None:
    """What is out of its band; the gravest first."""
    if not enough(before, new):
        return None
    shares: tuple[tuple[str, float, Callable[[Figures], tuple[int, int]]], ...] = (
        ("error", ERROR_BAND, lambda one: (one.errors, one.turns)),
        ("escalation", ESCALATION_BAND, lambda one: (one.escalated, one.turns)),
        ("fallback", FALLBACK_BAND, lambda one: (one.rejected, one.texts)),
    )
    for name, band, counts in shares:
        (was, of), (now, among) = counts(before), counts(new)
        if of and among and now / among - was / of > band and deviations(was, of, now, among) > SURE:
            return Breach(name, was / of, now / among, new.turns)
    was_slow, now_slow = before.slow, new.slow
    if was_slow and now_slow and now_slow > max(LATENCY_TIMES * was_slow, was_slow + LATENCY_MS):
        limit = place_of(was_slow)
        late = sum(before.times[limit + 1 :]), sum(new.times[limit + 1 :])
        if deviations(late[0], sum(before.times), late[1], sum(new.times)) > SURE:
            return Breach("slow", was_slow, now_slow, new.turns)
    return None


def deviations(was: int, of: int, now: int, among: int) -> float:
    """By how many standard deviations the second share is above the first (two proportions, pooled; half a
    case is added to each side, so that «none of forty» is not taken for «never»).
    """
    first, second = (was + 0.5) / (of + 1), (now + 0.5) / (among + 1)
    pooled = (was + now + 1) / (of + among + 2)
    return (second - first) / math.sqrt(pooled * (1 - pooled) * (1 / (of + 1) + 1 / (among + 1)))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
