"""A matrix in tiles gives the products that it gives in one piece."""

from __future__ import annotations

import numpy as np
import pytest

from bot.engine.nlu.tiles import Tiles


@pytest.mark.parametrize("shape", [(384, 1152), (1536, 384), (768, 40), (7, 3), (384, 0)])
@pytest.mark.parametrize("rows", [1, 20, 170, 600])
def test_the_products_are_those_of_the_matrix(shape: tuple[int, int], rows: int) -> None:
    random = np.random.default_rng(7)
    matrix = random.standard_normal(shape, dtype=np.float32)
    few = random.standard_normal((rows, shape[0]), dtype=np.float32)
    assert Tiles(matrix).after(few) == pytest.approx(few @ matrix, abs=1e-3)


def test_the_matrix_can_be_taken_out() -> None:
    matrix = np.arange(70, dtype=np.float32).reshape(2, 35)
    assert np.array_equal(Tiles(matrix).whole(), matrix)
