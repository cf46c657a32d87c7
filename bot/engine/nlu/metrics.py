"""Figures of a classifier over labelled messages."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bot.engine.nlu.linear import calibration_error
from bot.engine.nlu.training import OUT_OF_SCOPE


@dataclass(frozen=True)
class Answer:
    """What the classifier said of one message."""

    intent: str  # `out_of_scope` when rejected
    best: str  # the best intent, rejected or not
    confidence: float  # of `best`
    seconds: float


def figures(labels: Sequence[str], answers: Sequence[Answer]) -> dict[str, Any]:
    """The keys of `zabota nlu eval` and `bench`, but the training's.

    `accuracy` looks at the best intent of in-scope rows, rejected or not; `in_scope_accuracy` counts a
    rejected row as wrong; `overall_accuracy` is over all rows, out-of-scope ones being right when rejected.
    `ece` is of `best`.
    """
    truth = np.array(labels)
    said = np.array([a.intent for a in answers])
    best = np.array([a.best for a in answers])
    inside = truth != OUT_OF_SCOPE
    rejected = said == OUT_OF_SCOPE
    times = np.array([a.seconds for a in answers]) * 1000
    per_intent = {name: _of_intent(truth == name, said == name) for name in sorted(set(labels))}
    scored = [f["f1"] for name, f in per_intent.items()]
    return {
        "n": len(truth),
        "accuracy": _share((best == truth)[inside]),
        "in_scope_accuracy": _share((said == truth)[inside]),
        "oos_recall": _share(rejected[~inside]),
        "oos_precision": _share((~inside)[rejected]),
        "overall_accuracy": _share(said == truth),
        "macro_f1": round(float(np.mean(scored)), 4) if scored else None,
        "ece": round(
            calibration_error(np.array([a.confidence for a in answers])[inside], (best == truth)[inside]), 4
        ),
        "latency_ms_p50": round(float(np.percentile(times, 50)), 3),
        "latency_ms_p99": round(float(np.percentile(times, 99)), 3),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "intents": per_intent,
    }


def _share(values: np.ndarray) -> float | None:
    return round(float(values.mean()), 4) if len(values) else None


def _of_intent(truth: np.ndarray, said: np.ndarray) -> dict[str, Any]:
    hit = int((truth & said).sum())
    precision = hit / said.sum() if said.sum() else 0.0
    recall = hit / truth.sum() if truth.sum() else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hit else 0.0
    return {
        "n": int(truth.sum()),
        "precision": round(float(precision), 4),
        "recall": round(float(recall), 4),
        "f1": round(float(f1), 4),
    }
