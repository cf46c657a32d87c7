"""Dense features of a message: Russian word vectors, and sentence encoders for the languages that have
one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bot.engine.nlu import encoder as encoders
from bot.engine.nlu import vectors
from bot.engine.nlu.encoder import Encoder
from bot.engine.nlu.text import clean, is_cyrillic, script_language, words
from bot.engine.nlu.vectors import WordVectors

DEFAULT_ENCODERS: dict[str, str] = {"en": "auto", "ru": "off"}


class Dense:
    """Texts to rows: one span of columns a source; a source that does not know the text's language gives
    zeros.
    """

    def __init__(
        self,
        word_vectors: WordVectors | None,
        by_language: Mapping[str, Encoder],
        vector_weight: float = 1.0,
        encoder_weight: float = 2.0,
    ) -> None:
        """Weights are the lengths of a text's row in either span."""
        self._vectors = word_vectors
        self._vector_weight, self._encoder_weight = vector_weight, encoder_weight
        self._encoders = dict(sorted(by_language.items()))
        self._spans: dict[str, tuple[int, int]] = {}
        start = self.sentences = vectors.WIDTH if word_vectors is not None else 0  # first column of encoders
        for language, encoder in self._encoders.items():
            self._spans[language] = (start, start + encoder.width)
            start += encoder.width
        self.width = start

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Rows [texts, width], float32."""
        out = np.zeros((len(texts), self.width), dtype=np.float32)
        if self._vectors is not None:
            for i, text in enumerate(texts):
                out[i, : vectors.WIDTH] = self._mean(text) * self._vector_weight
        for language, encoder in self._encoders.items():
            index = [i for i, text in enumerate(texts) if script_language(text) == language]
            if index:
                first, last = self._spans[language]
                out[index, first:last] = encoder([texts[i] for i in index]) * self._encoder_weight
        return out

    def _mean(self, text: str) -> np.ndarray:
        """Unit mean of the Russian words' vectors, rare words counting more."""
        total = np.zeros(vectors.WIDTH, dtype=np.float32)
        for word in words(clean(text)):
            if is_cyrillic(word) and self._vectors is not None:
                found = self._vectors.get(word)
                if found is not None:
                    total += found[0] * found[1]
        length = float(np.linalg.norm(total))
        return total / length if length else total

    def describe(self) -> dict[str, Any]:
        """What the columns are; a model works only with the features it was trained on."""
        return {
            "vectors": self._vectors is not None,
            "encoders": {language: e.sha256 for language, e in self._encoders.items()},
            "weights": [self._vector_weight, self._encoder_weight],
        }


def dense_features(
    use_vectors: bool = True,
    by_language: Mapping[str, str] | None = None,
    vector_weight: float = 1.0,
    encoder_weight: float = 2.0,
) -> Dense | None:
    """The dense features that the settings and the installation allow; None when there are none."""
    found = {}
    for language, setting in (by_language or DEFAULT_ENCODERS).items():
        encoder = encoders.shared(setting)
        if encoder is not None:
            found[language] = encoder
    table = vectors.shared() if use_vectors else None
    if table is None and not found:
        return None
    return Dense(table, found, vector_weight, encoder_weight)
