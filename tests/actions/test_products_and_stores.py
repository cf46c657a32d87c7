"""What is in stock, what to choose, where the stores are."""

from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import ManualClock
from core.settings import ROOT
from crm_bridge.company.catalogue import Catalogue, load_catalogue
from crm_bridge.demo.catalogue import goods, price
from tests.actions.conftest import Open


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(Path(ROOT / "data/catalogue.yml"))


def test_the_catalogue_is_what_the_demo_company_sells(catalogue: Catalogue) -> None:
    assert [(one.titles["ru"], one.titles["en"]) for one in goods()] == [
        (one.title.ru, one.title.en) for one in catalogue.goods
    ]
    for sold, listed in zip(goods(), catalogue.goods, strict=True):
        for currency in ("RUB", "GBP", "USD"):
            assert catalogue.price(listed, currency).minor == price(sold, currency)


async def test_in_stock_few_left_coming_and_unknown(chats: Open) -> None:
    stranger = await chats()
    assert await stranger.says("чайник есть?", "product_availability") == (
        "Электрический чайник «Ладога» — 2\u00a0490\u00a0₽. Есть в наличии."
    )
    assert "Осталось мало: 5 штук" in await stranger.says("кофемашина в наличии?", "product_availability")
    assert "примерно через 12 дней" in await stranger.says("а набор кастрюль?", "product_availability")
    said = await stranger.says("увлажнитель будет?", "product_availability")
    assert "дата поставки пока неизвестна" in said
    assert "/place_order" not in stranger.said[-1].buttons.values()


async def test_what_is_not_sold_is_not_invented(chats: Open) -> None:
    stranger = await chats()
    assert "Какой товар" in await stranger.says("есть ли он в наличии", "product_availability")
    said = await stranger.says("газонокосилка", "out_of_scope")
    assert "в каталоге не нашла" in said
    assert "/human_agent" in stranger.said[-1].buttons.values()


async def test_a_customer_abroad_hears_the_price_in_their_currency(chats: Open) -> None:
    james = await chats("demo-1003", "en")
    said = await james.says("do you have headphones", "product_availability", product="headphones")
    assert said == "On-ear headphones: £63.99. In stock."


async def test_advice_by_group_and_by_product(chats: Open) -> None:
    stranger = await chats()
    assert "Для чего ищете" in await stranger.says("посоветуйте что-нибудь", "product_advice")
    said = await stranger.presses("Для кофе и чая")
    assert "Кофемашина «Утро»" in said
    assert "Френч-пресс" in said
    said = await stranger.says("какой робот-пылесос взять", "product_advice")
    assert "до 90 квадратных метров" in said


async def test_which_of_the_goods_shown_is_quieter(chats: Open) -> None:
    stranger = await chats()
    await stranger.says("увлажнитель и пылесос есть?", "product_availability")
    said = await stranger.says("а какой из них тише?", "product_advice")
    assert "Увлажнитель воздуха" in said
    assert "ночью почти не слышен" in said
    assert "Об остальном (Робот-пылесос «Ёжик») таких сведений нет" in said
    said = await stranger.says("а весят сколько?", "product_advice")
    assert "В каталоге ничего не сказано о весе" in said
    assert "Позвать его?" in said
    assert stranger.slots["offer"] == "human_agent"


async def test_how_the_goods_shown_differ(chats: Open) -> None:
    james = await chats("demo-1003", "en")
    await james.says("headphones or a speaker?", "product_availability")
    said = await james.says("what is the difference between them?", "product_advice")
    assert "This is how they differ" in said
    assert "cancel noise" in said
    assert "/human_agent" in james.said[-1].buttons.values()
    said = await james.says("which one weighs less?", "product_advice")
    assert "says nothing about weight" in said


async def test_a_store_in_a_town_of_no_list(chats: Open) -> None:
    stranger = await chats()
    said = await stranger.says("есть ваш магазин в урюпинске?", "store_info")
    assert "Магазина в Урюпинске пока нет" in said


async def test_a_question_of_care_is_answered_from_the_help_pages(chats: Open) -> None:
    stranger = await chats()
    said = await stranger.says("каким маслом пропитать разделочную доску", "product_advice")
    assert "минеральным маслом" in said
    assert "Источник: «Уход за дубовой доской»" in said


async def test_stores_of_the_named_city_open_or_closed(chats: Open, clock: ManualClock) -> None:
    stranger = await chats()
    said = await stranger.says("где магазин в Москве", "store_info", city="Москва")
    assert "ул. Профсоюзная, 61" in said
    assert "пн–пт 10:00–21:00, сб–вс 10:00–20:00" in said
    assert "Сейчас открыто, до 21:00." in said
    clock.advance(timedelta(hours=10))
    said = await stranger.says("вы открыты? Москва", "store_info", city="Москва")
    assert "Сейчас закрыто, откроется завтра в 10:00." in said


async def test_the_nearest_store_and_a_day_off(chats: Open) -> None:
    stranger = await chats()
    said = await stranger.says(
        "магазин в Бердске в воскресенье", "store_info", city="Бердск", date="2026-11-22"
    )
    assert said.startswith("Новосибирск, Красный пр., 101")
    assert "Не работает в воскресенье, 22 ноября, откроется 23 ноября в 10:00." in said
    said = await stranger.says("а в субботу?", "store_info", city="Новосибирск", date="2026-11-21")
    assert "Работает завтра: с 10:00 до 18:00." in said


async def test_no_store_there_is_said_and_the_city_is_asked_for_when_unknown(chats: Open) -> None:
    stranger = await chats(language="en")
    assert "Which city" in await stranger.says("where are you", "store_info")
    said = await stranger.says("Vladivostok", "out_of_scope", city="Владивосток")
    assert "no store near Vladivostok" in said
    assert "London" in said
    maria = await chats("demo-1001")
    assert "Казань, ул. Баумана, 44" in await maria.says("часы работы магазина", "store_info")
