"""Knowledge articles as files: checked as the assistant herself reads them, written in their usual form."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from bot.studio.changes import Changes, Refused
from bot.studio.files import LANGUAGES
from core import yml
from crm_bridge.knowledge import Article, BadArticle, Guide, Index
from crm_bridge.knowledge.articles import read

FOLDER = "data/knowledge"
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{1,59}")
_PLAIN = re.compile(r"[^\s\-?:,\[\]{}#&*!|>'\"%@`][^#:\[\]{}\n]*")


@dataclass(frozen=True)
class Draft:
    """What somebody wrote for an article in one language."""

    title: str
    questions: Sequence[str]
    keywords: Sequence[str]
    products: Sequence[str]
    guide: bool
    text: str


class Articles:
    """Articles of a project."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, language: str, slug: str) -> Path:
        return self._root / FOLDER / language / f"{slug}.md"

    def all(self) -> list[Article]:
        """Every article that can be read, by language and name."""
        return [
            article
            for language in LANGUAGES
            for path in sorted((self._root / FOLDER / language).glob("*.md"))
            if (article := _readable(path.read_text(encoding="utf-8"), path.stem, language)) is not None
        ]

    def find(self, slug: str) -> dict[str, Article]:
        """One article in its languages."""
        return {one.language: one for one in self.all() if one.slug == slug}

    def change(self, changes: Changes, slug: str, drafts: dict[str, Draft]) -> None:
        """Write an article in both languages, a new one too. Raises: Refused."""
        if not SLUG.fullmatch(slug):
            raise Refused("bad_slug")
        if set(drafts) != set(LANGUAGES):
            raise Refused("answer_missing")
        for language, draft in drafts.items():
            source = written(draft)
            try:
                found = read(source, slug, language)
            except BadArticle as why:
                raise Refused("bad_article", str(why).splitlines()[0]) from why
            if not (found.title and found.text and all(found.questions)):
                raise Refused("bad_article", language)
            changes.write(self.path(language, slug), source)

    def drop(self, changes: Changes, slug: str) -> None:
        """Take an article away in both languages. Raises: Refused."""
        paths = [path for language in LANGUAGES if (path := self.path(language, slug)).exists()]
        if not paths:
            raise Refused("no_article")
        for path in paths:
            changes.drop(path)

    def lost_questions(self, slug: str, drafts: dict[str, Draft]) -> list[tuple[str, str | None]]:
        """Sample questions that this wording leaves badly answered: the question, and the article it finds.

        They are the article's own ones that find another or none, and those of others that it takes over.
        """
        lost: list[tuple[str, str | None]] = []
        for language, draft in drafts.items():
            new = _readable(written(draft), slug, language)
            if new is None or isinstance(new, Guide):
                continue
            others = [
                one
                for one in self.all()
                if one.language == language and one.slug != slug and not isinstance(one, Guide)
            ]
            before, after = Index(others), Index([*others, new])
            for question in new.questions:
                if (found := after.answer(question)) != new:
                    lost.append((question, found.title if found else None))
            for other in others:
                for question in other.questions:
                    if before.answer(question) == other and after.answer(question) == new:
                        lost.append((question, new.title))
        return lost


def draft_of(article: Article) -> Draft:
    """An article as somebody would have written it."""
    return Draft(
        article.title,
        article.questions,
        article.keywords,
        article.products,
        isinstance(article, Guide),
        article.text,
    )


def written(draft: Draft) -> str:
    """The file of an article."""
    lines = ["---", f"title: {_scalar(draft.title)}"]
    if draft.guide:
        lines.append("guide: true")
    lines += ["questions:", *(f"  - {_scalar(one)}" for one in draft.questions)]
    for name, words in (("keywords", draft.keywords), ("products", draft.products)):
        if words:
            lines.append(f"{name}: [{', '.join(_scalar(one, flow=True) for one in words)}]")
    body = "\n".join(line.rstrip() for line in draft.text.replace("\r\n", "\n").strip().split("\n"))
    return "\n".join([*lines, "---", body, ""])


def _scalar(text: str, *, flow: bool = False) -> str:
    """A text in YAML, plain where that says the same; `flow`: in a list in brackets."""
    text = " ".join(text.split())
    if _PLAIN.fullmatch(text) and not (flow and "," in text) and yml.parse(text) == text:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _readable(source: str, slug: str, language: str) -> Article | None:
    try:
        return read(source, slug, language)
    except (BadArticle, yaml.YAMLError):
        return None
