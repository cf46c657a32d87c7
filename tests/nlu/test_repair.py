"""A wrong keyboard layout is put right; clean text is not touched."""

from __future__ import annotations

import pytest

from bot.engine.nlu.repair import repair
from tests.nlu.product_data import examples


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("ghbdtn", "привет"),
        ("rjulf ghbtltn vjq pfrfp?", "когда приедет мой заказ?"),
        ("руддщ", "hello"),
        ("gde moi zakaz", "где мои заказ"),
        ("zakaz 12345 ne prishel", "заказ 12345 не пришел"),
        ("спасибоооо", "спасибо"),
    ],
)
def test_a_slip_is_put_right(text: str, fixed: str) -> None:
    assert repair(text).text == fixed


@pytest.mark.parametrize(
    "text", ["where is my order", "Omega 3", "diet plan", "хочу iPhone", "I'll pass", "a@b.ru ghbdtn"]
)
def test_clean_text_stays(text: str) -> None:
    assert repair(text).kind == "none"


def test_the_training_data_is_clean() -> None:
    changed = [e.text for e in examples() if repair(e.text).kind in {"layout", "translit"}]
    assert len(changed) <= len(examples()) * 0.002, changed


def test_a_layout_keeps_places() -> None:
    text = "pfrfp 12345"
    assert repair(text).aligned
    assert len(repair(text).text) == len(text)
