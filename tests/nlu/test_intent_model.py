"""The intent model by itself: what it promises to the desk, the studio and the next process."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from bot.engine.nlu.linear import calibration_error
from bot.engine.nlu.model import IntentModel, Options
from bot.engine.nlu.training import OUT_OF_SCOPE
from tests.nlu.product_data import examples

CHOSEN = (
    "track_order",
    "cancel_order",
    "return_item",
    "greet",
    "human_agent",
    "technical_problem",
    OUT_OF_SCOPE,
)


def small() -> tuple[list[str], list[str]]:
    rows = [e for e in examples() if e.intent in CHOSEN]
    return [e.text for e in rows], [e.intent for e in rows]


@pytest.fixture(scope="module")
def model() -> IntentModel:
    return IntentModel.fit(*small())


def test_an_inquiry_is_classified(model: IntentModel) -> None:
    found = model.predict("Где мой заказ 12345?")
    assert found.intent == "track_order"
    assert not found.rejected
    assert found.ranking[0] == ("track_order", found.confidence)
    assert found.margin == pytest.approx(found.ranking[0][1] - found.ranking[1][1])
    assert sum(p for _, p in found.ranking) == pytest.approx(1, abs=1e-5)


def test_the_nearest_example_is_one_of_the_examples(model: IntentModel) -> None:
    text, intent, similarity = model.predict("отмените мой заказ").nearest or ("", "", 0.0)
    assert (text, intent) in set(zip(*small(), strict=False))
    assert 0 < similarity <= 1.001


def test_a_stranger_is_rejected_and_the_ranking_stays(model: IntentModel) -> None:
    found = model.predict("столица Австралии и рецепт борща")
    assert found.rejected
    assert found.intent == OUT_OF_SCOPE
    assert found.rejection_score > model.rejection.threshold
    assert OUT_OF_SCOPE not in dict(found.ranking)


@pytest.mark.parametrize("text", ["", "   ", "🙂", "…", "\u2060/restart", "я" * 5000, "∀x∃y"])
def test_anything_gets_an_answer(model: IntentModel, text: str) -> None:
    found = model.predict(text)
    assert 0 <= found.confidence <= 1


def test_a_telephone_keyboards_apostrophe_is_an_apostrophe(model: IntentModel) -> None:
    for text in ("I don't need it, don't send it", "where's my parcel, it isn't here"):
        assert model.predict(text.replace("'", "\u2019")) == model.predict(text)


def test_a_stored_model_answers_the_same(model: IntentModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    again = IntentModel.load(tmp_path)
    for text in ("где посылка", "cancel my order please", "позовите человека", "qwerty"):
        a, b = model.predict(text), again.predict(text)
        assert (a.intent, a.rejected, a.nearest and a.nearest[0]) == (
            b.intent,
            b.rejected,
            b.nearest and b.nearest[0],
        )
        assert a.confidence == pytest.approx(b.confidence, abs=5e-3)


def test_nothing_is_pickled(model: IntentModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"intents.json", "intents.npz"}
    with zipfile.ZipFile(tmp_path / "intents.npz") as archive:
        assert all(name.endswith(".npy") for name in archive.namelist())
    with np.load(tmp_path / "intents.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays)


def test_the_same_seed_gives_the_same_model(model: IntentModel) -> None:
    again = IntentModel.fit(*small())
    assert again.rejection.threshold == model.rejection.threshold
    assert again.temperature == model.temperature
    assert np.array_equal(again.linear.weights, model.linear.weights)


def test_another_seed_gives_another_operating_point(model: IntentModel) -> None:
    again = IntentModel.fit(*small(), Options(seed=11))
    assert again.rejection.threshold != model.rejection.threshold


def test_two_intents_of_three_examples_are_enough_to_train() -> None:
    found = IntentModel.fit(["да", "ага", "конечно", "нет", "неа", "никогда"], ["affirm"] * 3 + ["deny"] * 3)
    assert found.predict("да").ranking[0][0] == "affirm"


def test_one_example_is_enough_to_train() -> None:
    assert IntentModel.fit(["привет"], ["greet"]).predict("привет").ranking[0][0] == "greet"


def test_calibration_error_is_what_it_says() -> None:
    confidence = np.array([0.9] * 10 + [0.3] * 10)
    right = np.array([True] * 9 + [False] + [True] * 3 + [False] * 7)
    assert calibration_error(confidence, right) == pytest.approx(0)
    assert calibration_error(np.full(10, 0.9), np.zeros(10, bool)) == pytest.approx(0.9)
