"""Numbers as the pages draw them: SVG shapes, without scripts or styles of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.proactive.quality import Quality
from bot.proactive.statistics import Estimate

WIDTH, HEIGHT = 480.0, 120.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: where it stands and what it shows."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: int


@dataclass(frozen=True, slots=True)
class Whisker:
    """An estimate on a line that all of them share."""

    label: str
    at: float
    low: float
    high: float
    certain: bool
    estimate: Estimate


def bars(per_hour: Mapping[str, int]) -> list[Bar]:
    """Twenty-four bars, an hour each."""
    most = max(per_hour.values(), default=0) or 1
    step = WIDTH / 24
    found = []
    for hour in range(24):
        value = per_hour.get(f"{hour:02}", 0)
        height = HEIGHT * value / most
        found.append(
            Bar(
                round(hour * step, 1),
                round(HEIGHT - height, 1),
                step - 2,
                round(height, 1),
                f"{hour:02}",
                value,
            )
        )
    return found


def whiskers(named: Sequence[tuple[str, Estimate]]) -> tuple[list[Whisker], float]:
    """Estimates on one scale, and where zero is on it."""
    low = min([0.0, *(one.low for _, one in named)])
    high = max([0.0, *(one.high for _, one in named)])
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return round((value - low) / span * WIDTH, 1)

    drawn = [
        Whisker(name, place(one.value), place(one.low), place(one.high), one.certain, one)
        for name, one in named
    ]
    return drawn, place(0.0)


@dataclass(frozen=True, slots=True)
class Dot:
    """Predictions of about the same probability: where they stand in a square, and how certain that is."""

    x: float
    y: float
    low: float
    high: float
    radius: float
    words: str


SQUARE = 200.0


def calibration(found: Quality) -> list[Dot]:
    """Predicted from left to right, happened upwards; on the diagonal both are the same. Larger dots are more
    cases."""
    most = max(each.cases for each in found.bins)

    def up(value: float) -> float:
        return round(SQUARE * (1 - value), 1)

    return [
        Dot(
            round(SQUARE * each.predicted, 1),
            up(each.happened.value),
            up(each.happened.low),
            up(each.happened.high),
            round(3 + 5 * (each.cases / most) ** 0.5, 1),
            f"{each.predicted * 100:.0f} % → {each.happened.value * 100:.0f} % (n = {each.cases})",
        )
        for each in found.bins
    ]
