"""Training of the intent model: folds for calibration and rejection, then one fit on everything."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
from scipy import sparse

from bot.engine.nlu import memory as memories
from bot.engine.nlu import parallel
from bot.engine.nlu.dense import Dense
from bot.engine.nlu.feature_cache import FeatureCache
from bot.engine.nlu.features import BLOCKS, NOVELTY, Vectoriser
from bot.engine.nlu.kernel import Kernel, fit_votes
from bot.engine.nlu.linear import (
    Linear,
    calibration_error,
    fit_linear,
    fit_linear_beside,
    fit_temperature,
    softmax,
)
from bot.engine.nlu.memory import Memory, unit
from bot.engine.nlu.rejection import fit_rejection, never

OUT_OF_SCOPE = "out_of_scope"
ENOUGH_OUT_OF_SCOPE = 30  # examples; with as many of its own a company needs no background sentences
TOO_LIKE = 0.6  # cosine by words
SHARE_WITHOUT_REAL = 0.5  # made-up strangers are easier than real ones: rejection must be set more strictly
MANY_ROWS = 2000
MADE_UP_WEIGHT = 0.3  # an intent left out of a fold resembles its neighbours more than real strangers do


def probabilities(scores: np.ndarray, classes: list[str], temperature: float) -> np.ndarray:
    """Calibrated probabilities [rows, classes] among the intents; the background class has none of them."""
    inside = np.where([c == OUT_OF_SCOPE for c in classes], -np.inf, scores)
    return softmax(inside * temperature)


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
    best = inside.argmax(1)
    top = probability[rows, best]
    rest = probability.copy()
    rest[rows, best] = 0
    second = np.sort(inside, axis=1)[:, -2] if (~is_background).sum() > 1 else np.full(len(rows), -1.0)
    background = scores[:, is_background].max(1) if is_background.any() else np.full(len(rows), -1.0)
    nearest = memory.nearest_of_each(classes, similarity)
    own = np.where(is_background, 0, nearest).max(1)
    agreement = nearest[rows, best]
    strange = np.where(is_background, nearest, 0).max(1)
    table = np.stack(
        [
            _log_odds(top), top - rest.max(1), background, inside[rows, best], second,
            own, agreement, strange, *unseen.T, np.log1p(features),
        ],
        axis=1,
    )  # fmt: skip
    return table.astype(np.float64), best


def _log_odds(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(p / (1 - p)))


@dataclass
class _Rows:
    """The training examples in every shape that training needs."""

    texts: list[str]
    labels: np.ndarray
    made_up: np.ndarray  # background sentences, not the company's own examples
    sparse: sparse.csr_matrix
    near: np.ndarray | None  # the encoder's vectors: unit rows, or zeros
    table: sparse.csr_matrix  # what the classifier learns from
    span: tuple[int, int]  # the lemma block's columns
    novelty: list[tuple[int, int]]  # the columns of the blocks of `NOVELTY`

    def unseen_by(self, known: np.ndarray, matrix: sparse.csr_matrix) -> np.ndarray:
        """Shares [rows, blocks] of each row's features that a fold's training rows do not have."""
        return np.stack(
            [_strange_share(known[slice(*s)], matrix[:, slice(*s)]) for s in self.novelty], axis=1
        )

    def votes(self, index: np.ndarray, classes: list[str], seed: int) -> np.ndarray | None:
        """What some rows vote for; None without an encoder."""
        if self.near is None:
            return None
        return fit_votes(self.near[index], self.labels[index], classes, OUT_OF_SCOPE, seed)

    def memory(self, index: np.ndarray) -> Memory:
        """The examples of some rows as neighbours."""
        near = None if self.near is None else self.near[index]
        texts = [self.texts[i] for i in index]
        return memories.build(texts, self.labels[index].tolist(), self.sparse[index], self.span, near)


def fit(
    texts: Sequence[str],
    intents: Sequence[str],
    options: Any,
    dense: Dense | None,
    background: Sequence[str],
    cache: FeatureCache | None = None,
) -> dict[str, Any]:
    """Everything an `IntentModel` is made of, but the dense features."""
    started = time.perf_counter()
    texts, intents = _mixed(texts, intents)
    real = len(texts)
    background = _strangers(background, texts, intents)
    vectoriser, rows = _prepare(
        [*texts, *background], [*intents, *[OUT_OF_SCOPE] * len(background)], real, dense, cache
    )
    splits = _splits(rows, options)
    jobs: list[Callable[[], Any]] = [
        functools.partial(_learn, rows, np.arange(len(rows.texts)), options),
        *(functools.partial(_fold_scores, rows, split, options) for split in splits),
    ]
    # Forking pays only where the fits take seconds.
    whole, *scored = parallel.run(jobs) if len(rows.texts) >= MANY_ROWS else [job() for job in jobs]
    linear, votes = whole
    held = _held_out(rows, [_fold(rows, *one) for one in zip(splits, scored, strict=True)], options)
    report = {
        "examples": real,
        "background": len(background),
        "intents": len(set(intents) - {OUT_OF_SCOPE}),
        "features": int(rows.table.shape[1]),
        **held.pop("report"),
        "train_seconds": round(time.perf_counter() - started, 3),
    }
    memory = rows.memory(np.arange(real))
    scale = held.pop("scale")
    return {
        "vectoriser": vectoriser,
        "linear": linear,
        "kernel": None if votes is None else Kernel(votes[memory.voiced], scale),
        "memory": memory,
        "options": options,
        "report": report,
        **held,
    }


def _mixed(texts: Sequence[str], intents: Sequence[str]) -> tuple[list[str], list[str]]:
    """The examples in an order that only they decide.

    Which rows a fold leaves out moves the point of rejection. The order of a file must not: the same examples
    in another order would be another model.
    """
    rows = sorted(zip(texts, intents, strict=True), key=lambda row: (crc32(row[0].encode()), row))
    return [text for text, _ in rows], [intent for _, intent in rows]


def _strangers(background: Sequence[str], texts: Sequence[str], intents: Sequence[str]) -> list[str]:
    """The background sentences that are needed and are strange here.

    None when the company has out-of-scope examples enough of its own. Not those that say what an
    intent's example says: a company that wants greetings answered has an intent for them.
    """
    if not background or sum(i == OUT_OF_SCOPE for i in intents) >= ENOUGH_OUT_OF_SCOPE:
        return []
    _, rows = Vectoriser.fit([*texts, *background], [b for b in BLOCKS if b.name == "words"])
    nearest = (rows[len(texts) :] @ rows[: len(texts)].T).max(axis=1).toarray().ravel()
    return [b for b, similarity in zip(background, nearest, strict=False) if similarity < TOO_LIKE]


def refit(
    texts: Sequence[str],
    intents: Sequence[str],
    options: Any,
    dense: Dense | None,
    background: Sequence[str],
    cache: FeatureCache,
) -> dict[str, Any]:
    """Vectoriser, machines, votes and memory anew; calibration and rejection are left to a whole training.

    For a few examples more or less. The machines are solved beside one another, so they differ from those
    of `fit` within the solver's tolerance.
    """
    real = len(texts)
    background = _strangers(background, texts, intents)
    vectoriser, rows = _prepare(
        [*texts, *background], [*intents, *[OUT_OF_SCOPE] * len(background)], real, dense, cache
    )
    linear = fit_linear_beside(rows.table, rows.labels, options.cost, options.seed, OUT_OF_SCOPE)
    votes = rows.votes(np.arange(real), linear.classes, options.seed)
    memory = rows.memory(np.arange(real))
    return {
        "vectoriser": vectoriser,
        "linear": linear,
        "votes": None if votes is None else votes[memory.voiced],
        "memory": memory,
    }


def _prepare(
    texts: list[str], labels: list[str], real: int, dense: Dense | None, cache: FeatureCache | None = None
) -> tuple[Vectoriser, _Rows]:
    vectoriser, matrix = Vectoriser.fit(texts, count=cache.counted if cache else None)
    near, table = None, matrix
    if dense is not None:
        columns = cache.dense(texts, dense) if cache else dense(texts)
        table = sparse.hstack([matrix, sparse.csr_matrix(columns)], format="csr")
        near = unit(columns[:, dense.sentences :]) if dense.sentences < dense.width else None
    if cache:
        cache.save(texts)
    made_up = np.arange(len(texts)) >= real
    span = vectoriser.span("lemmas")
    named = np.array(labels)
    return vectoriser, _Rows(
        texts, named, made_up, matrix, near, table, span, [vectoriser.span(n) for n in NOVELTY]
    )


@dataclass
class _Split:
    """Which rows a fold trains on, and which it is judged by."""

    train: np.ndarray
    test: np.ndarray
    gone: np.ndarray  # of the test rows: whether the row's intent was left out altogether


@dataclass
class _Fold:
    """Rows that a fold's classifier did not see, and its scores for them."""

    rows: np.ndarray
    gone: np.ndarray
    classes: list[str]
    memory: Memory
    known: np.ndarray  # bool [columns]: whether the fold's training rows have the feature
    scores: np.ndarray
    votes: np.ndarray | None  # the kernel's on the same rows; None without an encoder
    voted: np.ndarray  # bool [rows]: whether the row has a vector

    def with_votes(self, scale: float) -> _Fold:
        """The scores of both opinions, where there is a second one."""
        if self.votes is None:
            return self
        background = np.array([c == OUT_OF_SCOPE for c in self.classes])
        both = Kernel(self.votes, scale).beside(self.scores, self.votes, background)
        return replace(self, scores=np.where(self.voted[:, None], both, self.scores))


