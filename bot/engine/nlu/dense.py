"""Dense features of a message: word vectors, and sentence encoders for the languages that have one.

The vectors are of Russian words. An English word borrows the vector of the Russian one that the glossary
names: rough, but *sofa* comes to lie near *armchair*, and «диван» near both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from bot.engine.nlu import encoder as encoders
from bot.engine.nlu import vectors
from bot.engine.nlu.encoder import Encoder
from bot.engine.nlu.glossary import in_russian
from bot.engine.nlu.text import clean, is_cyrillic, script_language, words
from bot.engine.nlu.vectors import WordVectors

VECTOR_WEIGHT = 1.4
_WORDS_KEPT = 4000  # vectors of words lately seen, 1.2 KB each

DEFAULT_ENCODERS: dict[str, str] = {"en": "auto", "ru": "off"}


class Dense:
    """Texts to rows: one span of columns a source; a source that does not know the text's language gives
    zeros.
    """

    def __init__(
        self,
        word_vectors: WordVectors | None,
        by_language: Mapping[str, Encoder],
        vector_weight: float = VECTOR_WEIGHT,
        encoder_weight: float = 1.0,
    ) -> None:
        """Weights are the lengths of a text's row in either span."""
        self._vectors = word_vectors
        self._weighed = lru_cache(maxsize=_WORDS_KEPT)(self._word)
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
        """Unit mean of the words' vectors, rare words counting more."""
        total = np.zeros(vectors.WIDTH, dtype=np.float32)
        for word in words(clean(text)):
            found = self._weighed(word)
            if found is not None:
                total += found
        length = float(np.linalg.norm(total))
        return total / length if length else total

    def _word(self, word: str) -> np.ndarray | None:
        """A lower-case word's vector times its rarity; an English word's by the glossary."""
        russian = word if is_cyrillic(word) else in_russian(word)
        found = self._vectors.get(russian) if russian and self._vectors is not None else None
        return None if found is None else found[0] * np.float32(found[1])

    def describe(self) -> dict[str, Any]:
        """What the columns are; a model works only with the features it was trained on."""
        return {
            "vectors": ["ru", "en by glossary"] if self._vectors is not None else [],
            "encoders": {language: e.sha256 for language, e in self._encoders.items()},
            "weights": [self._vector_weight, self._encoder_weight],
        }


def dense_features(
    use_vectors: bool = True,
    by_language: Mapping[str, str] | None = None,
    vector_weight: float = VECTOR_WEIGHT,
    encoder_weight: float = 1.0,
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
