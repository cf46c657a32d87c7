"""Fifty variants of one question are one decision: messages alike by their letters go together.

Each group is known by its first message. A new message joins the group whose first message shares most of
its character trigrams (Dice's coefficient), if that is enough; so groups never move under anybody's hand.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

ALIKE = 0.5  # Dice's coefficient of trigrams

_WORD = re.compile(r"\w+")


def trigrams(text: str) -> frozenset[str]:
    """Trigrams of the words, edges marked; ё is е, case and punctuation do not count."""
    words = _WORD.findall(text.lower().replace("ё", "е"))
    return frozenset(f" {w} "[i : i + 3] for w in words for i in range(len(w)))


class Groups:
    """The first messages of all groups, findable by their trigrams."""

    def __init__(self, firsts: Iterable[tuple[int, str]] = ()) -> None:
        self._sizes: dict[int, int] = {}
        self._having: dict[str, list[int]] = defaultdict(list)
        for group, text in firsts:
            self._add(group, trigrams(text))

    def place(self, sample_id: int, text: str) -> int:
        """The group of a message; a new one, named by the message itself, when none is alike."""
        found = trigrams(text)
        shared = Counter(group for gram in found for group in self._having.get(gram, ()))
        best, alike = sample_id, 0.0
        for group, common in shared.items():
            dice = 2 * common / (len(found) + self._sizes[group])
            if dice > alike:
                best, alike = group, dice
        if alike >= ALIKE:
            return best
        self._add(sample_id, found)
        return sample_id

    def _add(self, group: int, found: frozenset[str]) -> None:
        self._sizes[group] = len(found)
        for gram in found:
            self._having[gram].append(group)
