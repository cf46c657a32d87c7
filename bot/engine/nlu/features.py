"""Sparse features of a message: words, dictionary forms, pairs of them, and character n-grams.

A feature is known by the CRC-32 of its text, so the vocabulary is a sorted array of numbers: it costs 4 bytes
a feature, loads at once, and keeps no customer's words. Two features share a number about once in 4 billion
pairs, which a linear model does not notice.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zlib import crc32

import numpy as np
from scipy import sparse

from bot.engine.nlu.concepts import concepts_of
from bot.engine.nlu.glossary import in_russian
from bot.engine.nlu.morphology import lemma
from bot.engine.nlu.sentiment import weigh
from bot.engine.nlu.text import clean, is_cyrillic, words

Ids = np.ndarray  # uint32, one entry an occurrence

NOVELTY = ("words", "forms")  # blocks whose unseen features tell that a message is strange
_BLOCK = np.uint64(32)  # bits of a feature's number, below its block's
PAIR_WORDS_LIMIT = 40  # pairs grow with the square: a longer message pairs only its first words


@dataclass(frozen=True)
class Block:
    """One kind of feature; a message's block has unit length times `weight`."""

    name: str
    weight: float
    min_df: int  # examples a feature must stand in to be kept
    ids: Callable[[list[str]], Ids]


def _array(ids: list[int]) -> Ids:
    return np.array(ids, dtype=np.uint32)


def word_ids(tokens: list[str]) -> Ids:
    """Words and neighbouring pairs, in order."""
    ids = [crc32(b"w" + t.encode()) for t in tokens]
    ids += [crc32(f"w{a} {b}".encode()) for a, b in itertools.pairwise(tokens)]
    return _array(ids)


def form_ids(tokens: list[str]) -> Ids:
    """Dictionary forms alone, rare ones included: they also tell how much of a message is new."""
    return _array([crc32(b"f" + f.encode()) for f in {lemma(t) for t in tokens}])


def lemma_ids(tokens: list[str]) -> Ids:
    """Dictionary forms, and every unordered pair of different ones («деньги … верните»)."""
    forms = sorted({lemma(t) for t in tokens[:PAIR_WORDS_LIMIT]})
    ids = [crc32(b"l" + f.encode()) for f in forms]
    ids += [crc32(f"p{a}+{b}".encode()) for i, a in enumerate(forms) for b in forms[i + 1 :]]
    return _array(ids)


@lru_cache(maxsize=20_000)
def _character_ids(word: str) -> Ids:
    padded = f" {word} "
    ids = []
    for size in range(2, 6):
        if size >= len(padded):
            ids.append(crc32(b"c" + padded.encode()))
            break
        ids += [crc32(b"c" + padded[i : i + size].encode()) for i in range(len(padded) - size + 1)]
    return _array(ids)


def character_ids(tokens: list[str]) -> Ids:
    """Character 2- to 5-grams inside words, edges marked by a space."""
    return np.concatenate([_character_ids(t) for t in tokens]) if tokens else _array([])


def bridge_ids(tokens: list[str]) -> Ids:
    """Russian dictionary forms, of English words by the glossary: what one language's examples teach, both
    know.
    """
    forms = set()
    for token in tokens:
        russian = token if is_cyrillic(token) else in_russian(token)
        if russian:
            forms.add(lemma(russian))
    return _array([crc32(b"b" + f.encode()) for f in sorted(forms)])


def concept_ids(tokens: list[str]) -> Ids:
    """Concepts, and every unordered pair of different ones."""
    names = sorted({*concepts_of(tokens), *_mood(tokens)})
    ids = [crc32(b"k" + n.encode()) for n in names]
    ids += [crc32(f"q{a}+{b}".encode()) for i, a in enumerate(names) for b in names[i + 1 :]]
    return _array(ids)


def _mood(tokens: list[str]) -> tuple[str, ...]:
    score = weigh(" ".join(tokens)).score
    return ("+mood",) if score > 0.3 else ("-mood",) if score < -0.3 else ()


BLOCKS = (
    Block("words", 1.0, 1, word_ids),
    Block("lemmas", 1.0, 2, lemma_ids),
    Block("forms", 0.01, 1, form_ids),
    Block("characters", 1.0, 1, character_ids),
    Block("concepts", 1.0, 2, concept_ids),
    Block("bridge", 1.0, 2, bridge_ids),
)


Counted = tuple[np.ndarray, np.ndarray, np.ndarray]  # number of the text, feature, how often it stands there


def counted_features(texts: Sequence[str], blocks: Sequence[Block]) -> list[Counted]:
    """The features of many texts, one entry a text and feature, for every block."""
    tokens = [words(clean(t)) for t in texts]
    out = []
    for block in blocks:
        found = [np.unique(block.ids(t), return_counts=True) for t in tokens]
        index = np.repeat(np.arange(len(texts)), [len(ids) for ids, _ in found])
        ids = np.concatenate([ids for ids, _ in found]) if found else _array([])
        counts = np.concatenate([counts for _, counts in found]) if found else _array([])
        out.append((index, ids, counts))
    return out


