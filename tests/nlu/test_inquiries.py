"""Several inquiries in one message are found in order; one inquiry in several words stays one."""

from __future__ import annotations

import pytest

from bot.engine.nlu.inquiries import find_inquiries
from tests.nlu.product_data import product_model

TALK = ("greet", "goodbye", "thanks", "affirm", "deny", "chitchat")


def inquiries(text: str) -> list[str]:
    found = find_inquiries(text, product_model().predict_all, TALK, 0.5)
    assert all(text[i.start : i.end] == i.text for i in found)
    return [i.prediction.intent for i in found]


@pytest.mark.parametrize(
    ("text", "intents"),
    [
        ("отмените заказ 4511 и отпишите меня от рассылки", ["cancel_order", "notifications_opt_out"]),
        ("Where is my order? Also I forgot my password.", ["track_order", "recover_password"]),
        ("Как оплатить картой? И сколько стоит доставка в Казань?", ["payment_methods", "delivery_options"]),
        ("у меня сломался чайник, а ещё курьер опоздал", ["warranty_repair", "delivery_delay"]),
        ("верните деньги, переведите на годовой тариф", ["return_item", "manage_subscription"]),
    ],
)
def test_two_inquiries(text: str, intents: list[str]) -> None:
    assert inquiries(text) == intents


@pytest.mark.parametrize(
    "text",
    [
        "Здравствуйте! Где мой заказ?",
        "где мой заказ, когда он придет",
        "спасибо и до свидания",
        "да",
        "",
        "Подписку взяла случайно и не пожалела, очень удобная штука, молодцы",
        "Сменил телефон, а пароль от кабинета остался в старом. Как теперь войти?",
        "The colour looks completely different in daylight, I'd rather send it back.",
    ],
)
def test_one_inquiry_stays_one(text: str) -> None:
    assert len(inquiries(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Заказ опять потеряли, никому нет дела. Оператора!",
        "The parcel got lost again, nobody cares. Live agent!",
    ],
)
def test_who_calls_for_people_at_the_end_of_a_story_gets_them(text: str) -> None:
    assert inquiries(text) == ["human_agent"]
