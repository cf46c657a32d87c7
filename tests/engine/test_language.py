"""Which language a message is in."""

from __future__ import annotations

import pytest

from bot.engine.guard import plain
from bot.engine.language import detect


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("где мой заказ", "ru"),
        ("ГДЕ МОЙ ЗАКАЗ???", "ru"),
        ("да", "ru"),
        ("хочу Samsung Galaxy S23 Ultra", "ru"),
        ("what is my order's status", "en"),
        ("WHERE IS MY STUFF", "en"),
        ("refund please", "en"),
        ("When will Матрёшка be delivered?", "en"),
        ("gde moi zakaz", "ru"),
        ("kak vernut dengi", "ru"),
        ("dostavka", "ru"),
        ("ghbdtn", "ru"),
        ("ult vjq pfrfp", "ru"),
        ("руддщ", "en"),
        ("щквук", "en"),
    ],
)
@pytest.mark.parametrize("hint", [None, "ru", "en"])
def test_a_telling_message_decides_for_itself(text: str, language: str, hint: str | None) -> None:
    assert detect(text, hint=hint) == language


@pytest.mark.parametrize(
    "text", ["1001", "ok", "👍", "№ 1001", "test@mail.ru", "iPhone 15 Pro", "Ivan Petrov", "...", "no"]
)
@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_neutral_message_keeps_the_language(text: str, language: str) -> None:
    other = "en" if language == "ru" else "ru"
    assert detect(text, previous=language, hint=other) == language
    assert detect(text, hint=language) == language


def test_another_language_is_answered_in_the_language_of_the_page() -> None:
    assert detect("Wo ist meine Bestellung?", hint="ru") == "ru"
    assert detect("Wo ist meine Bestellung?") == "en"


def test_russian_when_nothing_is_known() -> None:
    assert detect("1001") == "ru"
    assert detect("👍", previous="de", hint="fr") == "ru"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/restart", " restart"),
        ("//restart", "  restart"),
        ("\u00a0\u2060/back", "   back"),
        ("／restart", " restart"),
        ("/", " "),
        ("", ""),
        ("where / when", "where / when"),
        ("  где", "  где"),
    ],
)
def test_leading_slashes_become_spaces(text: str, expected: str) -> None:
    assert plain(text) == expected
    assert len(plain(text)) == len(text)