def _strange_share(known: np.ndarray, part: sparse.csr_matrix) -> np.ndarray:
    strange = sparse.csr_matrix((~known[part.indices], part.indices, part.indptr), shape=part.shape)
    return np.asarray(np.asarray(strange.sum(axis=1)).ravel() / np.maximum(np.diff(part.indptr), 1))


def _held_out(rows: _Rows, folds: Sequence[_Fold], options: Any) -> dict[str, Any]:
    """Temperature and rejection, learnt from rows their fold's classifier did not see.

    Where the company has few out-of-scope examples of its own, a fold also leaves out some intents
    altogether: their examples are out of scope for it. With enough real ones they only do harm: they resemble
    the intents that stay more than real strangers do.
    """
    if not folds:
        return {"temperature": 4.0, "rejection": never(), "scale": 1.0, "report": {}}
    temperature, scale = _calibration(folds, rows.labels)
    folds = [f.with_votes(scale) for f in folds]
    data = _judged(rows, folds, temperature)
    share = options.expected_out_of_scope
    if not _has_enough(rows):
        share = max(share, SHARE_WITHOUT_REAL)
    rejection = fit_rejection(
        data["signals"], data["outside"], data["right"], data["weight"], share, options.seed
    )
    rejected = rejection.score(data["signals"]) > rejection.threshold
    inside, outside = ~data["outside"], data["outside"]
    report = {
        "held_out_accuracy": round(float(data["right"][inside].mean()), 4),
        "held_out_ece": round(calibration_error(data["top"][inside], data["right"][inside]), 4),
        "held_out_kept": round(float((data["right"] & ~rejected)[inside].mean()), 4),
        "held_out_rejected": round(float(rejected[outside].mean()), 4) if outside.any() else None,
    }
    return {"temperature": temperature, "rejection": rejection, "scale": scale, "report": report}


