"""How much of a profile is known, and what to ask for."""

from dataclasses import dataclass
from pathlib import Path

from core.texts import Texts

WEIGHTS = {  # in percent; what helps to reach and recognise a customer weighs most
    "named": 20,
    "phone": 20,
    "email": 15,
    "verified": 15,
    "city": 10,
    "advertising": 10,
    "channel": 5,
    "preference": 5,
}

_texts = Texts(Path(__file__).with_name("texts.yml"))


@dataclass(frozen=True, slots=True)
class Completeness:
    """How much is known."""

    score: int  # 0…100
    missing: tuple[str, ...]  # keys of WEIGHTS, what weighs most first

    def in_words(self, language: str) -> list[str]:
        """What is missing, a phrase each."""
        return [_texts(f"missing.{what}", language) for what in self.missing]


def completeness(**known: bool) -> Completeness:
    """Weigh what is known; each key of WEIGHTS must be given."""
    if known.keys() != WEIGHTS.keys():
        raise TypeError(f"not what is weighed: {sorted(known.keys() ^ WEIGHTS.keys())}")
    missing = tuple(what for what in WEIGHTS if not known[what])
    return Completeness(sum(WEIGHTS[what] for what in known if known[what]), missing)
