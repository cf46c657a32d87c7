"""A word-for-word bridge between the languages: English words as Russian ones.

Rough, and it need not be better: it makes features, not sentences for people.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from bot.engine.nlu.morphology import lemma

_FILE = Path(__file__).parent / "data" / "glossary.txt"


@lru_cache(maxsize=1)
def _table() -> dict[str, str]:
    russian: dict[str, str] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        for entry in line.split():
            word, _, meanings = entry.partition("=")
            for meaning in meanings.split("|"):
                if "_" not in meaning:
                    russian.setdefault(lemma(meaning), word.replace("ё", "е"))
    return russian


def in_russian(word: str) -> str | None:
    """A Russian dictionary form that a lower-case English word may mean."""
    return _table().get(lemma(word))
