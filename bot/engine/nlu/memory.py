"""The training examples as neighbours: which one is nearest to a message, and how near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from bot.engine.nlu.tiles import Tiles


@dataclass
class Memory:
    """Training examples by dictionary forms and pairs of them (unit length), and by encoder if there is
    one.
    """

    texts: list[str]
    intents: list[str]
    start: int  # first column of the lemma block in the vectoriser's rows
    by_feature: sparse.csr_matrix  # float32 [lemma features, examples]
    voiced: np.ndarray  # the examples whose language the encoder knows
    vectors: Tiles | None  # [width, voiced], the encoder's, unit columns; None without an encoder
    _groups: dict[tuple[str, ...], tuple[np.ndarray, np.ndarray, np.ndarray]] = field(
        default_factory=dict, repr=False
    )

    def nearest_of_each(self, classes: Sequence[str], similarity: np.ndarray) -> np.ndarray:
        """The cosine with the nearest example of every class [rows, classes]; 0 where it has none."""
        order, starts, columns = self._grouped(tuple(classes))
        found = np.zeros((len(similarity), len(classes)), dtype=similarity.dtype)
        if len(order):
            found[:, columns] = np.maximum.reduceat(similarity[:, order], starts, axis=1)
        return np.maximum(found, 0)

    def _grouped(self, classes: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The examples class by class, where each class begins among them, and the classes' columns."""
        if classes not in self._groups:
            column = {c: i for i, c in enumerate(classes)}
            owner = np.array([column.get(i, -1) for i in self.intents], dtype=np.int32)
            order = np.argsort(owner, kind="stable")
            order = order[owner[order] >= 0]
            columns, starts = np.unique(owner[order], return_index=True)
            self._groups[classes] = (order, starts, columns)
        return self._groups[classes]

    def cosines(self, rows: np.ndarray) -> np.ndarray:
        """Cosines [rows, voiced] of the encoder's vectors of messages with the examples' ones."""
        assert self.vectors is not None
        return self.vectors.after(unit(rows))

    def similarity_of(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        """How near [examples] every example lies to one message by its words."""
        inside = (columns >= self.start) & (columns < self.start + self.by_feature.shape[0])
        pointer, index, data = self.by_feature.indptr, self.by_feature.indices, self.by_feature.data
        first = columns[inside] - self.start
        spans = [slice(*span) for span in zip(pointer[first], pointer[first + 1], strict=True)]
        if not spans:
            return np.zeros(len(self.texts), dtype=np.float32)
        examples = np.concatenate([index[span] for span in spans])
        shares = np.concatenate([data[span] for span in spans])
        shares *= np.repeat(values[inside], pointer[first + 1] - pointer[first])
        return np.bincount(examples, shares, minlength=len(self.texts)).astype(np.float32)

    def similarities(self, matrix: sparse.csr_matrix, dense: np.ndarray | None) -> np.ndarray:
        """Cosines [rows, examples] of many messages; both given as the vectoriser and the encoder make
        them.
        """
        lemmas = matrix[:, self.start : self.start + self.by_feature.shape[0]]
        total = np.asarray((lemmas @ self.by_feature).todense(), dtype=np.float32)
        if dense is not None and self.vectors is not None:
            known = dense.any(axis=1)
            total[known] = self.likeness(total[known], self.cosines(dense[known]))
        return total

    def likeness(self, by_words: np.ndarray, cosines: np.ndarray) -> np.ndarray:
        """How near [rows, examples] every example lies by words and by vector, written over `by_words`."""
        by_words[:, self.voiced] += cosines
        by_words /= 2
        return by_words

    def nearest(self, similarity: np.ndarray) -> tuple[str, str, float] | None:
        """The nearest example, its intent, the cosine; None when nothing is shared with any."""
        if not len(similarity):
            return None
        best = int(similarity.argmax())
        if similarity[best] <= 0:
            return None
        return self.texts[best], self.intents[best], float(similarity[best])

    def arrays(self) -> dict[str, Any]:
        """What to store beside texts and intents."""
        m = self.by_feature
        out = {
            "memory_data": m.data.astype(np.float16),
            "memory_indices": m.indices.astype(np.int32),
            "memory_indptr": m.indptr.astype(np.int32),
            "memory_start": np.array(self.start),
        }
        if self.vectors is not None:
            out["memory_dense"] = self.stored(self.vectors.whole().T)
        return out

    def stored(self, values: np.ndarray) -> np.ndarray:
        """Rows of all examples as they are stored, float16: `values` for those with a vector, zeros else."""
        out = np.zeros((len(self.texts), values.shape[1]), dtype=np.float16)
        out[self.voiced] = values
        return out

    @classmethod
    def from_arrays(cls, arrays: Any, texts: list[str], intents: list[str]) -> Memory:
        """The counterpart of `arrays`."""
        indptr = arrays["memory_indptr"]
        matrix = sparse.csr_matrix(
            (arrays["memory_data"].astype(np.float32), arrays["memory_indices"], indptr),
            shape=(len(indptr) - 1, len(texts)),
        )
        voiced, vectors = _with_vector(arrays.get("memory_dense"))
        return cls(texts, intents, int(arrays["memory_start"]), matrix, voiced, vectors)


def build(
    texts: Sequence[str],
    intents: Sequence[str],
    matrix: sparse.csr_matrix,
    span: tuple[int, int],
    dense: np.ndarray | None,
) -> Memory:
    """Make the memory of the rows of `matrix`; `span` is the lemma block's range of columns."""
    by_feature = matrix[:, span[0] : span[1]].T.tocsr().astype(np.float32)
    vectors = None if dense is None else unit(dense)
    return Memory(list(texts), list(intents), span[0], by_feature, *_with_vector(vectors))


def _with_vector(dense: np.ndarray | None) -> tuple[np.ndarray, Tiles | None]:
    """Which examples have a vector, and the vectors."""
    if dense is None:
        return np.zeros(0, dtype=int), None
    voiced = np.flatnonzero(dense.any(axis=1))
    return voiced, Tiles(dense[voiced].T)


def unit(rows: np.ndarray) -> np.ndarray:
    """The rows at length 1; rows of zeros stay so."""
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9), dtype=np.float32)
