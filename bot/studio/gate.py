"""The gate: is a new model better than the live one, worse, or equal, on messages that neither learnt from?

A row is right when the assistant would do right by it: a message with an intent gets it and is not rejected,
one outside of all intents is rejected. The two models answer the same rows, so their difference lies in the
rows where one is right and the other is not (McNemar's test, exact).
"""

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

OUT_OF_SCOPE = "out_of_scope"
SURE = 0.05  # two-sided, for the whole
LEAST_LOST = 4  # messages of one intent, net
MARKED = 0.1  # of its messages: less is the price of a slightly other threshold of rejection
COLLAPSE = 0.5  # of its recall: an intent that loses more is broken, however few rows it has
CALIBRATION_LOSS = 0.03  # of the expected calibration error
BINS = 10
CONFUSED = 14  # intents in the picture of confusions
EXAMPLES = 200  # changed messages that are kept
FIGURES = (
    "overall",
    "accuracy",
    "kept",
    "macro_f1",
    "oos_recall",
    "oos_precision",
    "ece",
    "ms_median",
    "size",
)  # of `summary`, in the order in which people read them


class Outcome(StrEnum):
    """What the gate says about a new model."""

    BETTER = "better"
    EQUAL = "equal"
    WORSE = "worse"


@dataclass(frozen=True)
class Answer:
    """What a model said to one held-out row."""

    text: str
    truth: str
    intent: str
    best: str
    confidence: float
    score: float  # of rejection
    ms: float

    @property
    def right(self) -> bool:
        return self.intent == self.truth


@dataclass(frozen=True)
class Answers:
    """What a model said to all rows, and where it rejects."""

    rows: Sequence[Answer]
    threshold: float

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "Answers":
        """From what `bot.engine.nlu.retrain` writes."""
        return cls([Answer(**row) for row in facts["rows"]], facts["threshold"])


def read_answers(path: Path) -> Answers:
    """The answers in a file of the engine's tool."""
    return Answers.of(json.loads(path.read_text(encoding="utf-8")))


def compare(live: Answers, new: Answers, sizes: tuple[int, int] = (0, 0)) -> dict[str, Any]:
    """Everything the comparison page shows, as JSON.

    Args:
        sizes: bytes of the archives, live and new.

    Raises:
        ValueError: the models were asked different rows.
    """
    if [(a.text, a.truth) for a in live.rows] != [(a.text, a.truth) for a in new.rows]:
        raise ValueError("the models were asked different rows")
    pairs = list(zip(live.rows, new.rows, strict=True))
    gained = sum(b.right and not a.right for a, b in pairs)
    lost = sum(a.right and not b.right for a, b in pairs)
    figures = {"live": summary(live, sizes[0]), "new": summary(new, sizes[1])}
    intents = _intents(pairs)
    reasons = _reasons(figures, intents, gained, lost)
    outcome = Outcome.WORSE if reasons else Outcome.EQUAL
    if not reasons and gained > lost and exact(gained, lost) < SURE:
        outcome = Outcome.BETTER
    low, high = interval(gained, lost, len(pairs))
    return {
        "outcome": outcome.value,
        "reasons": reasons,
        "rows": len(pairs),
        "gained": gained,
        "lost": lost,
        "p": round(exact(gained, lost), 4),
        "difference": [round(x, 4) for x in ((gained - lost) / max(len(pairs), 1), low, high)],
        **figures,
        "intents": intents,
        "changed": _changed(pairs),
        "confusions": _confusions(new.rows),
    }


def add_conversations(facts: dict[str, Any], told: dict[str, Any]) -> None:
    """Count conversation tests in: a conversation that only the new model loses makes it worse.

    One that neither model understands says nothing about the new one: it is shown, and counts for nothing.
    """
    facts["conversations"] = told
    if told["lost"]:
        facts["outcome"] = Outcome.WORSE.value
        facts["reasons"].append("conversations")


def most_confused(facts: dict[str, Any]) -> tuple[list[str], dict[tuple[str, str], int]]:
    """The intents of a comparison that the new model confuses most, and messages by (meant, taken for)."""
    counts = {(one["truth"], one["taken"]): one["count"] for one in facts["confusions"]}
    errors: dict[str, int] = defaultdict(int)
    for pair, count in counts.items():
        for name in pair:
            errors[name] += count
    names = sorted(errors, key=lambda name: (-errors[name], name))[:CONFUSED]
    right = {one["intent"]: round((one["new"] or 0) * one["rows"]) for one in facts["intents"]}
    return names, counts | {(name, name): right.get(name, 0) for name in names}


def summary(answers: Answers, size: int) -> dict[str, Any]:
    """The figures of one model, and what its pictures are drawn from."""
    rows = answers.rows
    inside = [a for a in rows if a.truth != OUT_OF_SCOPE]
    outside = [a for a in rows if a.truth == OUT_OF_SCOPE]
    rejected = [a for a in rows if a.intent == OUT_OF_SCOPE]
    caught = sum(a.truth == OUT_OF_SCOPE for a in rejected)
    times = sorted(a.ms for a in rows)
    return {
        "overall": _share(sum(a.right for a in rows), len(rows)),
        "accuracy": _share(sum(a.best == a.truth for a in inside), len(inside)),
        "kept": _share(sum(a.right for a in inside), len(inside)),
        "macro_f1": round(macro_f1(rows), 4),
        "oos_recall": _share(caught, len(outside)),
        "oos_precision": _share(caught, len(rejected)),
        "ece": round(calibration_error(inside), 4),
        "ms_median": _at(times, 0.5),
        "ms_p99": _at(times, 0.99),
        "size": size,
        "threshold": answers.threshold,
        "histogram": _histogram(inside),
        "curve": _curve(rows),
    }


