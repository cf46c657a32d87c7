"""The second opinion of the sentence encoder: nearer examples vote for their intent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.engine.nlu import kernel as kernels
from bot.engine.nlu.dense import Dense
from bot.engine.nlu.encoder import Encoder
from bot.engine.nlu.feature_cache import FeatureCache
from bot.engine.nlu.kernel import Kernel, fit_votes
from bot.engine.nlu.linear import fit_linear
from bot.engine.nlu.model import IntentModel
from bot.engine.nlu.training import OUT_OF_SCOPE
from tests.nlu.test_encoder import INTENTS, RU

EXAMPLES = [*RU, "where is my order", "where is it", "money back please", "give me the money back"]
THEIR_INTENTS = [*INTENTS, "track_order", "track_order", "return_item", "return_item"]


def circle(degrees: list[float]) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_an_intent_whose_messages_lie_in_two_heaps_is_found() -> None:
    from scipy import sparse

    vectors = circle([0, 5, 10, 180, 185, 190, 90, 95, 100, 270, 275, 280])
    labels = np.array(["a"] * 6 + ["b"] * 6)
    unseen, truth = circle([3, 187, 93, 277]), ["a", "a", "b", "b"]
    plane = fit_linear(sparse.csr_matrix(vectors), labels, 1.0, 7).scores(sparse.csr_matrix(unseen))
    votes = Kernel(fit_votes(vectors, labels, ["a", "b"], OUT_OF_SCOPE, 7)).scores(unseen @ vectors.T)
    assert ["ab"[k] for k in votes.argmax(axis=1)] == truth
    assert ["ab"[k] for k in plane.argmax(axis=1)] != truth  # no plane through the middle parts them


def test_strangers_and_messages_without_a_vector_do_not_vote() -> None:
    vectors = np.vstack([circle([0, 90, 180]), np.zeros((1, 2), np.float32)])
    votes = fit_votes(vectors, np.array(["a", OUT_OF_SCOPE, "b", "b"]), ["a", "b"], OUT_OF_SCOPE, 7)
    assert votes[[1, 3]].tolist() == [[0, 0], [0, 0]]
    assert votes[0, 0] > 0.5 < votes[2, 1]


def test_of_very_many_examples_some_vote_and_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "ROWS_LIMIT", 5)
    vectors, labels = circle(list(range(0, 360, 30))), np.array(["a", "b"] * 6)
    votes = fit_votes(vectors, labels, ["a", "b"], OUT_OF_SCOPE, 7)
    assert votes.any(axis=1).sum() == 5
    assert np.array_equal(votes, fit_votes(vectors, labels, ["a", "b"], OUT_OF_SCOPE, 7))


def test_a_language_without_an_encoder_hears_the_words_alone(tiny_encoder: Path) -> None:
    dense = Dense(None, {"ru": Encoder(tiny_encoder)})
    model = IntentModel.fit(EXAMPLES, THEIR_INTENTS, dense=dense)
    silent = replace(model, kernel=None)
    assert model.predict("where is my money") == silent.predict("where is my money")
    assert model.predict("где деньги").ranking != silent.predict("где деньги").ranking


def test_the_votes_are_kept_with_the_model_and_learnt_anew(tiny_encoder: Path, tmp_path: Path) -> None:
    dense = Dense(None, {"ru": Encoder(tiny_encoder)})
    model = IntentModel.fit(EXAMPLES, THEIR_INTENTS, dense=dense)
    assert model.kernel is not None
    model.save(tmp_path)
    again = IntentModel.load(tmp_path, dense)
    assert again.kernel is not None
    assert again.kernel.scale == pytest.approx(model.kernel.scale)
    assert again.predict("где заказ").confidence == pytest.approx(
        model.predict("где заказ").confidence, abs=0.01
    )
    more = [*EXAMPLES, "верните всё"]
    learnt = again.refit(more, [*THEIR_INTENTS, "return_item"], (), FeatureCache(tmp_path / "cache.npz"))
    assert learnt.kernel is not None
    assert len(learnt.kernel.votes) == len(again.kernel.votes) + 1
    assert learnt.kernel.scale == again.kernel.scale
