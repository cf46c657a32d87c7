"""The learnt half of sentiment: a linear model over words and lemmas, from intents that have a mood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bot.engine.nlu.features import BLOCKS, Vectoriser
from bot.engine.nlu.sentiment import Sentiment
from bot.engine.nlu.text import clean, words

_BLOCKS = tuple(b for b in BLOCKS if b.name in {"words", "lemmas"})
_LEAST = 10  # examples of either mood
_NEUTRAL = 2000  # examples without a mood at most


class MoodModel:
    """P(positive) - P(negative) of a text."""

    def __init__(self, vectoriser: Vectoriser, weights: np.ndarray, bias: np.ndarray) -> None:
        """`weights` [features, 3] and `bias` [3], in the order negative, neutral, positive."""
        self._vectoriser, self._weights, self._bias = vectoriser, weights, bias

    @classmethod
    def fit(cls, texts: Sequence[str], moods: np.ndarray, seed: int) -> MoodModel | None:
        """Train on moods -1, 0, 1; None when either mood has too few examples."""
        from sklearn.linear_model import LogisticRegression

        if min((moods == m).sum() for m in (-1, 0, 1)) < _LEAST:
            return None
        neutral = np.flatnonzero(moods == 0)
        few = np.random.default_rng(seed).permutation(neutral)[:_NEUTRAL]
        kept = np.sort(np.concatenate([np.flatnonzero(moods != 0), few]))
        texts, moods = [texts[i] for i in kept], moods[kept]
        vectoriser, matrix = Vectoriser.fit(texts, _BLOCKS)
        learner = LogisticRegression(C=8.0, max_iter=200, class_weight="balanced", random_state=seed)
        learner.fit(matrix, moods)
        return cls(vectoriser, learner.coef_.T.astype(np.float32), learner.intercept_.astype(np.float32))

    def score(self, text: str) -> float:
        """-1…1."""
        columns, values, _ = self._vectoriser.row(words(clean(text)))
        if not len(columns):
            return 0.0
        z = values @ self._weights[columns].astype(np.float32) + self._bias
        p = np.exp(z - z.max())
        p /= p.sum()
        return float(p[2] - p[0])

    def arrays(self) -> dict[str, Any]:
        """What to store."""
        return self._vectoriser.arrays() | {"weights": self._weights.astype(np.float16), "bias": self._bias}

    @classmethod
    def from_arrays(cls, arrays: Any) -> MoodModel:
        """The counterpart of `arrays`."""
        return cls(Vectoriser.from_arrays(arrays, _BLOCKS), arrays["weights"], arrays["bias"])


def blend(listed: Sentiment, learnt: float | None) -> float:
    """The word lists lead; the model speaks where they are silent, at half strength."""
    if learnt is None:
        return listed.score
    if not listed.words:
        return round(0.5 * learnt, 3)
    return round(max(-1.0, min(1.0, 0.75 * listed.score + 0.25 * learnt)), 3)
