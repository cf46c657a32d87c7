"""Knowing what one does not know: is a message outside every intent?

The classifier's probability alone is a poor judge: it is high for a message that shares one telling word with
an intent. So several signals are weighed by a small logistic regression, trained on messages the classifier
did not see: held-out examples of the intents on one side; held-out out-of-scope examples, whole intents left
out of a fold, and background sentences on the other. The operating point is chosen on the same rows and kept
with the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

SIGNALS = (
    "top",  # log-odds of the best intent's calibrated probability
    "margin",  # best minus second-best probability
    "background",  # decision value of the background class, when there is one
    "decision",  # best decision value, before calibration
    "runner_up",  # second-best decision value
    "nearest",  # cosine to the nearest training example of any intent
    "agreement",  # the same, among examples of the best intent only
    "background_nearest",  # cosine to the nearest background example
    "unseen",  # share of words and neighbouring pairs that no training example has
    "strange",  # share of dictionary forms that no training example has
    "length",  # log of 1 + words
)

_REWEIGHTINGS = 60
REGULARITY = 0.03


@dataclass
class Rejection:
    """Weights over the standardised signals, and the operating point."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: float
    threshold: float

    def score(self, signals: np.ndarray) -> np.ndarray:
        """Probability-like score of being out of scope, for rows of `SIGNALS`."""
        z = (signals - self.mean) / self.scale @ self.weights + self.bias
        return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))))

    def to_json(self) -> dict[str, Any]:
        """What to store."""
        return {
            "signals": list(SIGNALS),
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "weights": self.weights.tolist(),
            "bias": self.bias,
            "threshold": self.threshold,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Rejection:
        """The counterpart of `to_json`."""
        if tuple(data["signals"]) != SIGNALS:
            raise ValueError("the model was trained with other rejection signals; train it again")
        mean, scale, weights = (np.array(data[k]) for k in ("mean", "scale", "weights"))
        return cls(mean, scale, weights, bias=data["bias"], threshold=data["threshold"])


def never() -> Rejection:
    """For training data too small to learn rejection from: reject nothing."""
    n = len(SIGNALS)
    return Rejection(np.zeros(n), np.ones(n), np.zeros(n), -10.0, 1.0)


def fit_rejection(
    signals: np.ndarray, outside: np.ndarray, right: np.ndarray, weight: np.ndarray, share: float, seed: int
) -> Rejection:
    """Train on held-out rows and choose the operating point.

    Args:
        signals: [rows, signals] of messages the classifier did not see.
        outside: whether the row is out of scope.
        right: whether the best intent is the right one (False for rows out of scope).
        weight: of each row: real out-of-scope examples count more than made-up ones.
        share: of out-of-scope messages expected in use; it sets the price of rejecting too much
            against rejecting too little.
    """
    from sklearn.linear_model import LogisticRegression

    if outside.sum() < 5 or (~outside).sum() < 5:
        return never()
    mean, scale = signals.mean(0), signals.std(0) + 1e-6
    rows = (signals - mean) / scale
    balance = np.where(outside, weight / weight[outside].sum(), weight / weight[~outside].sum())
    learner = LogisticRegression(C=REGULARITY, max_iter=500, random_state=seed)
    # A row that the classifier gets wrong is lost either way; it must not teach that such rows are inside.
    taught = outside | right
    learner.fit(rows[taught], outside[taught], sample_weight=balance[taught] * len(rows) / 2)
    found = Rejection(mean, scale, learner.coef_[0], float(learner.intercept_[0]), 1.0)
    found.threshold = operating_point(found.score(signals), outside, right, weight, share, seed)
    return found


def operating_point(
    score: np.ndarray, outside: np.ndarray, right: np.ndarray, weight: np.ndarray, share: float, seed: int
) -> float:
    """The threshold with the best expected overall accuracy when `share` of the messages is out of scope.

    A hundred out-of-scope examples make the best point jump by several percent; it is therefore found on many
    random reweightings of the rows (Bayesian bootstrap), and the mean of the log-odds is taken.
    """
    order = np.argsort(-score)
    s = np.clip(score[order], 1e-6, 1 - 1e-6)
    log_odds = np.log(s / (1 - s))
    following = np.append(log_odds[1:], log_odds[-1])
    random = np.random.default_rng(seed)
    found = []
    for _ in range(_REWEIGHTINGS):
        w = (weight * random.exponential(size=len(weight)))[order]
        out, good = outside[order], right[order]
        inside_gain = np.where(~out & good, w, 0) / w[~out].sum()
        outside_gain = np.where(out, w, 0) / w[out].sum()
        # Rejecting the first k rows keeps the right ones behind them and wins the outside ones among them.
        overall = (1 - share) * (inside_gain.sum() - np.cumsum(inside_gain)) + share * np.cumsum(outside_gain)
        best = int(np.argmax(overall))
        found.append((log_odds[best] + following[best]) / 2)
    return float(1 / (1 + np.exp(-np.mean(found))))
