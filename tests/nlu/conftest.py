"""Rasa is imported without TensorFlow here too, and a tiny encoder is made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bot.engine.nlu.blas import choose_kernels

choose_kernels()

from bot.engine import tf_absent  # noqa: E402

tf_absent.install()

VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "где",
    "мой",
    "заказ",
    "верните",
    "деньги",
    "от",
    "##мена",
    "?",
    "a",
    "b",
]
HIDDEN, HEADS, LAYERS, INNER = 8, 2, 2, 16


@pytest.fixture
def tiny_encoder(tmp_path: Path) -> Path:
    """A folder as `transformers` saves it: two layers of eight, random weights, a few Russian words."""
    return make_encoder(tmp_path / "encoder", seed=3)


def make_encoder(folder: Path, seed: int) -> Path:
    """Write a tiny BERT with random weights."""
    from safetensors.numpy import save_file

    random = np.random.default_rng(seed)
    shapes = {
        "embeddings.word_embeddings.weight": (len(VOCABULARY), HIDDEN),
        "embeddings.position_embeddings.weight": (32, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
    }
    for i in range(LAYERS):
        p = f"encoder.layer.{i}."
        for name in (
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
        ):
            shapes |= {p + name + ".weight": (HIDDEN, HIDDEN), p + name + ".bias": (HIDDEN,)}
        shapes |= {p + "intermediate.dense.weight": (INNER, HIDDEN), p + "intermediate.dense.bias": (INNER,)}
        shapes |= {p + "output.dense.weight": (HIDDEN, INNER), p + "output.dense.bias": (HIDDEN,)}
    tensors = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    norms = ["embeddings.LayerNorm"]
    norms += [
        f"encoder.layer.{i}.{part}.LayerNorm"
        for i in range(LAYERS)
        for part in ("attention.output", "output")
    ]
    for name in norms:
        tensors |= {
            name + ".weight": np.ones(HIDDEN, np.float32),
            name + ".bias": np.zeros(HIDDEN, np.float32),
        }
    folder.mkdir(parents=True)
    save_file(tensors, str(folder / "model.safetensors"))
    config = {
        "model_type": "bert",
        "hidden_size": HIDDEN,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "hidden_act": "gelu",
        "max_position_embeddings": 32,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    settings = {"do_lower_case": True, "strip_accents": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder
