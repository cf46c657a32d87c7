"""Questions of our own: the right article or none. Figures are printed."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from core.settings import ROOT
from crm_bridge.knowledge import Article, BadArticle, Guide, Knowledge, load
from crm_bridge.knowledge.articles import read
from crm_bridge.knowledge.stemming import stems

QUESTIONS = Path(__file__).parent / "questions.csv"


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return Knowledge.at(ROOT / "data/knowledge")


def questions(language: str) -> list[tuple[str, str]]:
    with QUESTIONS.open(encoding="utf-8", newline="") as file:
        return [(row["question"], row["slug"]) for row in csv.DictReader(file) if row["language"] == language]


@pytest.mark.parametrize("language", ["ru", "en"])
def test_answers_are_right_and_what_is_not_ours_is_left_alone(knowledge: Knowledge, language: str) -> None:
    outcomes: Counter[str] = Counter()
    for question, slug in questions(language):
        article = knowledge.answer(question, language)
        if not slug:
            outcomes["false"] += article is not None
            outcomes["others"] += 1
        else:
            outcomes["ours"] += 1
            outcomes["found"] += article is not None and article.slug == slug
            outcomes["wrong"] += article is not None and article.slug != slug
    print(language, dict(outcomes))
    assert outcomes["wrong"] == 0
    assert outcomes["false"] <= 0.03 * outcomes["others"]
    assert outcomes["found"] >= 0.75 * outcomes["ours"]


def test_every_sample_question_of_an_article_finds_it(knowledge: Knowledge) -> None:
    for article in load(ROOT / "data/knowledge"):
        for question in article.questions:
            if isinstance(article, Guide):
                found = knowledge.guide(question, article.language)
            else:
                found = knowledge.answer(question, article.language)
            assert found is not None, question
            assert found.slug == article.slug, (question, found.slug)


def test_both_languages_know_the_same(knowledge: Knowledge) -> None:
    slugs: dict[str, set[str]] = {}
    for article in load(ROOT / "data/knowledge"):
        slugs.setdefault(article.language, set()).add(article.slug)
        assert isinstance(article, Guide) == isinstance(knowledge.article(article.slug, "en"), Guide)
    assert slugs["ru"] == slugs["en"]
    assert len(slugs["ru"]) >= 25


@pytest.mark.parametrize(
    ("problem", "slug"),
    [
        ("Робот-пылесос перестал заряжаться", "robot-vacuum-not-charging"),
        ("сломался чайник", "kettle-not-working"),
        ("из утюга капает вода", "iron-leaks"),
        ("наушники играют только в одно ухо", "headphones-one-side"),
        ("приложение вылетает после входа", "site-or-app"),
        ("не включается", None),
        ("чайник треснул по шву", None),
        ("холодильник не морозит", None),
    ],
)
def test_a_guide_is_for_a_product_and_a_fault(knowledge: Knowledge, problem: str, slug: str | None) -> None:
    guide = knowledge.guide(problem, "ru")
    assert (guide and guide.slug) == slug


def test_a_mistyped_word_is_understood(knowledge: Knowledge) -> None:
    article = knowledge.answer("где скачать инструкцыю", "ru")
    assert article is not None
    assert article.slug == "manuals"


def test_an_empty_question_has_no_answer(knowledge: Knowledge) -> None:
    assert knowledge.answer("", "ru") is None
    assert knowledge.answer("а как же так", "ru") is None


def test_the_name_of_a_product_is_no_question(knowledge: Knowledge) -> None:
    for text in ("робот-пылесос", "какой чайник выбрать", "кофемашина"):
        assert knowledge.answer(text, "ru") is None, text


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("just text", "front matter"),
        ("---\ntitle: A\n---\ntext", "questions"),
        ("---\ntitle: A\nquestions: [b]\nguide: true\n---\nno list", "numbered list"),
        ("---\ntitle: A\nquestions: [b]\nauthor: me\n---\ntext", "author"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(source: str, why: str) -> None:
    with pytest.raises(BadArticle, match=why):
        read(source, "a", "ru")


def test_steps_may_run_over_several_lines() -> None:
    guide = read("---\ntitle: A\nquestions: [b]\nguide: true\n---\n1. One\n   more.\n2. Two.\n", "a", "en")
    assert isinstance(guide, Guide)
    assert guide.steps == ("One more.", "Two.")
    assert isinstance(guide, Article)


def test_forms_of_a_word_have_one_stem() -> None:
    for forms in (
        "кофемашина кофемашину кофемашины кофемашиной",
        "сертификат сертификата сертификатом",
        "подарочная подарочную подарочной",
        "battery batteries",
        "descale descaling descaled",
    ):
        assert len(set(stems(forms))) == 1, forms
