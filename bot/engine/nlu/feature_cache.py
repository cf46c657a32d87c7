"""Keeps the features of examples from one training to the next: most of them are the same ones again.

A text is known by a digest, so the file holds no words. It holds good for one version of the code and data of
this package and of the dense features; with any other it starts empty.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bot.engine.nlu.dense import Dense
from bot.engine.nlu.features import BLOCKS, Block, Counted, counted_features
from bot.engine.nlu.fingerprint import code_fingerprint

VARIABLE = "ZABOTA_FEATURE_CACHE"  # path of the file, for trainings that Rasa runs


def from_environment() -> FeatureCache | None:
    """The cache that the environment names."""
    path = os.environ.get(VARIABLE)
    return FeatureCache(Path(path)) if path else None


class FeatureCache:
    """Sparse and dense features of the texts of the last training."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[int, int] = {}
        self._parts: dict[str, np.ndarray] = {}
        self._read()

    def counted(self, texts: Sequence[str], blocks: Sequence[Block] = BLOCKS) -> list[Counted]:
        """What `counted_features` gives."""
        if tuple(blocks) != tuple(BLOCKS):
            return counted_features(texts, blocks)
        names = [_name(text) for text in texts]
        if not set(names) <= self._rows.keys():
            self._extend(texts, names)
        rows = np.array([self._rows[name] for name in names], dtype=np.int64)
        return [self._picked(block.name, rows) for block in blocks]

    def dense(self, texts: Sequence[str], dense: Dense) -> np.ndarray:
        """What `dense` gives [texts, width]. To be called after `counted`, for the same texts."""
        described = json.dumps(dense.describe(), sort_keys=True)
        kept = self._parts.get("dense")
        names = [_name(text) for text in texts]
        if kept is None or str(self._parts["described"]) != described:
            kept = np.zeros((0, dense.width), dtype=np.float32)
        missing = dict(
            sorted(
                (self._rows[n], t) for n, t in zip(names, texts, strict=True) if self._rows[n] >= len(kept)
            )
        )
        if missing:
            more = np.zeros((len(self._rows) - len(kept), dense.width), dtype=np.float32)
            more[[row - len(kept) for row in missing]] = dense(list(missing.values()))
            kept = np.concatenate([kept, more])
        self._parts["dense"], self._parts["described"] = kept, np.array(described)
        return np.asarray(kept[[self._rows[name] for name in names]])

    def save(self, texts: Sequence[str]) -> None:
        """Write what belongs to these texts; the rest is forgotten."""
        names = list(dict.fromkeys(_name(text) for text in texts))
        rows = np.array([self._rows[name] for name in names], dtype=np.int64)
        out = {"version": np.array(code_fingerprint()), "names": np.array(names, dtype=np.uint64)}
        for block in BLOCKS:
            index, ids, counts = self._picked(block.name, rows)
            lengths = np.bincount(index, minlength=len(rows))
            out[f"{block.name}_indptr"] = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
            out[f"{block.name}_ids"], out[f"{block.name}_counts"] = ids, counts.astype(np.uint16)
        if "dense" in self._parts:
            out["dense"], out["described"] = self._parts["dense"][rows], self._parts["described"]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}.npz")
        np.savez(fresh, **out)
        fresh.replace(self._path)

    def _read(self) -> None:
        try:
            with np.load(self._path, allow_pickle=False) as kept:
                if str(kept["version"]) == code_fingerprint():
                    self._rows = {int(name): row for row, name in enumerate(kept["names"])}
                    self._parts = {
                        name: kept[name] for name in kept.files if name not in ("version", "names")
                    }
        except (OSError, ValueError, KeyError, EOFError):
            self._rows, self._parts = {}, {}

    def _extend(self, texts: Sequence[str], names: Sequence[int]) -> None:
        fresh = {n: t for n, t in zip(names, texts, strict=True) if n not in self._rows}
        first = len(self._rows)
        self._rows |= {name: first + place for place, name in enumerate(fresh)}
        for block, (index, ids, counts) in zip(
            BLOCKS, counted_features(list(fresh.values()), BLOCKS), strict=True
        ):
            old = self._parts.get(f"{block.name}_indptr", np.zeros(1, dtype=np.int64))
            ends = old[-1] + np.cumsum(np.bincount(index, minlength=len(fresh)))
            self._parts[f"{block.name}_indptr"] = np.concatenate([old, ends]).astype(np.int64)
            for part, values in (("ids", ids), ("counts", counts)):
                name = f"{block.name}_{part}"
                known = self._parts.get(name)
                self._parts[name] = values if known is None else np.concatenate([known, values])

    def _picked(self, block: str, rows: np.ndarray) -> Counted:
        """The entries of some rows, one after the other."""
        indptr = self._parts[f"{block}_indptr"]
        lengths = indptr[rows + 1] - indptr[rows]
        index = np.repeat(np.arange(len(rows)), lengths)
        before = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        places = np.arange(int(lengths.sum())) + np.repeat(indptr[rows] - before, lengths)
        ids, counts = self._parts[f"{block}_ids"][places], self._parts[f"{block}_counts"][places]
        return index, ids, counts.astype(np.int64)


def _name(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
