"""A second opinion where a sentence encoder is installed: kernel ridge regression over its vectors.

The linear machines weigh words; two sentences of one meaning and no common word are only brought together by
the encoder's vector, and where an intent's vectors lie in several heaps no plane cuts them off. Here every
training example votes for its intent, the more the nearer it lies. On five folds of BANKING77's training rows
that adds 0.9 % to the linear machines with the same vectors (docs/nlu.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

SHARPNESS = 3.0  # of the kernel exp(SHARPNESS * (cosine - 1))
RIDGE = 0.1
WEIGHT = 3.0  # of the votes beside the linear machines' decision values
ROWS_LIMIT = 12_000  # examples that vote: the square of it are 4-byte numbers, 576 MB, while training


@dataclass
class Kernel:
    """The examples' votes."""

    votes: np.ndarray  # float32 [examples, classes]
    scale: float = 1.0  # brings the sum of both opinions to the scale of the linear machines alone

    def scores(self, cosines: np.ndarray) -> np.ndarray:
        """The votes [rows, classes] on messages with these cosines [rows, examples] to the examples."""
        return np.asarray(np.exp(SHARPNESS * (cosines - 1)) @ self.votes)

    def beside(self, linear: np.ndarray, votes: np.ndarray, background: np.ndarray) -> np.ndarray:
        """Decision values [rows, classes] of both; those of the `background` columns stay the linear ones."""
        return np.where(background, linear, self.scale * (linear + WEIGHT * votes))


def fit_votes(
    vectors: np.ndarray, labels: np.ndarray, classes: list[str], background: str, seed: int
) -> np.ndarray:
    """Solve for the examples' votes [examples, classes].

    Args:
        vectors: float32 [examples, width], unit rows; zeros for an example without one.
        labels: of the examples; those of `background` do not vote.
    """
    votes = np.zeros((len(vectors), len(classes)), dtype=np.float32)
    voters = np.flatnonzero(vectors.any(axis=1) & (labels != background))
    if len(voters) > ROWS_LIMIT:
        voters = np.sort(np.random.default_rng(seed).permutation(voters)[:ROWS_LIMIT])
    if not len(voters):
        return votes
    of_voters = vectors[voters]
    table = of_voters @ of_voters.T
    table -= 1
    table *= SHARPNESS
    np.exp(table, out=table)
    table[np.diag_indices(len(voters))] += RIDGE
    column = {name: i for i, name in enumerate(classes)}
    wanted = np.zeros((len(voters), len(classes)), dtype=np.float32)
    wanted[np.arange(len(voters)), [column[name] for name in labels[voters]]] = 1
    factor = linalg.cho_factor(table, lower=True, overwrite_a=True, check_finite=False)
    votes[voters] = linalg.cho_solve(factor, wanted, overwrite_b=True, check_finite=False)
    return votes
