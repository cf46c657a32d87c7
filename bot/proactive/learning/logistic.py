"""A calibrated logistic regression as plain numbers: trained with scikit-learn, applied without it."""

import bisect
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:  # numpy is for those who train and measure
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

LEAST_ROWS, LEAST_OF_EACH = 200, 25  # thinner history cannot teach anything
CALIBRATION_SHARE = 0.25  # the newest of the history, not trained on


class ThinHistory(ValueError):
    """There is too little to learn from: the stated rule goes on."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """P(yes) = steps(sigmoid(w·(x−mean)/scale + b)).

    `steps` are the knots of a monotone piecewise-linear map that was fitted on newer cases than the weights.
    """

    version: str
    names: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    steps_x: tuple[float, ...]
    steps_y: tuple[float, ...]

    def probability(self, given: Sequence[float]) -> float:
        """The calibrated probability of one case."""
        total = self.bias
        for value, mean, scale, weight in zip(given, self.mean, self.scale, self.weights, strict=True):
            total += weight * (value - mean) / scale
        return self._calibrated(_sigmoid(total))

    def probabilities(self, given: "Numbers") -> "Numbers":
        """Of many cases, a row each."""
        import numpy as np

        scaled = (given - np.array(self.mean)) / np.array(self.scale)
        raw = 1 / (1 + np.exp(-np.clip(scaled @ np.array(self.weights) + self.bias, -35, 35)))
        found: Numbers = np.interp(raw, self.steps_x, self.steps_y)
        return found

    def _calibrated(self, raw: float) -> float:
        xs, ys = self.steps_x, self.steps_y
        after = bisect.bisect_right(xs, raw)
        if after == 0:
            return ys[0]
        if after == len(xs):
            return ys[-1]
        share = (raw - xs[after - 1]) / (xs[after] - xs[after - 1])
        return ys[after - 1] + share * (ys[after] - ys[after - 1])

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self)), encoding="utf-8")
        fresh.replace(path)

    @classmethod
    def load(cls, path: Path, names: Sequence[str]) -> Self | None:
        """The model in a file; None when there is none, or one that looks at other things than today's."""
        if not path.is_file():
            return None
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in kept.items()
        }
        return cls(**values) if values["names"] == tuple(names) else None


def train(version: str, names: Sequence[str], cases: "Numbers", answers: "Numbers") -> Logistic:
    """Learn from cases in the order of time, the oldest first.

    The newest quarter is kept for the calibration, so it shows how the model does on what it has not seen.

    Raises:
        ThinHistory
    """
    import numpy as np
    from sklearn.isotonic import IsotonicRegression  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    if len(answers) < LEAST_ROWS or min(answers.sum(), (1 - answers).sum()) < LEAST_OF_EACH:
        raise ThinHistory(f"{len(answers)} cases, {int(answers.sum())} of them yes")
    cut = int(len(answers) * (1 - CALIBRATION_SHARE))
    mean, scale = cases[:cut].mean(axis=0), cases[:cut].std(axis=0)
    scale[scale < 1e-9] = 1.0
    fitted = LogisticRegression(C=1.0, max_iter=500)
    fitted.fit((cases[:cut] - mean) / scale, answers[:cut])
    raw = fitted.predict_proba((cases[cut:] - mean) / scale)[:, 1]
    order = IsotonicRegression(y_min=0.005, y_max=0.995, out_of_bounds="clip").fit(raw, answers[cut:])
    xs, ys = _knots(np.asarray(order.X_thresholds_), np.asarray(order.y_thresholds_))
    return Logistic(
        version,
        tuple(names),
        tuple(map(float, mean)),
        tuple(map(float, scale)),
        tuple(map(float, fitted.coef_[0])),
        float(fitted.intercept_[0]),
        xs,
        ys,
    )


def _knots(xs: "Numbers", ys: "Numbers", most: int = 25) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Fewer steps: an isotonic fit of few cases follows every one of them."""
    import numpy as np

    if len(xs) > most:
        chosen = np.unique(np.linspace(0, len(xs) - 1, most).astype(int))
        xs, ys = xs[chosen], ys[chosen]
    keep = np.concatenate(([True], np.diff(xs) > 1e-9))
    return tuple(map(float, xs[keep])), tuple(map(float, ys[keep]))


def _sigmoid(total: float) -> float:
    return 1 / (1 + math.exp(-max(-35.0, min(35.0, total))))