def _splits(rows: _Rows, options: Any) -> list[_Split]:
    """The folds; none where there is too little to learn from."""
    names = sorted(set(rows.labels.tolist()) - {OUT_OF_SCOPE})
    smallest = min((int((rows.labels == n).sum()) for n in names), default=0)
    if len(names) < 2 or smallest < 2:
        return []
    random = np.random.default_rng(options.seed)
    fold = _folds(rows.labels, options.folds, random)
    order = random.permutation(len(names))
    dropped_each = 0 if _has_enough(rows) or len(names) < 5 else int(len(names) * options.left_out)
    splits = []
    for k in range(options.folds):
        dropped = [names[i] for i in order[k * dropped_each : (k + 1) * dropped_each]]
        gone = np.isin(rows.labels, dropped)
        train = np.flatnonzero((fold != k) & ~gone)
        test = np.flatnonzero((fold == k) | gone)
        if len(set(rows.labels[train].tolist()) - {OUT_OF_SCOPE}) >= 2:
            splits.append(_Split(train, test, gone[test]))
    return splits


def _learn(rows: _Rows, index: np.ndarray, options: Any) -> tuple[Linear, np.ndarray | None]:
    """The machines of some rows, and the rows' votes."""
    linear = fit_linear(rows.table[index], rows.labels[index], options.cost, options.seed, OUT_OF_SCOPE)
    return linear, rows.votes(index, linear.classes, options.seed)


