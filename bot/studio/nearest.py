"""Which training examples are most like a text, and why: the words that they share.

Cosine of the trigrams of words, each weighing the more the rarer it is. It needs no model: what an
administrator changed a minute ago counts already.
"""

import heapq
import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from bot.studio.files import Example
from bot.studio.grouping import trigrams

LEAST = 0.2  # cosine below which two texts have nothing to do with each other
ALIKE = 0.6  # words are the same but for their endings: Dice's coefficient of their trigrams
COMMON, FEW = 0.04, 50  # share of the examples, and number of them, above which a trigram is common
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Near:
    """An example like a text. `parts`: its text in pieces, and whether a piece is shared with the other."""

    example: Example
    likeness: float  # cosine, 0 to 1
    parts: list[tuple[str, bool]]


class Nearest:
    """The training examples, findable by likeness."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = examples
        grams = [trigrams(one.text) for one in examples]
        counted = Counter(gram for own in grams for gram in own)
        often = max(
            COMMON * len(grams), FEW
        )  # what stands in so many tells nothing, and costs most of the time
        self._weights = {
            gram: math.log((1 + len(grams)) / count) for gram, count in counted.items() if count <= often
        }
        self._unknown = math.log(1 + len(grams))
        self._having: dict[str, list[int]] = defaultdict(list)
        for at, own in enumerate(grams):
            for gram in own & self._weights.keys():
                self._having[gram].append(at)
        self._common = counted.keys() - self._weights.keys()
        self._lengths = [self._length(own) for own in grams]

    def find(
        self, text: str, count: int = 3, *, intent: str | None = None, but: str | None = None
    ) -> list[Near]:
        """The examples most like a text, the likest first.

        Args:
            intent: of this one only.
            but: of any but this one.
        """
        own = trigrams(text)
        shared: dict[int, float] = defaultdict(float)
        for gram in own & self._weights.keys():
            weight = self._weights[gram] ** 2
            for at in self._having[gram]:
                shared[at] += weight
        length = self._length(own)
        scored = (
            (dot / (length * self._lengths[at] or 1.0), -at)
            for at, dot in shared.items()
            if (intent is None or self._examples[at].intent == intent) and self._examples[at].intent != but
        )
        best = heapq.nlargest(count, (one for one in scored if one[0] >= LEAST))
        return [
            Near(self._examples[-at], round(likeness, 3), shared_words(self._examples[-at].text, text))
            for likeness, at in best
        ]

    def _length(self, own: frozenset[str]) -> float:
        return math.sqrt(sum(self._weights.get(gram, self._unknown) ** 2 for gram in own - self._common))


def shared_words(text: str, other: str) -> list[tuple[str, bool]]:
    """A text in pieces: words that the other one has too, endings aside, and what is between them."""
    theirs = [_grams(word) for word in _WORD.findall(other.lower())]
    parts: list[tuple[str, bool]] = []
    at = 0
    for found in _WORD.finditer(text):
        if any(_same(_grams(found[0].lower()), one) for one in theirs):
            parts += [(text[at : found.start()], False), (found[0], True)]
            at = found.end()
    parts.append((text[at:], False))
    return [part for part in parts if part[0]]


@lru_cache(maxsize=20_000)
def _grams(word: str) -> frozenset[str]:
    return trigrams(word)


def _same(one: frozenset[str], other: frozenset[str]) -> bool:
    return 2 * len(one & other) >= ALIKE * (len(one) + len(other))
