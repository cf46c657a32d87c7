"""Articles as they stand in files: front matter between `---` lines, then Markdown.

A guide is an article whose body is a numbered list: the steps that a customer takes one at a time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core import yml

LANGUAGES = ("ru", "en")
_PARTS = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_STEP = re.compile(r"^\d+\.\s+(.+?)(?=^\d+\.\s|\Z)", re.DOTALL | re.MULTILINE)


class BadArticle(ValueError):
    """The file cannot be used; the message says where and why."""


class _Front(BaseModel):
    """What stands above an article."""

    model_config = ConfigDict(extra="forbid")

    title: str
    questions: tuple[str, ...] = Field(min_length=1)  # how customers ask
    keywords: tuple[str, ...] = ()
    products: tuple[str, ...] = ()  # words for the product it is about; none: it is about the company
    guide: bool = False


@dataclass(frozen=True, slots=True)
class Article:
    """Something that customers want to know."""

    slug: str  # name of the file without its ending, the same in both languages
    language: str
    title: str
    questions: tuple[str, ...]
    keywords: tuple[str, ...]
    products: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Guide(Article):
    """How to get something to work again, step by step."""

    steps: tuple[str, ...]


def load(folder: Path) -> list[Article]:
    """All articles, in the order of their file names.

    Raises:
        BadArticle: a file that cannot be used.
    """
    return [
        read(path.read_text(encoding="utf-8"), path.stem, language)
        for language in LANGUAGES
        for path in sorted((folder / language).glob("*.md"))
    ]


def read(source: str, slug: str, language: str) -> Article:
    """One article.

    Raises:
        BadArticle: something is missing or unknown.
    """
    parts = _PARTS.match(source)
    if parts is None:
        raise BadArticle(f"{language}/{slug}.md: begins with front matter between two lines of ---")
    try:
        front = _Front.model_validate(yml.parse(parts[1]))
    except (ValidationError, yaml.YAMLError) as error:
        raise BadArticle(f"{language}/{slug}.md: {error}") from error
    text = parts[2].strip()
    given = (slug, language, front.title, front.questions, front.keywords, front.products, text)
    if not front.guide:
        return Article(*given)
    if not (steps := _steps(text)):
        raise BadArticle(f"{language}/{slug}.md: a guide is a numbered list of steps")
    return Guide(*given, steps)


def _steps(text: str) -> tuple[str, ...]:
    found: Sequence[str] = _STEP.findall(text)
    return tuple(" ".join(step.split()) for step in found)