def _fold_scores(rows: _Rows, split: _Split, options: Any) -> tuple[list[str], np.ndarray, np.ndarray | None]:
    """Classes of a fold's classifier, its decision values for the rows it did not see, and votes on them."""
    linear, votes = _learn(rows, split.train, options)
    judged = None
    if votes is not None and rows.near is not None:
        kernel, examples = Kernel(votes), rows.near[split.train].T
        pieces = np.array_split(split.test, len(split.test) // 1000 + 1)
        judged = np.concatenate([kernel.scores(rows.near[piece] @ examples) for piece in pieces])
    return linear.classes, linear.scores(rows.table[split.test]), judged


def _fold(rows: _Rows, split: _Split, scored: tuple[list[str], np.ndarray, np.ndarray | None]) -> _Fold:
    classes, scores, votes = scored
    known = np.asarray(rows.sparse[split.train].sum(axis=0)).ravel() > 0
    voted = np.zeros(len(split.test), bool) if rows.near is None else rows.near[split.test].any(axis=1)
    return _Fold(split.test, split.gone, classes, rows.memory(split.train), known, scores, votes, voted)


def _judged(rows: _Rows, folds: Sequence[_Fold], temperature: float) -> dict[str, np.ndarray]:
    """Signals and truths of all held-out rows, a thousand at a time."""
    out: dict[str, list[np.ndarray]] = {n: [] for n in ("signals", "outside", "right", "weight", "top")}
    for f in folds:
        probability = probabilities(f.scores, f.classes, temperature)
        for piece in np.array_split(np.arange(len(f.rows)), max(1, len(f.rows) // 1000)):
            picked = f.rows[piece]
            labels = rows.labels[picked]
            matrix = rows.sparse[picked]
            similarity = f.memory.similarities(matrix, None if rows.near is None else rows.near[picked])
            values, best = signals(
                f.scores[piece], probability[piece], f.classes, f.memory, similarity,
                rows.unseen_by(f.known, matrix), np.diff(matrix.indptr),
            )  # fmt: skip
            outside = f.gone[piece] | (labels == OUT_OF_SCOPE)
            out["signals"].append(values)
            out["outside"].append(outside)
            out["right"].append(~outside & (np.array(f.classes)[best] == labels))
            out["weight"].append(np.where(f.gone[piece] | rows.made_up[picked], MADE_UP_WEIGHT, 1.0))
            out["top"].append(probability[piece, best])
    return {name: np.concatenate(values) for name, values in out.items()}


def _has_enough(rows: _Rows) -> bool:
    """Whether the company has out-of-scope examples enough of its own."""
    return bool((rows.labels == OUT_OF_SCOPE).sum() - rows.made_up.sum() >= ENOUGH_OUT_OF_SCOPE)


def _folds(labels: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """A fold number for every row, spread evenly inside each label."""
    fold = np.zeros(len(labels), dtype=int)
    for label in sorted(set(labels.tolist())):
        rows = random.permutation(np.flatnonzero(labels == label))
        fold[rows] = (np.arange(len(rows)) + random.integers(count)) % count
    return fold


def _calibration(folds: Sequence[_Fold], labels: np.ndarray) -> tuple[float, float]:
    """Temperature of the linear machines, and the scale of both opinions where there are two.

    Messages with a vector and those without are judged by one rejection: their scores must mean alike.
    """
    temperature = _temperature(folds, labels, [np.ones(len(f.rows), bool) for f in folds])
    if not any(f.voted.any() for f in folds):
        return temperature, 1.0
    both = [f.with_votes(1.0) for f in folds]
    return temperature, _temperature(both, labels, [f.voted for f in folds]) / temperature


def _temperature(folds: Sequence[_Fold], labels: np.ndarray, wanted: Sequence[np.ndarray]) -> float:
    scores, targets = [], []
    for f, rows in zip(folds, wanted, strict=True):
        known = labels[f.rows]
        keep = rows & ~f.gone & (known != OUT_OF_SCOPE) & np.isin(known, f.classes)
        column = {c: i for i, c in enumerate(f.classes)}
        inside = np.where([c == OUT_OF_SCOPE for c in f.classes], -1e3, f.scores)
        scores.append(inside[keep])
        targets.append(np.array([column[i] for i in known[keep]], dtype=int))
    width = max(s.shape[1] for s in scores)
    padded = [np.pad(s, ((0, 0), (0, width - s.shape[1])), constant_values=-1e3) for s in scores]
    return fit_temperature(np.vstack(padded), np.concatenate(targets))
