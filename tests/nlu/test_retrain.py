"""Retraining on few changed examples: the same features from the cache, and the same answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bot.engine.nlu.feature_cache import FeatureCache
from bot.engine.nlu.features import BLOCKS, Vectoriser, counted_features
from bot.engine.nlu.model import IntentModel

ROWS = [
    (f"{start} {what} {when}", intent)
    for intent, starts, what in (
        ("track", ("где", "покажите", "найдите"), "мой заказ"),
        ("refund", ("верните", "хочу назад", "отдайте"), "деньги"),
        ("hours", ("когда", "до скольки", "как"), "работает магазин"),
    )
    for start in starts
    for when in ("сегодня", "завтра", "вчера", "срочно", "пожалуйста")
]
TEXTS, INTENTS = [text for text, _ in ROWS], [intent for _, intent in ROWS]


def test_the_cache_changes_no_feature(tmp_path: Path) -> None:
    path = tmp_path / "features.npz"
    first = FeatureCache(path)
    Vectoriser.fit(TEXTS[:30], count=first.counted)
    first.save(TEXTS[:30])
    again = FeatureCache(path)  # the next process: fifteen texts are new to it, and the order is another
    order = [*TEXTS[30:], *TEXTS[:30], TEXTS[3]]
    for (index, ids, counts), kept in zip(counted_features(order, BLOCKS), again.counted(order), strict=True):
        for plain, cached in zip((index, ids, counts), kept, strict=True):
            np.testing.assert_array_equal(plain, cached)
    assert not any(text.encode() in path.read_bytes() for text in TEXTS)


def test_a_damaged_cache_is_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "features.npz"
    path.write_bytes(b"not an archive")
    assert len(FeatureCache(path).counted(TEXTS)) == len(BLOCKS)


def test_a_new_example_is_learnt_and_the_rest_stays(tmp_path: Path) -> None:
    model = IntentModel.fit(TEXTS, INTENTS)
    cache = FeatureCache(tmp_path / "features.npz")
    refitted = model.refit([*TEXTS, "часы открытия скажите"], [*INTENTS, "hours"], (), cache)
    assert refitted.predict("часы открытия скажите").ranking[0][0] == "hours"
    assert [refitted.predict(t).ranking[0][0] for t in TEXTS] == INTENTS
    assert refitted.temperature == model.temperature


def test_another_intent_needs_a_whole_training(tmp_path: Path) -> None:
    model = IntentModel.fit(TEXTS, INTENTS)
    with pytest.raises(ValueError, match="whole training"):
        model.refit(
            [*TEXTS, "бонусы", "баллы"], [*INTENTS, "bonus", "bonus"], (), FeatureCache(tmp_path / "f.npz")
        )
