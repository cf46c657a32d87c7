"""Finds the article that answers a question, or none: a wrong answer is worse than no answer.

Articles are ranked by BM25 over stems (Robertson and Zaragoza, «The Probabilistic Relevance Framework»), with
titles and sample questions weighing more than the body. Whether the best one answers at all is another
matter: for that, most of what the question is about must stand in the title, the sample questions or the
keywords.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rapidfuzz import fuzz, process

from crm_bridge.knowledge.articles import LANGUAGES, Article, Guide, load
from crm_bridge.knowledge.stemming import stems

SURE = 0.51  # share of the weight of a question that is covered; chosen on tests/…/questions.csv
K1, B = 1.2, 0.5
HEAD, BODY = 3, 1  # what a word counts
BODY_SHARE = 0.35  # how far a word that stands in the body alone covers a question
ALIKE, LONG = 84, 6  # of 100, and letters: a mistyped word is taken for one like it
STOP = frozenset(stems((Path(__file__).parent / "stopwords.txt").read_text(encoding="utf-8")))

BROKEN = frozenset(
    stems(
        "работает работал сломался сломалась сломалось сломан поломка неисправен барахлит глючит проблема "
        "заработал broken broke work works working worked problem problems faulty trouble issue"
    )
)


@dataclass(frozen=True, slots=True)
class Found:
    """An article and how much of the question it covers, 0 to 1."""

    article: Article
    cover: float


class Index:
    """The articles of one language."""

    def __init__(self, articles: Sequence[Article]) -> None:
        self._articles = articles
        self._heads = [frozenset(_words(_head(one))) for one in articles]
        self._products = [frozenset(_words(one.products)) for one in articles]
        self._counts = [_counted(one) for one in articles]
        self._lengths = [sum(counts.values()) for counts in self._counts]
        self._mean = sum(self._lengths) / max(1, len(articles))
        holders = Counter(word for counts in self._counts for word in counts)
        self._weights = {word: _weight(len(articles), count) for word, count in holders.items()}
        self._unknown = _weight(len(articles), 0)

    def best(self, question: str, among: Iterable[type[Article]] = (Article, Guide)) -> Found | None:
        """The article that fits best, whether it answers or not."""
        words = self._asked(question)
        kinds = tuple(among)
        ranked = [(self._rank(at, words), at) for at, one in enumerate(self._articles) if type(one) in kinds]
        rank, at = max(ranked, default=(0.0, 0))
        if not rank:
            return None
        return Found(self._articles[at], self._cover(at, words))

    def answer(
        self, question: str, among: Iterable[type[Article]] = (Article, Guide), telling: int = 1
    ) -> Article | None:
        """The article that answers; None when none does for sure.

        The name of a product is no question about its care, and «сломалась» tells little: so many other words
        must be shared, `telling`.
        """
        found = self.best(question, among)
        if found is None or found.cover < SURE:
            return None
        at = self._articles.index(found.article)
        asked = set(self._asked(question)) & self._heads[at]
        return found.article if len(asked - self._products[at] - BROKEN) >= telling else None

    def _asked(self, question: str) -> list[str]:
        return [self._known(word) for word in dict.fromkeys(_words([question]))]

    def _known(self, word: str) -> str:
        """The word itself, or the one it was probably meant to be."""
        if word in self._weights or len(word) < LONG:
            return word
        alike = process.extractOne(word, self._weights.keys(), scorer=fuzz.ratio, score_cutoff=ALIKE)
        return str(alike[0]) if alike else word

    def _rank(self, at: int, words: Sequence[str]) -> float:
        counts, length = self._counts[at], self._lengths[at] / self._mean
        return sum(
            self._weights[word] * counts[word] * (K1 + 1) / (counts[word] + K1 * (1 - B + B * length))
            for word in words
            if word in counts
        )

    def _cover(self, at: int, words: Sequence[str]) -> float:
        whole = covered = 0.0
        for word in words:
            weight = self._weights.get(word, self._unknown)
            whole += weight
            if word in self._heads[at]:
                covered += weight
            elif word in self._counts[at]:
                covered += weight * BODY_SHARE
        return covered / whole if whole else 0.0


class Knowledge:
    """The articles of all languages."""

    def __init__(self, articles: Sequence[Article]) -> None:
        self._indexes = {
            language: Index([one for one in articles if one.language == language]) for language in LANGUAGES
        }
        self._articles = {(one.language, one.slug): one for one in articles}

    @classmethod
    def at(cls, folder: Path) -> Self:
        """What stands in a folder.

        Raises:
            BadArticle: a file that cannot be used.
        """
        return cls(load(folder))

    def answer(self, question: str, language: str, telling: int = 1) -> Article | None:
        """The article, no guide, that answers; None when none does for sure.

        Args:
            telling: words that question and head of the article share at least, its product aside.
        """
        return self._indexes[language].answer(question, (Article,), telling)

    def guide(self, problem: str, language: str) -> Guide | None:
        """The guide for a problem: its product is named, and what is wrong is known or told in general."""
        words = set(_words([problem]))
        about = [
            one
            for one in self._articles.values()
            if isinstance(one, Guide) and one.language == language and words & set(_words(one.products))
        ]
        fitting = [one for one in about if words & (_symptoms(one) | BROKEN)]
        return max(fitting, key=lambda one: len(words & _symptoms(one)), default=None)

    def article(self, slug: str, language: str) -> Article | None:
        """The article of that name."""
        return self._articles.get((language, slug))


def _symptoms(guide: Guide) -> set[str]:
    return set(_words([guide.title, *guide.questions, *guide.keywords])) - set(_words(guide.products))


def _head(article: Article) -> list[str]:
    return [article.title, *article.questions, *article.keywords, *article.products]


def _counted(article: Article) -> Counter[str]:
    counts = Counter({word: HEAD * count for word, count in Counter(_words(_head(article))).items()})
    counts.update({word: BODY * count for word, count in Counter(_words([article.text])).items()})
    return counts


def _words(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in stems(text) if word not in STOP]


def _weight(articles: int, holders: int) -> float:
    """How much a word tells: the rarer, the more."""
    return math.log(1 + (articles - holders + 0.5) / (holders + 0.5))
