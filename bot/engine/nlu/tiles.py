"""A constant matrix that a few rows at a time are multiplied by.

At every product OpenBLAS first copies the whole matrix into an order of its own. For the ten or twenty tokens
of a message that takes longer than the product: 10 of 13 ms for all-MiniLM-L6-v2. Products of at most a
million multiplications it computes where the matrix lies (its small-matrix kernels, with AVX-512), so the
matrix is kept in tiles of that size.
"""

from __future__ import annotations

import numpy as np

_SMALL = 1_000_000  # multiplications
_WIDE = 32  # columns of a tile
_DEEP = 384  # rows of a tile at most
_MANY = 500  # rows from which copying the matrix pays


class Tiles:
    """A matrix [depth, width] of float32, cut into tiles."""

    def __init__(self, matrix: np.ndarray) -> None:
        """Copy the matrix; columns of zeros fill up the last tile."""
        self.depth, self.width = matrix.shape
        deep = next(d for d in range(min(self.depth, _DEEP), 0, -1) if self.depth % d == 0)
        across = -(-self.width // _WIDE)
        padded = np.zeros((self.depth, across * _WIDE), dtype=np.float32)
        padded[:, : self.width] = matrix
        cut = padded.reshape(self.depth // deep, deep, across, _WIDE).transpose(0, 2, 1, 3)
        self._tiles = np.ascontiguousarray(cut)  # [down, across, deep, _WIDE]
        self._rows_limit = _SMALL // (deep * _WIDE)

    def whole(self) -> np.ndarray:
        """The matrix in one piece, a copy."""
        across = self._tiles.shape[1]
        joined = self._tiles.transpose(0, 2, 1, 3).reshape(self.depth, across * _WIDE)
        return np.asarray(joined[:, : self.width])

    def after(self, rows: np.ndarray) -> np.ndarray:
        """`rows @ matrix`, float32 [rows, width]."""
        if len(rows) > _MANY:
            return np.asarray(rows @ self.whole())
        pieces = -(-len(rows) // self._rows_limit)
        if pieces > 1:
            return np.concatenate([self.after(piece) for piece in np.array_split(rows, pieces)])
        down, across, deep, _ = self._tiles.shape
        parts = rows.reshape(len(rows), down, 1, deep).transpose(1, 2, 0, 3)
        found = np.matmul(parts, self._tiles)  # [down, across, rows, _WIDE]
        total = found[0] if down == 1 else found.sum(axis=0)
        return np.asarray(total.transpose(1, 0, 2).reshape(len(rows), across * _WIDE)[:, : self.width])
