"""The linear classifier and the calibration of its scores."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse

TOLERANCE = 0.3  # of the solver; 0.001 gives the same accuracy in one and a half times the time


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
