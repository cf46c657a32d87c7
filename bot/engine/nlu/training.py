"""Training of the intent model: folds for calibration and rejection, then one fit on everything."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from bot.engine.nlu import memory as memories
from bot.engine.nlu.features import Vectoriser
from bot.engine.nlu.linear import calibration_error, fit_linear, fit_temperature, softmax
from bot.engine.nlu.memory import Memory
from bot.engine.nlu.rejection import fit_rejection, never

OUT_OF_SCOPE = "out_of_scope"
MADE_UP_WEIGHT = 0.3  # an intent left out of a fold resembles its neighbours more than real strangers do

Encode = Callable[[Sequence[str]], np.ndarray]  # texts -> dense rows


def signals(
    scores: np.ndarray,
    probability: np.ndarray,
    classes: list[str],
    memory: Memory,
    similarity: np.ndarray,
    unseen: np.ndarray,
    features: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The rejection signals [rows, signals] and the column of the best intent of each row."""
    rows = np.arange(len(scores))
    is_background = np.array([c == OUT_OF_SCOPE for c in classes])
    inside = np.where(is_background, -np.inf, scores)
    p = np.where(is_background, 0.0, probability)
    best = inside.argmax(1)
    top = p[rows, best]
    rest = p.copy()
    rest[rows, best] = 0
    second = np.sort(inside, axis=1)[:, -2] if (~is_background).sum() > 1 else np.full(len(rows), -1.0)
    background = probability[:, is_background].sum(1)
    owner = memory.owners(classes)
    foreign = is_background[owner] & (owner >= 0)
    own = similarity[:, ~foreign].max(1) if (~foreign).any() else np.zeros(len(rows))
    agreement = np.where(owner[None] == best[:, None], similarity, 0).max(1)
    strange = similarity[:, foreign].max(1) if foreign.any() else np.zeros(len(rows))
    table = np.stack(
        [
            _log_odds(top), top - rest.max(1), _log_odds(background), inside[rows, best], second,
            own, agreement, strange, unseen, np.log1p(features),
        ],
        axis=1,
    )  # fmt: skip
    return table.astype(np.float64), best


def _log_odds(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(p / (1 - p)))


def fit(
    texts: Sequence[str],
    intents: Sequence[str],
    options: Any,
    encode: Encode | None,
    background: Sequence[str],
) -> dict[str, Any]:
    """Everything an `IntentModel` is made of, but the encoder."""
    started = time.perf_counter()
    real = len(texts)
    texts = [*texts, *background]
    labels = np.array([*intents, *[OUT_OF_SCOPE] * len(background)])
    made_up = np.arange(len(texts)) >= real
    vectoriser = Vectoriser.fit(texts)
    matrix, unseen = vectoriser.rows(texts)
    dense = encode(texts) if encode is not None else None
    table = _joined(matrix, dense)
    span = vectoriser.span("lemmas")
    held = _held_out(texts, labels, made_up, matrix, dense, table, unseen, span, options)
    linear = fit_linear(table, labels, options.cost, options.seed)
    memory = memories.build(texts[:real], labels[:real], matrix[:real], span, _head(dense, real))
    report = {
        "examples": real,
        "background": len(background),
        "intents": len(set(labels.tolist()) - {OUT_OF_SCOPE}),
        "features": int(table.shape[1]),
        **held.pop("report"),
        "train_seconds": round(time.perf_counter() - started, 3),
    }
    return {
        "vectoriser": vectoriser, "linear": linear, "memory": memory, "options": options, "report": report, **held
    }  # fmt: skip


def _head(dense: np.ndarray | None, rows: int) -> np.ndarray | None:
    return None if dense is None else dense[:rows]


def _joined(matrix: sparse.csr_matrix, dense: np.ndarray | None) -> sparse.csr_matrix:
    if dense is None:
        return matrix
    return sparse.hstack([matrix, sparse.csr_matrix(dense)], format="csr")


