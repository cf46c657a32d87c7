"""Misspelt Russian words, put right by the words of the company's own examples.

Only a word that is not in the Russian dictionary is changed, and only into one that the examples use far more
often, so clean text and the customers' own jargon stay as they are. «Достафка» is written as it sounds;
«накладнуюю» has one slip.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from bot.engine.nlu.morphology import known

_WORD = re.compile(r"[А-Яа-яЁё]+")
_SHORTEST = 5  # letters of a word that is put right by its sound
_TELLING = 6  # by its letters
_TWICE = 2  # examples that a word must stand in to be what was meant
_JARGON = 20  # examples that make a word one, though no dictionary has it: «промокод»
_OFTENER = 10  # times as often as what was written
_SOUNDS = str.maketrans("оеэяыюйбвгджзщ", "аииииуипфктшсш", "ьъ")
_HEARD = ((re.compile(r"([ое])го$"), r"\1во"), (re.compile(r"[тд]ь?с"), "ц"), (re.compile(r"стн"), "сн"))
_DOUBLE = re.compile(r"(.)\1+")


class Spelling:
    """What a misspelt word may have been meant to be."""

    def __init__(self, examples: Iterable[str]) -> None:
        """Learn the words of the examples."""
        self._counts = Counter(w for text in examples for w in set(_WORD.findall(_plain(text))))
        self._by_sound: dict[str, str] = {}
        self._by_shape: dict[tuple[str, int], list[str]] = defaultdict(list)
        for word, count in self._counts.most_common():
            if len(word) < _SHORTEST or count < (_TWICE if known(word) else _JARGON):
                continue
            self._by_sound.setdefault(_sound(word), word)
            self._by_shape[word[0], len(word)].append(word)

    def mend(self, text: str) -> str:
        """The text with misspelt words put right."""
        return _WORD.sub(lambda m: self._meant(m.group()) or m.group(), text)

    def _meant(self, written: str) -> str | None:
        word = _plain(written)
        if len(word) < _SHORTEST or known(word):
            return None
        meant = self._by_sound.get(_sound(word)) or self._one_slip_away(word)
        return meant if meant and self._counts[meant] > _OFTENER * self._counts[word] else None

    def _one_slip_away(self, word: str) -> str | None:
        """The most frequent of the words that begin alike."""
        if len(word) < _TELLING:
            return None
        for length in (len(word), len(word) - 1, len(word) + 1):
            for candidate in self._by_shape.get((word[0], length), ()):
                if one_slip(candidate, word):
                    return candidate
        return None


def _plain(text: str) -> str:
    return text.lower().replace("ё", "е")


def one_slip(one: str, other: str) -> bool:
    """Whether a letter more, less or wrong, or two neighbours swapped, make one word of the other."""
    pairs = zip(one, other, strict=False)
    same = next((i for i, (x, y) in enumerate(pairs) if x != y), min(len(one), len(other)))
    a, b = one[same:], other[same:]
    swapped = a[:2] == b[1::-1] and len(a) > 1 and a[2:] == b[2:]
    return swapped or b[1:] in {a, a[1:]} or a[1:] == b


def _sound(word: str) -> str:
    """How an unstressed and devoiced word sounds, roughly: the same for «верните» and «вирните»."""
    for pattern, heard in _HEARD:
        word = pattern.sub(heard, word)
    return _DOUBLE.sub(r"\1", word.translate(_SOUNDS))
