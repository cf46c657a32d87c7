"""Misspelt Russian words are put right; clean text, names and jargon stay as they are."""

from __future__ import annotations

from functools import lru_cache

import pytest

from bot.engine.nlu.spelling import Spelling, one_slip
from tests.nlu.product_data import examples


@lru_cache(maxsize=1)
def spelling() -> Spelling:
    return Spelling(e.text for e in examples())


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("скока стоит достафка?", "скока стоит доставка?"),
        ("Вирните денги", "верните деньги"),
        ("прамакод не подходит", "промокод не подходит"),
        ("тилефон горячей линии", "телефон горячей линии"),
        ("пришлите накладнуюю", "пришлите накладную"),
        ("не приходит код потверждения", "не приходит код подтверждения"),
    ],
)
def test_a_misspelt_word_is_put_right(written: str, meant: str) -> None:
    assert spelling().mend(written) == meant


@pytest.mark.parametrize(
    "text",
    [
        "Здравствуйте! Верните, пожалуйста, деньги за Samsung Galaxy",
        "меня зовут Альфия Гарифуллина",
        "скока ждать чё там с заказом",
        "обезьяна ест бананы в зоопарке",
        "where is my parcle",
        "",
    ],
)
def test_clean_text_names_and_jargon_stay(text: str) -> None:
    assert spelling().mend(text) == text


def test_what_the_examples_write_often_is_jargon() -> None:
    few = Spelling(["доставка"] * 30 + ["дастафка"] * 3)
    assert few.mend("где дастафка") == "где дастафка"
    assert Spelling(["доставка"] * 31 + ["дастафка"] * 3).mend("где дастафка") == "где доставка"


@pytest.mark.parametrize(
    ("one", "other", "slip"),
    [
        ("казань", "козань", True),
        ("казань", "казнь", True),
        ("казань", "казаннь", True),
        ("казань", "каазнь", True),
        ("казань", "козанг", False),
        ("казань", "рязань", False),
    ],
)
def test_one_slip(one: str, other: str, slip: bool) -> None:
    assert one_slip(one, other) is slip
    assert one_slip(other, one) is slip