def _held_out(
    texts: Sequence[str],
    labels: np.ndarray,
    made_up: np.ndarray,
    matrix: sparse.csr_matrix,
    dense: np.ndarray | None,
    table: sparse.csr_matrix,
    unseen: np.ndarray,
    span: tuple[int, int],
    options: Any,
) -> dict[str, Any]:
    """Temperature and rejection, learnt from rows their fold's classifier did not see.

    A fold leaves out its share of the examples and some intents altogether; the examples of those are
    messages out of scope for it.
    """
    names = sorted(set(labels.tolist()) - {OUT_OF_SCOPE})
    random = np.random.default_rng(options.seed)
    fold = _folds(labels, options.folds, random)
    smallest = min((int((labels == n).sum()) for n in names), default=0)
    if len(names) < 2 or smallest < 2:
        return {"temperature": 4.0, "rejection": never(), "report": {}}
    order = random.permutation(len(names))
    dropped_each = int(len(names) * options.left_out) if len(names) >= 5 else 0
    parts = []
    for k in range(options.folds):
        dropped = {names[i] for i in order[k * dropped_each : (k + 1) * dropped_each]}
        gone = np.isin(labels, sorted(dropped))
        train = (fold != k) & ~gone
        test = (fold == k) | gone
        if len(set(labels[train].tolist()) - {OUT_OF_SCOPE}) < 2:
            continue
        linear = fit_linear(table[train], labels[train], options.cost, options.seed)
        index = np.flatnonzero(train)
        memory = memories.build(
            [texts[i] for i in index],
            labels[index],
            matrix[index],
            span,
            None if dense is None else dense[index],
        )
        rows = np.flatnonzero(test)
        parts.append((rows, linear, memory, linear.scores(table[rows]), gone[rows]))
    temperature = _temperature(parts, labels)
    collected: dict[str, list[np.ndarray]] = {
        "signals": [],
        "outside": [],
        "right": [],
        "weight": [],
        "top": [],
    }
    for rows, linear, memory, scores, gone in parts:
        probability = softmax(scores * temperature)
        for piece in np.array_split(np.arange(len(rows)), max(1, len(rows) // 1000)):
            picked = rows[piece]
            similarity = memory.similarities(
                matrix[picked], _head(None if dense is None else dense[picked], len(picked))
            )
            count = np.diff(matrix[picked].indptr)
            values, best = signals(
                scores[piece], probability[piece], linear.classes, memory, similarity, unseen[picked], count
            )
            outside = gone[piece] | (labels[picked] == OUT_OF_SCOPE)
            collected["signals"].append(values)
            collected["outside"].append(outside)
            collected["right"].append(~outside & (np.array(linear.classes)[best] == labels[picked]))
            collected["weight"].append(np.where(gone[piece] | made_up[picked], MADE_UP_WEIGHT, 1.0))
            collected["top"].append(probability[piece, best])
    data = {name: np.concatenate(values) for name, values in collected.items()}
    rejection = fit_rejection(
        data["signals"],
        data["outside"],
        data["right"],
        data["weight"],
        options.expected_out_of_scope,
        options.seed,
    )
    rejected = rejection.score(data["signals"]) > rejection.threshold
    inside, outside = ~data["outside"], data["outside"]
    report = {
        "held_out_accuracy": round(float(data["right"][inside].mean()), 4),
        "held_out_ece": round(calibration_error(data["top"][inside], data["right"][inside]), 4),
        "held_out_kept": round(float((data["right"] & ~rejected)[inside].mean()), 4),
        "held_out_rejected": round(float(rejected[outside].mean()), 4) if outside.any() else None,
    }
    return {"temperature": temperature, "rejection": rejection, "report": report}


def _folds(labels: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """A fold number for every row, spread evenly inside each label."""
    fold = np.zeros(len(labels), dtype=int)
    for label in sorted(set(labels.tolist())):
        rows = random.permutation(np.flatnonzero(labels == label))
        fold[rows] = (np.arange(len(rows)) + random.integers(count)) % count
    return fold


def _temperature(parts: list[Any], labels: np.ndarray) -> float:
    scores, targets = [], []
    for rows, linear, _, values, gone in parts:
        keep = ~gone & (labels[rows] != OUT_OF_SCOPE)
        columns = {c: i for i, c in enumerate(linear.classes)}
        keep &= np.isin(labels[rows], linear.classes)
        scores.append(values[keep])
        targets.append(np.array([columns[i] for i in labels[rows[keep]]], dtype=int))
    width = max(s.shape[1] for s in scores)
    padded = [np.pad(s, ((0, 0), (0, width - s.shape[1])), constant_values=-1e3) for s in scores]
    return fit_temperature(np.vstack(padded), np.concatenate(targets))
