"""BERT's WordPiece tokenizer, from `vocab.txt` or `tokenizer.json`."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Any

_LONGEST_WORD = 100  # characters; a longer one is unknown, as in the original
_PIECES = re.compile(r"[\w]+|[^\w\s]", re.UNICODE)


class WordPiece:
    """Text to token numbers, `[CLS]` first and `[SEP]` last."""

    def __init__(
        self, vocabulary: dict[str, int], lower: bool, limit: int, prefix: str = "##", strip: bool = True
    ) -> None:
        """`limit`: tokens at most, the two special ones included; `strip`: accents off (й becomes и then)."""
        self._vocabulary = vocabulary
        self._lower = lower
        self._strip = strip
        self._limit = limit
        self._prefix = prefix
        self._unknown = vocabulary["[UNK]"]
        self._first, self._last = vocabulary["[CLS]"], vocabulary["[SEP]"]
        self._pieces = lru_cache(maxsize=20_000)(self._split)

    @classmethod
    def load(cls, folder: Path, limit: int) -> WordPiece:
        """Read the tokenizer of a model folder.

        Raises:
            ValueError: the folder has another kind of tokenizer.
        """
        settings = _json(folder / "tokenizer_config.json")
        lower = bool(settings.get("do_lower_case", True))
        strip = settings.get("strip_accents")
        strip = lower if strip is None else bool(strip)  # as the original decides
        if (folder / "vocab.txt").exists():
            lines = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
            vocabulary = {token: i for i, token in enumerate(lines) if token or i < len(lines) - 1}
            return cls(vocabulary, lower, limit, strip=strip)
        model = _json(folder / "tokenizer.json").get("model", {})
        if model.get("type") != "WordPiece":
            raise ValueError(f"{folder} has no WordPiece tokenizer; only BERT-type encoders are read")
        return cls(model["vocab"], lower, limit, model.get("continuing_subword_prefix", "##"), strip)

    def __call__(self, text: str) -> list[int]:
        """Token numbers of a text."""
        if self._lower:
            text = text.lower()
        if self._strip:
            letters = unicodedata.normalize("NFD", text)
            text = "".join(c for c in letters if unicodedata.category(c) != "Mn")
        ids = [self._first]
        for word in _PIECES.findall(text):
            for part in word.split("_") if "_" in word else (word,):
                ids += self._pieces(part or "_")
            if len(ids) >= self._limit - 1:
                break
        return [*ids[: self._limit - 1], self._last]

    def _split(self, word: str) -> tuple[int, ...]:
        if len(word) > _LONGEST_WORD:
            return (self._unknown,)
        ids, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = word[start:end] if start == 0 else self._prefix + word[start:end]
                if piece in self._vocabulary:
                    ids.append(self._vocabulary[piece])
                    start = end
                    break
            else:
                return (self._unknown,)
        return tuple(ids)


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
