"""What a recogniser is given and what it returns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from bot.engine.nlu.entities.numbers import Shadow, shadow_of
from bot.engine.nlu.morphology import parse
from bot.engine.nlu.text import is_cyrillic

_TOKEN = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")


@dataclass(frozen=True)
class Found:
    """One entity: `text[start:end]` means `value`."""

    entity: str
    start: int
    end: int
    value: str
    priority: int = 0  # of two that overlap the higher wins, then the longer


@dataclass(frozen=True)
class Word:
    """A word of the message with its place; `form` is lower case with е for ё."""

    text: str
    start: int
    end: int

    @cached_property
    def form(self) -> str:
        """Lower case, ё as е."""
        return self.text.lower().replace("ё", "е")

    @cached_property
    def lemma(self) -> str:
        """Dictionary form of a Russian word; an English word as it is."""
        if not is_cyrillic(self.form):
            return self.form
        return str(parse(self.form).normal_form).replace("ё", "е")


@dataclass(frozen=True)
class Lookups:
    """Names the company taught: lower-case spelling -> value. Empty ones fall back on the packaged lists."""

    product: dict[str, str] = field(default_factory=dict)
    plan: dict[str, str] = field(default_factory=dict)
    city: dict[str, str] = field(default_factory=dict)
    promo_code: dict[str, str] = field(default_factory=dict)


@dataclass
class Context:
    """A message and what is known around it."""

    text: str
    language: str  # ru or en
    now: datetime  # aware, in the customer's time zone
    lookups: Lookups = field(default_factory=Lookups)

    @cached_property
    def words(self) -> list[Word]:
        """Words of the message in order."""
        return [Word(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(self.text)]

    @cached_property
    def shadow(self) -> Shadow:
        """The message in lower case with number words as digits, and the way back to its characters."""
        return shadow_of(self.text)

    def found(
        self, entity: str, match: re.Match[str], value: str, priority: int = 0, group: int = 0
    ) -> Found:
        """An entity for a match in the shadow."""
        start, end = self.shadow.place(match.start(group), match.end(group))
        return Found(entity, start, end, value, priority)


def without_overlaps(found: Iterable[Found]) -> list[Found]:
    """The strongest of every overlapping group, in order of place."""
    kept: list[Found] = []
    for item in sorted(found, key=lambda f: (-f.priority, f.start - f.end, f.start)):
        if all(item.end <= k.start or item.start >= k.end for k in kept):
            kept.append(item)
    return sorted(kept, key=lambda f: (f.start, f.entity))
