# ruff: noqa: E501 -- a word list is read best in one piece
"""How a message sounds: from -1 (angry) to 1 (delighted), with the words that decided.

Own word lists for both languages, negation, intensifiers, capitals, exclamation and emoji; no library's
model.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bot.engine.nlu.morphology import lemma

_FILE = Path(__file__).parent / "data" / "sentiment.txt"
_TOKEN = re.compile(
    r"[^\W\d_]+(?:['’-][^\W\d_]+)*|[)(]{2,}|[:;=]-?[)(DPdp/|]|<3|[\U0001F300-\U0001FAFF\u2600-\u27BF]|[.,!?;]"
)
_NEGATIONS = frozenset(
    [
        "не",
        "ни",
        "нет",
        "без",
        "never",
        "not",
        "no",
        "isn't",
        "wasn't",
        "aren't",
        "weren't",
        "don't",
        "doesn't",
        "didn't",
        "won't",
        "can't",
        "cannot",
        "couldn't",
        "wouldn't",
        "hardly",
        "nothing",
        "nobody",
        "none",
        "without",
        "isnt",
        "wasnt",
        "dont",
        "doesnt",
        "didnt",
        "wont",
        "cant",
        "нельзя",
        "вовсе",
        "отнюдь",
    ]
)
_STRONGER = {
    "очень": 1.4, "крайне": 1.6, "абсолютно": 1.5, "совершенно": 1.4, "полный": 1.4, "просто": 1.1, "так": 1.2, "такой": 1.2,
    "слишком": 1.3, "самый": 1.4, "невероятно": 1.6, "ужасно": 1.3, "супер": 1.3, "very": 1.4, "extremely": 1.6,
    "absolutely": 1.5, "totally": 1.4, "completely": 1.4, "really": 1.3, "so": 1.3, "too": 1.2, "such": 1.2,
    "incredibly": 1.6, "utterly": 1.6, "most": 1.2, "quite": 1.1, "highly": 1.4,
}  # fmt: skip
_WEAKER = {
    "немного": 0.5,
    "чуть": 0.5,
    "слегка": 0.5,
    "довольно": 0.8,
    "slightly": 0.5,
    "somewhat": 0.6,
    "bit": 0.6,
    "little": 0.6,
    "fairly": 0.8,
}
_REACH = 3  # words between a negation or intensifier and what it acts on
_STEEP = 2.2  # a sum of this many points sounds like 0.76


@dataclass(frozen=True)
class Weighed:
    """A word that counted, its place and its weight after negation and the rest."""

    text: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True)
class Sentiment:
    """`score` in -1…1; `words` strongest first."""

    score: float
    words: tuple[Weighed, ...]


@lru_cache(maxsize=1)
def _lexicon() -> dict[str, float]:
    table: dict[str, float] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        weight, _, listed = line.partition(":")
        for phrase in listed.split(","):
            key = " ".join(
                lemma(w.lower().replace("ё", "е")) if w[0].isalpha() else w for w in phrase.split()
            )
            table[key] = float(weight)
    return table


def weigh(text: str) -> Sentiment:
    """The sentiment of a message."""
    matches = list(_TOKEN.finditer(text))
    plain = [m.group().lower().replace("ё", "е").replace("’", "'") for m in matches]
    forms = [lemma(w) if w[0].isalpha() else w for w in plain]
    table = _lexicon()
    found: list[Weighed] = []
    i = 0
    shouting = text.isupper() and sum(c.isalpha() for c in text) > 8
    while i < len(forms):
        for length in (3, 2, 1):
            weight = table.get(" ".join(forms[i : i + length])) if i + length <= len(forms) else None
            if weight is None and length == 1:
                weight = table.get(plain[i])
            if weight is not None:
                span = text[matches[i].start() : matches[i + length - 1].end()]
                loud = 1.3 if shouting or (span.isupper() and len(span) > 3) else 1.0
                weight *= _context(plain, forms, i) * loud
                found.append(
                    Weighed(span, matches[i].start(), matches[i + length - 1].end(), round(weight, 2))
                )
                i += length
                break
        else:
            i += 1
    total = sum(w.weight for w in found)
    exclaimed = min(text.count("!"), 3)
    total *= 1 + 0.1 * exclaimed
    if shouting and total < 0.5:
        total -= 0.4
    score = math.tanh(total / _STEEP)
    words = tuple(sorted(found, key=lambda w: -abs(w.weight))[:5])
    return Sentiment(round(score, 3), words)


def _context(plain: list[str], forms: list[str], at: int) -> float:
    """What the words just before do to a weight: «не очень хорошо», *never again so rude*."""
    factor = 1.0
    for k in range(at - 1, max(-1, at - 1 - _REACH), -1):
        if plain[k] in {".", ",", "!", "?", ";", "но", "а", "but"}:
            break
        if plain[k] in _NEGATIONS:
            factor *= -0.8
        factor *= _STRONGER.get(plain[k], _STRONGER.get(forms[k], _WEAKER.get(plain[k], 1.0)))
    return factor
