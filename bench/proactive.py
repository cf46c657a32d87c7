"""How good the predictions are, on simulated companies that taught nobody: `zabota proactive bench`.

The Telco churn table is read as it was published («WA_Fn-UseC_-Telco-Customer-Churn.csv», 21 columns):
`Churn` (Yes/No) is the answer, `customerID` is left out, and every other column is used. `TotalCharges` is
blank where `tenure` is 0. Any other layout is refused.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import (  # type: ignore[import-untyped]
    average_precision_score,
    roc_auc_score,
)

from bench.proactive_company import Numbers, Restocks, charges, deliveries, leavers, restocks
from bench.proactive_effect import companies
from bot.proactive.learning import churn, delivery
from bot.proactive.learning.logistic import train
from bot.proactive.learning.payment import PaymentModel
from bot.proactive.learning.rhythm import Habit, expected_interval
from bot.proactive.signals.background import habit_of, own_spread

TAUGHT, JUDGED = 1, (11, 12, 13, 14, 15)  # seeds
LEARNED = 0.6  # of a company's time
TELCO_NUMBERS = ("SeniorCitizen", "tenure", "MonthlyCharges", "TotalCharges")
TELCO_WORDS = (
    "gender", "Partner", "Dependents", "PhoneService", "MultipleLines", "InternetService", "OnlineSecurity",
    "OnlineBackup", "DeviceProtection", "TechSupport", "StreamingTV", "StreamingMovies", "Contract",
    "PaperlessBilling", "PaymentMethod",
)  # fmt: skip
COMPANIES = 100  # whose effect is measured


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
    for measure in (_late, _restock, _churn, _payments, _effect):
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
    """The last interval again is the naive guess. Who knew everybody's true rhythm would err as the bound."""
    gains, bounds = [], []
    for seed in JUDGED:
        seen = restocks(seed)
        naive = np.median(np.abs(np.array([gaps[-1] for gaps in seen.gaps]) - seen.truth))
        gains.append(float(1 - np.median(np.abs(_expected(seen) - seen.truth)) / naive))
        knowing = [np.median(np.abs(seen.rhythm * part - seen.truth)) for part in np.arange(0.7, 1.1, 0.02)]
        bounds.append(float(1 - min(knowing) / naive))
    return [
        Figure(
            "restock: median error below the last interval by", tuple(gains), "≥ 0.25", min(gains) >= 0.25
        ),
        Figure("restock: the same, knowing everybody's true rhythm", tuple(bounds), "-", True),
    ]


def _expected(seen: Restocks) -> Numbers:
    """What the product would say, with the figures it computes of such purchases."""
    logs = [np.log(gaps) for gaps in seen.gaps]
    n, total = np.array([len(own) for own in logs]), np.array([own.sum() for own in logs])
    squares = np.array([(own**2).sum() for own in logs])
    usual, groups = [], []
    for product in np.unique(seen.product):
        of = seen.product == product
        usual.append(float(np.exp(total[of].sum() / n[of].sum())))
        owns = (total[of] ** 2 / n[of]).sum()
        groups.append((of.sum(), n[of].sum(), total[of].sum(), squares[of].sum(), owns, (n[of] ** 2).sum()))
    whole, found = habit_of(groups), []
    habits = [Habit(own_spread(group, whole), whole.apart) for group in groups]
    for gaps, product in zip(seen.gaps, seen.product, strict=True):
        purchases = [(float(day), 1) for day in np.concatenate(([0.0], np.cumsum(gaps)))]
        found.append(expected_interval(purchases, usual[product], habits[product]).likeliest)
    return np.array(found)


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


def _effect() -> list[Figure]:
    works = companies(COMPANIES, works=True)
    idle = companies(COMPANIES, works=False)
    right = sum(found.right for found in works) / COMPANIES
    silent = sum(not found.estimate.certain for found in idle) / COMPANIES
    return [
        Figure("effect: the truth is within the interval", (right,), "≥ 0.93", right >= 0.93),
        Figure("effect: none is found where there is none", (silent,), "≥ 0.93", silent >= 0.93),
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


class OtherLayout(ValueError):
    """A file is not the Telco churn table as it was published."""


def _telco(path: Path) -> tuple[Numbers, Numbers]:
    """The table as numbers: figures as they are, words as one column each."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        _check_layout(path, reader.fieldnames or ())
        rows = [{key: (value or "").strip() for key, value in row.items() if key} for row in reader]
    answers = np.array([_answer(path, line, row["Churn"]) for line, row in enumerate(rows, 2)])
    if len(set(answers)) < 2:
        raise OtherLayout(f"{path}: the column Churn must hold both Yes and No")
    columns: list[Numbers] = []
    for name in TELCO_NUMBERS:
        columns.append(np.array([_number(path, line, name, row) for line, row in enumerate(rows, 2)]))
    for name in TELCO_WORDS:
        words = sorted({row[name] for row in rows})
        columns += [np.array([float(row[name] == word) for row in rows]) for word in words[1:]]
    return np.column_stack(columns), answers


def _check_layout(path: Path, names: Sequence[str]) -> None:
    wanted = {"customerID", *TELCO_NUMBERS, *TELCO_WORDS, "Churn"}
    missing, besides = sorted(wanted - set(names)), sorted(set(names) - wanted)
    if missing or besides:
        told = f"missing: {', '.join(missing) or 'none'}; not expected: {', '.join(besides) or 'none'}"
        raise OtherLayout(f"{path}: these are not the columns of the Telco churn table ({told})")


def _answer(path: Path, line: int, word: str) -> float:
    if word not in ("Yes", "No"):
        raise OtherLayout(f"{path}, line {line}: Churn is «{word}», not Yes or No")
    return float(word == "Yes")


def _number(path: Path, line: int, name: str, row: dict[str, str]) -> float:
    if name == "TotalCharges" and not row[name] and row["tenure"] == "0":
        return 0.0  # who has just come was never charged: the published table leaves it blank
    try:
        return float(row[name])
    except ValueError:
        raise OtherLayout(f"{path}, line {line}: {name} is «{row[name]}», not a number") from None


def calibration_error(guessed: Numbers, happened: Numbers, bins: int = 10) -> float:
    """How far promised and true shares are apart, weighted by cases; bins of equally many cases."""
    order = np.argsort(guessed)
    return float(
        sum(
            abs(guessed[part].mean() - happened[part].mean()) * len(part) / len(order)
            for part in np.array_split(order, bins)
        )
    )
