"""The linear classifier and the calibration of its scores."""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse

from bot.engine.nlu import parallel

TOLERANCE = 0.3  # of the solver; 0.001 gives the same accuracy in one and a half times the time
_OTHER = "\x00other"  # the classes of the other shares; sorts first and is no intent's name


@dataclass
class Linear:
    """One-against-the-rest weights: `scores = x @ weights + bias`."""

    classes: list[str]
    weights: np.ndarray  # float32 [features, classes]
    bias: np.ndarray  # float32 [classes]

    def scores(self, matrix: sparse.csr_matrix) -> np.ndarray:
        """Decision values [rows, classes]."""
        return np.asarray(matrix @ self.weights + self.bias, dtype=np.float32)


def fit_linear(
    matrix: sparse.csr_matrix, labels: np.ndarray, cost: float, seed: int, background: str = ""
) -> Linear:
    """Support vector machines with squared hinge loss, one a class, solved in the dual (liblinear).

    Rows of the class `background` are no counter-examples of the others: hundreds of strangers would push the
    small intents down. They have a machine of their own, background against everything else.
    """
    strange = labels == background
    if not strange.any() or len(set(labels[~strange].tolist())) < 2:
        return _machines(matrix, labels, cost, seed)
    found = _machines(matrix[np.flatnonzero(~strange)], labels[~strange], cost, seed)
    apart = _machines(matrix, np.where(strange, "1", "0"), cost, seed)
    return Linear(
        [*found.classes, background],
        np.concatenate([found.weights, apart.weights[:, 1:]], axis=1),
        np.concatenate([found.bias, apart.bias[1:]]),
    )


def fit_linear_beside(
    matrix: sparse.csr_matrix, labels: np.ndarray, cost: float, seed: int, background: str = ""
) -> Linear:
    """What `fit_linear` does, the classes shared out among the cores.

    The solver's random order differs from `fit_linear`'s, and the weights with it, within its tolerance.
    """
    strange = labels == background
    inside = np.flatnonzero(~strange)
    classes = sorted(set(labels[inside].tolist()))
    shares = min(parallel.cores(), len(classes) // 2)
    if shares < 2:
        return fit_linear(matrix, labels, cost, seed, background)
    rows, named = matrix[inside], labels[inside]

    def share(own: list[str]) -> Linear:
        found = _machines(rows, np.where(np.isin(named, own), named, _OTHER), cost, seed)
        kept = [found.classes.index(name) for name in own]
        return Linear(own, found.weights[:, kept], found.bias[kept])

    jobs = [functools.partial(share, classes[n::shares]) for n in range(shares)]
    if strange.any():
        jobs.append(functools.partial(_machines, matrix, np.where(strange, "1", "0"), cost, seed))
    done = parallel.run(jobs)
    by_class = {name: (one, n) for one in done[:shares] for n, name in enumerate(one.classes)}
    weights = [by_class[name][0].weights[:, by_class[name][1]] for name in classes]
    bias = [by_class[name][0].bias[by_class[name][1]] for name in classes]
    if strange.any():
        weights, bias = [*weights, done[-1].weights[:, 1]], [*bias, done[-1].bias[1]]
        classes = [*classes, background]
    return Linear(classes, np.stack(weights, axis=1), np.array(bias, dtype=np.float32))


def _machines(matrix: sparse.csr_matrix, labels: np.ndarray, cost: float, seed: int) -> Linear:
    from sklearn.svm import LinearSVC

    classes = sorted(set(labels.tolist()))
    if len(classes) == 1:
        return Linear(classes, np.zeros((matrix.shape[1], 1), np.float32), np.ones(1, np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # liblinear's «failed to converge» changes no decision
        machine = LinearSVC(C=cost, tol=TOLERANCE, random_state=seed).fit(matrix, labels)
    weights, bias = machine.coef_, machine.intercept_
    if len(classes) == 2:
        weights, bias = np.vstack([-weights, weights]), np.concatenate([-bias, bias])
    return Linear(classes, np.ascontiguousarray(weights.T, dtype=np.float32), bias.astype(np.float32))


def softmax(scores: np.ndarray) -> np.ndarray:
    """Row-wise; the last axis sums to 1."""
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def fit_temperature(scores: np.ndarray, targets: np.ndarray) -> float:
    """The factor on decision values that makes their softmax most likely on held-out rows.

    Args:
        scores: decision values [rows, classes] of rows that the classifier did not see in training.
        targets: column of the right class.
    """

    def loss(log_factor: float) -> float:
        p = softmax(scores * np.exp(log_factor))
        return float(-np.log(p[np.arange(len(targets)), targets] + 1e-9).mean())

    found = optimize.minimize_scalar(loss, bounds=(-2.0, 4.0), method="bounded")
    return float(np.exp(found.x))


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error: mean |confidence - accuracy| over equal-width bins, by bin size."""
    if not len(confidence):
        return 0.0
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for b in np.unique(index):
        inside = index == b
        error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return float(error)