class Vectoriser:
    """Text to a sparse row: sublinear term frequency, idf, unit length a block."""

    def __init__(self, tables: Sequence[tuple[Ids, np.ndarray]], blocks: Sequence[Block] = BLOCKS) -> None:
        """Every block's features in ascending order, and their inverse document frequencies."""
        self._blocks = blocks
        self._scales = np.array([b.weight for b in blocks])
        self._starts = np.cumsum([0, *(len(ids) for ids, _ in tables)])
        self._keys = _keys([ids for ids, _ in tables])
        self._idf = np.concatenate([idf for _, idf in tables])
        self._novelty = [i for i, b in enumerate(blocks) if b.name in NOVELTY]
        self.size = len(self._keys)

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        blocks: Sequence[Block] = BLOCKS,
        count: Callable[[Sequence[str], Sequence[Block]], list[Counted]] | None = None,
    ) -> tuple[Vectoriser, sparse.csr_matrix]:
        """Collect the vocabulary of the training texts; give it, and their matrix [texts, features].

        Args:
            count: does what `counted_features` does.
        """
        counted = (count or counted_features)(texts, blocks)
        tables = []
        for block, (_, found, _) in zip(blocks, counted, strict=True):
            ids, df = np.unique(found, return_counts=True)
            keep = df >= block.min_df
            idf = np.log((1 + len(texts)) / (1 + df[keep])) + 1
            tables.append((ids[keep].astype(np.uint32), idf.astype(np.float32)))
        made = cls(tables, blocks)
        return made, made._matrix(counted, len(texts))

    def _matrix(self, counted: Sequence[Counted], texts: int) -> sparse.csr_matrix:
        """What `row` does, for many texts at once."""
        rows, columns, values = [], [], []
        for block, (index, ids, counts) in zip(self._blocks, counted, strict=True):
            first, last = self.span(block.name)
            known = self._ids(first, last)
            if not len(known) or not len(ids):
                continue
            places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
            hit = known[places] == ids
            kept, places = index[hit], places[hit] + first
            weights = (1 + np.log(counts[hit])) * self._idf[places]
            length = np.sqrt(np.bincount(kept, weights * weights, minlength=texts))
            rows.append(kept)
            columns.append(places)
            values.append(weights * block.weight / np.maximum(length, 1e-9)[kept])
        if not rows:
            return sparse.csr_matrix((texts, self.size), dtype=np.float32)
        where = (np.concatenate(rows), np.concatenate(columns))
        matrix = sparse.coo_matrix(
            (np.concatenate(values).astype(np.float32), where), shape=(texts, self.size)
        )
        return matrix.tocsr()

    def row(self, tokens: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Column numbers, values, and the shares of each block of `NOVELTY` never seen in training (0…1)."""
        keys, counts = np.unique(_keys([b.ids(tokens) for b in self._blocks]), return_counts=True)
        if not len(keys) or not self.size:
            return np.zeros(0, np.int64), np.zeros(0, np.float32), np.ones(len(self._novelty))
        columns = np.minimum(np.searchsorted(self._keys, keys), self.size - 1)
        hit = self._keys[columns] == keys
        block = (keys >> _BLOCK).astype(np.int64)
        present = np.bincount(block, minlength=len(self._blocks))
        block, columns = block[hit], columns[hit]
        known = np.bincount(block, minlength=len(self._blocks))
        weights = (1 + np.log(counts[hit])) * self._idf[columns]
        lengths = np.sqrt(np.bincount(block, weights * weights, minlength=len(self._blocks)))
        values = weights * (self._scales / np.maximum(lengths, 1e-9))[block]
        unseen = 1 - (known / np.maximum(present, 1))[self._novelty]
        return columns, values.astype(np.float32), unseen

    def rows(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """The matrix [texts, features]."""
        return self._matrix(counted_features(texts, self._blocks), len(texts))

    def span(self, name: str) -> tuple[int, int]:
        """First column of a block and the column after its last."""
        place = [b.name for b in self._blocks].index(name)
        return int(self._starts[place]), int(self._starts[place + 1])

    def _ids(self, first: int, last: int) -> Ids:
        return self._keys[first:last].astype(np.uint32)

    def arrays(self) -> dict[str, Any]:
        """What to store."""
        out = {}
        for block in self._blocks:
            first, last = self.span(block.name)
            out[f"{block.name}_ids"] = self._ids(first, last)
            out[f"{block.name}_idf"] = self._idf[first:last]
        return out

    @classmethod
    def from_arrays(cls, arrays: Any, blocks: Sequence[Block] = BLOCKS) -> Vectoriser:
        """The counterpart of `arrays`."""
        return cls([(arrays[f"{b.name}_ids"], arrays[f"{b.name}_idf"]) for b in blocks], blocks)


def _keys(found: Sequence[Ids]) -> np.ndarray:
    """Features [all] of every block as uint64: the block's number, then the feature's."""
    return np.concatenate([ids.astype(np.uint64) + (np.uint64(i) << _BLOCK) for i, ids in enumerate(found)])