def exact(gained: int, lost: int) -> float:
    """McNemar's test, exact and two-sided: how likely a difference like this is by chance."""
    n = gained + lost
    if n == 0:
        return 1.0
    return min(1.0, 2.0 * _tail(n, max(gained, lost)))


def _tail(n: int, at_least: int) -> float:
    """P(X ≥ at_least) of n fair coins."""
    return float(sum(math.comb(n, k) for k in range(at_least, n + 1)) / 2**n)


def interval(gained: int, lost: int, rows: int) -> tuple[float, float]:
    """95 % confidence interval of the difference of two paired shares (Wald, with Agresti and Min's half)."""
    if rows == 0:
        return (0.0, 0.0)
    b, c, n = gained + 0.5, lost + 0.5, rows + 2
    middle = (b - c) / n
    spread = 1.96 * math.sqrt(max(b + c - (b - c) ** 2 / n, 0)) / n
    return (middle - spread, middle + spread)


def macro_f1(rows: Sequence[Answer]) -> float:
    """Mean F1 over all labels, out of scope among them."""
    labels = {a.truth for a in rows}
    total = 0.0
    for label in labels:
        hit = sum(a.right for a in rows if a.truth == label)
        said = sum(a.intent == label for a in rows)
        is_ = sum(a.truth == label for a in rows)
        total += 2 * hit / (said + is_) if said + is_ else 0.0
    return total / max(len(labels), 1)


def calibration_error(inside: Sequence[Answer], bins: int = 15) -> float:
    """Mean |confidence - accuracy| of the best intent over equal-width bins, by their size."""
    bucket: dict[int, list[Answer]] = defaultdict(list)
    for a in inside:
        bucket[min(int(a.confidence * bins), bins - 1)].append(a)
    error = 0.0
    for rows in bucket.values():
        sure = sum(a.confidence for a in rows)
        error += abs(sure - sum(a.best == a.truth for a in rows))
    return error / max(len(inside), 1)


def _reasons(figures: dict[str, Any], intents: list[dict[str, Any]], gained: int, lost: int) -> list[str]:
    """Why the new model must not go live: keys of texts, an intent's name after a colon."""
    reasons = []
    if lost > gained and exact(gained, lost) < SURE:
        reasons.append("overall")
    for one in intents:
        if one["lost"] - one["gained"] < max(LEAST_LOST, MARKED * one["rows"]):
            continue
        # One of many intents looks worse by chance sooner or later (Bonferroni).
        by_chance = _tail(one["gained"] + one["lost"], one["lost"]) * len(intents)
        if by_chance < SURE or one["new"] < COLLAPSE * one["live"]:
            reasons.append(f"intent:{one['intent']}")
    if figures["new"]["ece"] - figures["live"]["ece"] > CALIBRATION_LOSS:
        reasons.append("calibration")
    return reasons


def _intents(pairs: Sequence[tuple[Answer, Answer]]) -> list[dict[str, Any]]:
    """Every intent's gains and losses; those that changed most come first."""
    by_intent: dict[str, list[tuple[Answer, Answer]]] = defaultdict(list)
    for pair in pairs:
        by_intent[pair[0].truth].append(pair)
    found = [
        {
            "intent": intent,
            "rows": len(own),
            "live": _share(sum(a.right for a, _ in own), len(own)),
            "new": _share(sum(b.right for _, b in own), len(own)),
            "precision": _share(
                sum(b.right for _, b in own), sum(b.intent == intent for _, b in pairs)
            ),
            "gained": sum(b.right and not a.right for a, b in own),
            "lost": sum(a.right and not b.right for a, b in own),
        }
        for intent, own in by_intent.items()
    ]  # fmt: skip
    return sorted(found, key=lambda one: (-one["lost"] - one["gained"], one["intent"]))


def _changed(pairs: Sequence[tuple[Answer, Answer]]) -> list[dict[str, Any]]:
    """The messages that are understood otherwise now; what was lost comes first."""
    found = [
        {"text": a.text, "truth": a.truth, "live": a.intent, "new": b.intent, "right": b.right}
        for a, b in pairs
        if a.right != b.right
    ]
    return sorted(found, key=lambda one: (one["right"], one["truth"]))[:EXAMPLES]


def _confusions(rows: Sequence[Answer]) -> list[dict[str, Any]]:
    counted: dict[tuple[str, str], int] = defaultdict(int)
    for a in rows:
        if not a.right:
            counted[(a.truth, a.intent)] += 1
    most = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:30]
    return [{"truth": truth, "taken": taken, "count": count} for (truth, taken), count in most]


def _histogram(inside: Sequence[Answer]) -> list[tuple[int, int]]:
    """By tenths of confidence: how many were right, how many wrong."""
    found = [[0, 0] for _ in range(BINS)]
    for a in inside:
        found[min(int(a.confidence * BINS), BINS - 1)][a.best != a.truth] += 1
    return [(right, wrong) for right, wrong in found]


def _curve(rows: Sequence[Answer]) -> list[tuple[float, float]]:
    """Rejection at every threshold: share of proper messages rejected, share of strange ones caught."""
    inside = sum(a.truth != OUT_OF_SCOPE for a in rows) or 1
    outside = sum(a.truth == OUT_OF_SCOPE for a in rows) or 1
    ordered = sorted(rows, key=lambda a: -a.score)
    points, wrongly, caught = [(0.0, 0.0)], 0, 0
    step = max(1, len(ordered) // 60)
    for n, a in enumerate(ordered, 1):
        wrongly += a.truth != OUT_OF_SCOPE
        caught += a.truth == OUT_OF_SCOPE
        if n % step == 0 or n == len(ordered):
            points.append((round(wrongly / inside, 4), round(caught / outside, 4)))
    return points


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0
