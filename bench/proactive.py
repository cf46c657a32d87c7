"""How good the predictions are, on simulated companies that taught nobody: `zabota proactive bench`.

The columns of a Telco churn table: `Churn` (Yes/No) is the answer, `customerID` is left out, and every other
column is used: numbers as they are, words as one column each. `TotalCharges` may be empty.
"""

import csv
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import (  # type: ignore[import-untyped]
    average_precision_score,
    roc_auc_score,
)

from bench.proactive_company import Numbers, charges, deliveries, leavers, restocks
from bot.proactive.learning import churn, delivery
from bot.proactive.learning.logistic import train
from bot.proactive.learning.payment import PaymentModel
from bot.proactive.signals.habits import restock_interval

TAUGHT, JUDGED = 1, (11, 12, 13, 14, 15)  # seeds
LEARNED = 0.6  # of a company's time


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure beside its goal."""

    name: str
    values: tuple[float, ...]  # one a seed
    goal: str
    met: bool

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def figures(telco: Path | None = None, told: Callable[[Figure], None] = lambda _: None) -> list[Figure]:
    """All of them; `told` hears each as soon as it is known."""
    found = []
    for measure in (_late, _restock, _churn, _payments):
        for figure in measure():
            told(figure)
            found.append(figure)
    if telco is not None:
        figure = telco_figure(telco)
        told(figure)
        found.append(figure)
    return found


def _late() -> list[Figure]:
    """Each company learns from its own past, and is judged by the time after it: the last 40 %."""
    lifts, errors, precisions = [], [], []
    for seed in JUDGED:
        seen = deliveries(seed)
        cut = int(len(seen.late) * LEARNED)
        model = train("bench", delivery.NAMES, seen.cases[:cut], seen.late[:cut])
        guessed, truth = model.probabilities(seen.cases[cut:]), seen.late[cut:]
        precision = average_precision_score(truth, guessed)
        lifts.append(float(precision / average_precision_score(truth, seen.carrier_share[cut:])))
        precisions.append(float(precision))
        errors.append(calibration_error(guessed, truth))
    return [
        Figure("late delivery: average precision", tuple(precisions), "-", True),
        Figure("late delivery: times the same-carrier share", tuple(lifts), "≥ 2", min(lifts) >= 2),
        Figure("late delivery: calibration error", tuple(errors), "≤ 0.05", max(errors) <= 0.05),
    ]


def _restock() -> list[Figure]:
    gains = []
    for seed in JUDGED:
        seen = restocks(seed)
        ours = [
            restock_interval(int(count), float(span), float(group))
            for count, span, group in zip(seen.purchases, seen.span, seen.group, strict=True)
        ]
        error = np.median(np.abs(np.array(ours) - seen.truth))
        naive = np.median(np.abs(seen.last - seen.truth))
        gains.append(float(1 - error / naive))
    return [
        Figure("restock: median error below the last interval by", tuple(gains), "≥ 0.25", min(gains) >= 0.25)
    ]


def _churn() -> list[Figure]:
    taught = leavers(TAUGHT)
    model = train("bench", churn.NAMES, taught.cases, taught.gone)
    areas, errors = [], []
    for seed in JUDGED:
        seen = leavers(seed)
        guessed = model.probabilities(seen.cases)
        areas.append(float(roc_auc_score(seen.gone, guessed)))
        errors.append(calibration_error(guessed, seen.gone))
    return [
        Figure("churn: area under the curve", tuple(areas), "≥ 0.80", min(areas) >= 0.80),
        Figure("churn: calibration error", tuple(errors), "-", True),
    ]


def _payments() -> list[Figure]:
    model, recalls, precisions = PaymentModel(), [], []
    for seed in JUDGED:
        seen = charges(seed)
        warned = np.array([bool(reason) and model.share(reason) >= 0.5 for reason in seen.reasons])
        hits = (warned & seen.failed).sum()
        recalls.append(float(hits / seen.failed.sum()))
        precisions.append(float(hits / warned.sum()))
    return [
        Figure("payment failure: recall", tuple(recalls), "≥ 0.9", min(recalls) >= 0.9),
        Figure("payment failure: precision", tuple(precisions), "≥ 0.7", min(precisions) >= 0.7),
    ]


def telco_figure(path: Path) -> Figure:
    """The product's kind of model on a churn table, a quarter of the rows unseen; four different quarters."""
    cases, answers = _telco(path)
    areas = []
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(len(answers))
        cut = len(order) * 3 // 4
        model = train(
            "telco", [str(n) for n in range(cases.shape[1])], cases[order[:cut]], answers[order[:cut]]
        )
        areas.append(float(roc_auc_score(answers[order[cut:]], model.probabilities(cases[order[cut:]]))))
    return Figure("Telco churn: area under the curve", tuple(areas), "≥ 0.82", min(areas) >= 0.82)


def _telco(path: Path) -> tuple[Numbers, Numbers]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or "Churn" not in rows[0]:
        raise ValueError(f"{path}: there is no column «Churn»")
    columns: list[Numbers] = []
    for name in rows[0]:
        if name in ("Churn", "customerID"):
            continue
        values = [row[name].strip() for row in rows]
        try:
            columns.append(np.array([float(value or 0) for value in values]))
        except ValueError:
            columns += [
                np.array([float(value == word) for value in values]) for word in sorted(set(values))[1:]
            ]
    answers = np.array([float(row["Churn"].strip().lower() == "yes") for row in rows])
    return np.column_stack(columns), answers


def calibration_error(guessed: Numbers, happened: Numbers, bins: int = 10) -> float:
    """How far promised and true shares are apart, weighted by cases; bins of equally many cases."""
    order = np.argsort(guessed)
    return float(
        sum(
            abs(guessed[part].mean() - happened[part].mean()) * len(part) / len(order)
            for part in np.array_split(order, bins)
        )
    )
