"""Dictionary forms of Russian words (pymorphy3) and light stems of English ones, cached for the process."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from bot.engine.nlu.text import english_stem, is_cyrillic


@lru_cache(maxsize=1)
def analyser() -> Any:
    """The one pymorphy3 analyser of the process (20 MB, 0.2 s to load)."""
    import pymorphy3

    return pymorphy3.MorphAnalyzer()


@lru_cache(maxsize=20_000)
def parses(word: str) -> tuple[Any, ...]:
    """The likeliest readings of a Russian word, as pymorphy3's `Parse`; the first is the best."""
    return tuple(analyser().parse(word)[:6])


def parse(word: str) -> Any:
    """The likeliest reading of a Russian word."""
    return parses(word)[0]


@lru_cache(maxsize=20_000)
def lemma(word: str) -> str:
    """Dictionary form of a lower-case word; ё is written as е. English words are stemmed."""
    if is_cyrillic(word):
        return str(parse(word).normal_form).replace("ё", "е")
    return english_stem(word)


@lru_cache(maxsize=20_000)
def known(word: str) -> bool:
    """Whether the Russian dictionary has this very form."""
    return bool(analyser().word_is_known(word))
