"""Words that mean alike in customer service, in both languages, as features of one name.

What an administrator's sixty examples cannot show, a list can: that «сдать обратно» and *send back* speak of
the same deed. Concepts are shared by the languages, so an example in one teaches the other.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from bot.engine.nlu.morphology import lemma
from bot.engine.nlu.text import clean, words

_FILE = Path(__file__).parent / "data" / "concepts.txt"
_LONGEST = 5  # words in a phrase
_NEGATION_REACH = 4  # words
_NEGATIONS = frozenset(
    [
        "не",
        "ни",
        "нет",
        "без",
        "хватит",
        "прекратите",
        "перестаньте",
        "no",
        "not",
        "never",
        "don't",
        "dont",
        "doesn't",
        "didn't",
        "won't",
        "can't",
        "cannot",
        "stop",
        "without",
        "isn't",
        "aren't",
        "haven't",
        "hasn't",
        "wasn't",
    ]
)


@lru_cache(maxsize=1)
def _phrases() -> dict[str, tuple[str, ...]]:
    """Lemmas of a phrase, joined by spaces -> its concepts."""
    table: dict[str, list[str]] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, listed = line.partition(":")
        for phrase in listed.split(","):
            key = " ".join(lemma(w) for w in words(clean(phrase)))
            if key and name not in table.setdefault(key, []):
                table[key].append(name)
    return {key: tuple(names) for key, names in table.items()}


def concepts_of(tokens: list[str]) -> list[str]:
    """Concepts of a message's words, in order, phrases included; `!name` too where a negation stands
    shortly before.
    """
    table = _phrases()
    forms = [lemma(t) for t in tokens]
    found: list[str] = []
    negated_until = -1
    for start in range(len(forms)):
        if tokens[start] in _NEGATIONS:
            negated_until = start + _NEGATION_REACH
        for length in range(1, min(_LONGEST, len(forms) - start) + 1):
            names = table.get(" ".join(forms[start : start + length]), ())
            found += names
            if names and start <= negated_until and tokens[start] not in _NEGATIONS:
                found += [f"!{name}" for name in names]
    return found
