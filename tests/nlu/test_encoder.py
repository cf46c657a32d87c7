"""The sentence encoder without PyTorch: computed right, refused when it is not what it should be."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from bot.engine.nlu.dense import Dense, dense_features
from bot.engine.nlu.encoder import Encoder, EncoderRefused, shared
from bot.engine.nlu.model import IntentModel
from bot.engine.nlu.wordpiece import WordPiece
from tests.nlu.conftest import HEADS, HIDDEN, LAYERS, make_encoder

RU = [
    "где мой заказ",
    "где заказ?",
    "мой заказ где",
    "верните деньги",
    "деньги верните",
    "верните мой деньги",
]
INTENTS = ["track_order"] * 3 + ["return_item"] * 3


def by_hand(folder: Path, ids: list[int]) -> np.ndarray:
    """BERT written down slowly, one token and one head at a time, with the exact GELU."""
    w = {k: v.astype(np.float64) for k, v in load_file(str(folder / "model.safetensors")).items()}

    def norm(x: np.ndarray) -> np.ndarray:
        return np.array([(r - r.mean()) / math.sqrt(r.var() + 1e-12) for r in x])

    e = "embeddings."
    x = np.array(
        [
            w[e + "word_embeddings.weight"][t]
            + w[e + "position_embeddings.weight"][i]
            + w[e + "token_type_embeddings.weight"][0]
            for i, t in enumerate(ids)
        ]
    )
    x = norm(x)
    size = HIDDEN // HEADS
    for k in range(LAYERS):
        p = f"encoder.layer.{k}."

        def dense(name: str, rows: np.ndarray, p: str = p) -> np.ndarray:
            return rows @ w[p + name + ".weight"].T + w[p + name + ".bias"]

        q, key, value = (dense(f"attention.self.{n}", x) for n in ("query", "key", "value"))
        mixed = np.zeros_like(x)
        for h in range(HEADS):
            part = slice(h * size, (h + 1) * size)
            for i in range(len(ids)):
                scores = [q[i, part] @ key[j, part] / math.sqrt(size) for j in range(len(ids))]
                shares = np.exp(scores) / np.exp(scores).sum()
                mixed[i, part] = sum(s * value[j, part] for j, s in enumerate(shares))
        x = norm(x + dense("attention.output.dense", mixed))
        inner = dense("intermediate.dense", x)
        inner = np.vectorize(lambda v: v * 0.5 * (1 + math.erf(v / math.sqrt(2))))(inner)
        x = norm(x + dense("output.dense", inner))
    mean = x.mean(axis=0)
    return mean / np.linalg.norm(mean)


def test_it_computes_what_bert_computes(tiny_encoder: Path) -> None:
    encoder = Encoder(tiny_encoder)
    assert encoder(["где мой заказ?"])[0] == pytest.approx(
        by_hand(tiny_encoder, [2, 4, 5, 6, 11, 3]), abs=0.01
    )


def test_alone_or_among_others_a_sentence_is_the_same(tiny_encoder: Path) -> None:
    encoder = Encoder(tiny_encoder)
    together = encoder(RU)
    for text, row in zip(RU, together, strict=False):
        assert encoder([text])[0] == pytest.approx(row, abs=1e-5)
        assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)


def test_texts_beyond_one_batch_are_the_same_too(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Encoder(tiny_encoder)
    together = encoder(RU)
    monkeypatch.setattr("bot.engine.nlu.encoder._BATCH_TOKENS", 12)
    assert encoder(RU) == pytest.approx(together, abs=1e-5)


def test_words_are_cut_into_pieces(tiny_encoder: Path) -> None:
    tokenize = WordPiece.load(tiny_encoder, 32)
    assert tokenize("Отмена, заказ") == [2, 9, 10, 1, 6, 3]
    assert len(tokenize("где " * 100)) == 32


def test_other_weights_are_refused(tiny_encoder: Path) -> None:
    with pytest.raises(EncoderRefused, match="published"):
        Encoder(tiny_encoder, sha256="0" * 64)


def test_another_architecture_is_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    config = json.loads((tiny_encoder / "config.json").read_text(encoding="utf-8"))
    (tiny_encoder / "config.json").write_text(json.dumps(config | {"model_type": "t5"}), encoding="utf-8")
    with pytest.raises(EncoderRefused, match="BERT"):
        Encoder(tiny_encoder)
    with pytest.raises(EncoderRefused, match="no model"):
        Encoder(tmp_path)


def test_a_model_works_with_it_and_only_with_it(tiny_encoder: Path, tmp_path: Path) -> None:
    dense = Dense(None, {"ru": Encoder(tiny_encoder)})
    model = IntentModel.fit(RU, INTENTS, dense=dense)
    assert model.predict("где мой заказ").ranking[0][0] == "track_order"
    model.save(tmp_path)
    assert IntentModel.load(tmp_path, dense).predict("верните деньги").ranking[0][0] == "return_item"
    with pytest.raises(ValueError, match="train it again"):
        IntentModel.load(tmp_path)
    other = Dense(None, {"ru": Encoder(make_encoder(tmp_path / "other", seed=4))})
    with pytest.raises(ValueError, match="train it again"):
        IntentModel.load(tmp_path, other)


def test_a_language_without_an_encoder_has_zeros(tiny_encoder: Path) -> None:
    rows = Dense(None, {"ru": Encoder(tiny_encoder)})(["where is it", "где мой заказ"])
    assert not rows[0].any()
    assert rows[1].any()


def test_without_the_package_everything_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.engine.nlu.encoder.PACKAGE", "no_such_package")
    shared.cache_clear()
    assert dense_features(False, {"en": "auto"}) is None
    shared.cache_clear()
