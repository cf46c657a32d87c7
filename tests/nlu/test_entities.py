"""What customers write, and what must be read from it. The customer's clock says Friday, 20 November 2026,
noon.
"""

from __future__ import annotations

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bot.engine.nlu.entities.base import Lookups
from bot.engine.nlu.entities.extract import find_entities

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=ZoneInfo("Europe/Moscow"))


def read(text: str, entity: str) -> list[str]:
    return [f.value for f in find_entities(text, NOW) if f.entity == entity]


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("где мой заказ № АВ-1234", "order_id", "AB1234"),
        ("order #zb 10234", "order_id", "ZB10234"),
        ("номер заказа: 45 67 89", "order_id", "456789"),
        ("ra 123 456 785 ru где", "tracking_number", "RA123456785RU"),
        ("трек-номер 80084512345678", "tracking_number", "80084512345678"),
        ("8 (916) 123-45-67 перезвоните", "phone", "+79161234567"),
        ("мой телефон 9161234567", "phone", "+79161234567"),
        ("call me at (415) 555-2671", "phone", "+14155552671"),
        ("пишите на Ivan.Petrov+x@Mail.ru.", "email", "ivan.petrov+x@mail.ru"),
        ("полторы тысячи рублей", "amount", "150000 RUB"),
        ("списали 1 500,50 ₽", "amount", "150050 RUB"),
        ("$20.99 charged", "amount", "2099 USD"),
        ("five hundred dollars", "amount", "50000 USD"),
        ("в следующую пятницу", "date", "2026-11-27"),
        ("послезавтра после шести", "date", "2026-11-22"),
        ("послезавтра после шести", "time", "18:00/"),
        ("на выходных", "date", "2026-11-21/2026-11-22"),
        ("в субботу утром", "time", "06:00/12:00"),
        ("next Friday works", "date", "2026-11-27"),
        ("с 28 декабря по 3 января", "date", "2026-12-28/2027-01-03"),
        ("двадцать пятого ноября", "date", "2026-11-25"),
        ("заказал в понедельник, до сих пор нет", "date", "2026-11-16"),
        ("на следующей неделе в среду", "date", "2026-11-25"),
        ("до пятницы", "date", "/2026-11-27"),
        ("полшестого", "time", "17:30"),
        ("с 9 до 6", "time", "09:00/18:00"),
        ("from 2 to 4 pm", "time", "14:00/16:00"),
        ("вечером в 8", "time", "20:00"),
        ("не позже 18:00", "time", "/18:00"),
        ("хочу 2 красные футболки", "quantity", "2"),
        ("I want three mugs", "quantity", "3"),
        ("доставьте в Питер", "city", "Санкт-Петербург"),
        ("доставка в нижний новгород есть?", "city", "Нижний Новгород"),
        ("скока стоит доставка в козань", "city", "Казань"),
        ("довезёте до екатеренбурга?", "city", "Екатеринбург"),
        ("курьер из моксвы", "city", "Москва"),
        ("доставьте на ул. Ленина, д. 5, кв. 10", "address", "ул. Ленина, д. 5, кв. 10"),
        ("221B Baker Street", "address", "221B Baker Street"),
        ("заказ на имя Сергея Иванова", "person", "Сергей Иванов"),
        ("my name is John Smith", "person", "John Smith"),
        ("промокод LETO2026 не работает", "promo_code", "LETO2026"),
        ("перейти на премиум тариф", "plan", "премиум"),
        ("ставлю 5", "rating", "5"),
        ("five stars", "rating", "5"),
        ("верните деньги за чайник", "product", "чайник"),
        ("введите код 4512", "code", "4512"),
    ],
)
def test_a_customer_is_understood(text: str, entity: str, value: str) -> None:
    assert read(text, entity) == [value]


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("позвоните на +7 916 123-45-67", "order_id"),
        ("заказ на 5000 рублей", "order_id"),
        ("заказ от 5 ноября", "order_id"),
        ("order from 2025", "order_id"),
        ("карта 4276 1234 5678 9012", "order_id"),
        ("доброе утро", "time"),
        ("good morning, where is my order", "time"),
        ("поздравляю с днём рождения", "time"),
        ("был в 5 магазинах", "time"),
        ("промокод не работает", "promo_code"),
        ("мне 25 лет", "date"),
        ("у меня 3 вопроса", "quantity"),
        ("роман хороший", "person"),
        ("Владимир, подскажите", "city"),
        ("в кабенете ошибка", "city"),
        ("козань красивая", "city"),
    ],
)
def test_what_only_looks_alike_is_left_alone(text: str, entity: str) -> None:
    assert read(text, entity) == []


def test_places_point_into_the_message_as_it_was_written() -> None:
    text = "Ёлку — двадцать  пятого ноября, на ул. Ленина, 5!"
    for found in find_entities(text, NOW):
        assert text[found.start : found.end].strip() == text[found.start : found.end]
    assert [text[f.start : f.end] for f in find_entities(text, NOW) if f.entity == "address"] == [
        "ул. Ленина, 5"
    ]


def test_the_day_is_the_customers_own() -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=ZoneInfo("Europe/Moscow"))
    tomorrow = [f.value for f in find_entities("завтра", late)]
    east = [f.value for f in find_entities("завтра", late.astimezone(ZoneInfo("Asia/Vladivostok")))]
    assert (tomorrow, east) == (["2026-11-21"], ["2026-11-22"])


def test_a_preposition_is_no_part_of_a_number() -> None:
    assert "ИЗ1009" not in read("хочу вернуть покупку из 1009", "order_id")


def test_the_companys_own_names_come_first() -> None:
    lookups = Lookups(product={"vega 3000": "Vega 3000"}, promo_code={"весна": "ВЕСНА"})
    found = find_entities("сломалась vega 3000, промокод весна", NOW, lookups=lookups)
    assert {(f.entity, f.value) for f in found} >= {("product", "Vega 3000"), ("promo_code", "ВЕСНА")}


@pytest.mark.parametrize(
    "text",
    ["", " ", "1" * 5000, "(((((" * 400, "с 1 по " * 300, "a@" * 900, "д. 5 " * 400],
    ids=["empty", "space", "digits", "brackets", "ranges", "addresses", "houses"],
)
def test_a_hostile_message_costs_little(text: str) -> None:
    started = time.process_time()  # of this process alone: a busy machine is no fault of the rules
    find_entities(text, NOW)
    assert time.process_time() - started < 0.5
