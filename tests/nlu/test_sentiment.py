"""The mood of a message, and the words that decided."""

from __future__ import annotations

import numpy as np
import pytest

from bot.engine.nlu.mood_model import MoodModel, blend
from bot.engine.nlu.sentiment import Sentiment, weigh


@pytest.mark.parametrize("text", ["Отличный сервис, спасибо!", "love it ❤", "всё супер 👍", "not bad at all"])
def test_a_happy_customer(text: str) -> None:
    assert weigh(text).score > 0.3


@pytest.mark.parametrize(
    "text", ["не очень хорошо", "УЖАСНЫЙ магазин", "this is ridiculous", "Это КОШМАР 😡", "never again"]
)
def test_an_angry_customer(text: str) -> None:
    assert weigh(text).score < -0.3


@pytest.mark.parametrize("text", ["где мой заказ", "when do you open", ""])
def test_a_plain_question(text: str) -> None:
    assert abs(weigh(text).score) < 0.1


def test_the_words_that_decided_stand_in_the_message() -> None:
    text = "Курьер вежливый, но доставка просто ужасная"
    found = weigh(text)
    assert [text[w.start : w.end] for w in found.words] == [w.text for w in found.words]
    assert found.words[0].text == "ужасная"


def test_loud_is_stronger() -> None:
    assert weigh("ужасно!!!").score < weigh("ужасно").score


def test_the_learnt_half_speaks_where_the_lists_are_silent() -> None:
    texts = [f"коробка мята номер {i}" for i in range(12)] + [f"цветы свежи номер {i}" for i in range(12)]
    texts += [f"сколько стоит {i}" for i in range(12)]
    moods = np.array([-1] * 12 + [1] * 12 + [0] * 12)
    model = MoodModel.fit(texts, moods, seed=1)
    assert model is not None
    assert blend(Sentiment(0.0, ()), model.score("цветы свежи")) > 0.1
    assert blend(Sentiment(0.0, ()), model.score("коробка мята")) < -0.1
    assert MoodModel.fit(texts[:5], moods[:5], seed=1) is None
