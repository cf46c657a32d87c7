"""A customer asks how an order comes, sends it elsewhere, and hears what we do about a late one."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from core.clock import ManualClock
from core.db import Database
from crm_bridge.models import (
    DeliveryMethod,
    LoyaltyEntry,
    LoyaltyReason,
    Order,
    OrderState,
    Watch,
    WatchReason,
)
from tests.actions.conftest import Open
from tests.actions.stories import alter, order, plain

DAY = timedelta(days=1)


async def gifts(shop: Database, number: str) -> list[int]:
    query = select(LoyaltyEntry.points).join(Order, Order.id == LoyaltyEntry.order_id)
    async with shop.read() as session:
        found = query.where(Order.number == number, LoyaltyEntry.reason == LoyaltyReason.GIFT)
        return list(await session.scalars(found))


async def test_the_ways_to_a_city_with_price_and_time(chats: Open) -> None:
    stranger = await chats()
    assert "В какой город везти?" in await stranger.says("какие есть способы доставки", "delivery_options")
    heard = plain(await stranger.says("в Казань", "out_of_scope", city="Казань"))
    assert heard.splitlines() == [
        "Доставка в Казань:",
        "• курьер: 349 ₽, от 5 000 ₽ бесплатно, 2–4 дня",
        "• пункт выдачи: 99 ₽, от 3 000 ₽ бесплатно, 2–4 дня",
        "• почта: 290 ₽, 4–7 дней",
    ]
    assert stranger.form is None


async def test_the_named_city_is_not_asked_for_again(chats: Open) -> None:
    chat = await chats(language="en")
    heard = await chat.says("how long to London", "delivery_period", city="London")
    assert "to London" in heard
    assert "6–9 days" in heard


async def test_a_known_customer_lives_where_the_last_order_went(chats: Open) -> None:
    maria = await chats("demo-1001")
    assert "в Казань" in await maria.says("сколько ждать доставку", "delivery_period")


async def test_a_city_where_we_do_not_deliver(chats: Open) -> None:
    chat = await chats()
    await chat.says("сроки доставки", "delivery_period")
    heard = await chat.says("Париж", "out_of_scope", city="Париж")
    assert "О доставке в город Париж у меня сведений нет" in heard
    assert "/human_agent" in chat.said[-1].buttons.values()
    assert "в Тверь" in await chat.says("ну тогда Тверь", "out_of_scope")


async def test_a_town_of_no_list_written_small(chats: Open) -> None:
    chat = await chats()
    heard = await chat.says("сколько стоит доставка в урюпинск", "delivery_options")
    assert "О доставке в Урюпинск у меня сведений нет" in heard
    assert "/human_agent" in chat.said[-1].buttons.values()
    assert "О доставке в Саров" in await chat.says("а в саров?", "chitchat")
    assert "О доставке в город Кукуево" in await chat.says("кукуево", "out_of_scope")
    assert "не поняла" in await chat.says("не знаю", "out_of_scope")
    assert "в Тверь" in await chat.says("тогда в тверь", "out_of_scope", city="Тверь")
    english = await chats(language="en")
    heard = await english.says("delivery to springfield", "delivery_options")
    assert "nothing about delivery to Springfield" in heard


async def test_where_it_goes_is_no_town_when_it_is_a_door_or_a_day(chats: Open) -> None:
    for words in ("доставка до двери есть?", "доставите в другой город?", "вы доставляете в регионы"):
        assert "В какой город везти?" in await (await chats()).says(words, "delivery_options")
    english = await chats(language="en")
    assert "Which city" in await english.says("do you deliver to Scotland", "delivery_options")


async def test_questions_beyond_price_and_time_have_answers(chats: Open) -> None:
    chat = await chats()
    assert "в Беларусь и Казахстан пока нет" in await chat.says("в Казахстан везёте?", "delivery_options")
    assert "весы" not in await chat.says("поднимаете на этаж?", "delivery_options")
    assert "Подъём до 25 кг бесплатный" in chat.said[0].text


async def test_another_address_after_a_choice_of_the_order(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    assert "О каком заказе" in await dmitry.says("поменяйте адрес доставки", "change_delivery_address")
    assert "выберите пункт выдачи" in await dmitry.presses("1008")
    heard = await dmitry.says("ул. Мира, 5, кв. 7", "out_of_scope", address="ул. Мира, 5, кв. 7")
    assert heard == (
        "Доставим заказ 1008 курьером по адресу: Екатеринбург, ул. Мира, 5, кв. 7. Это бесплатно. Меняем?"
    )
    assert (await order(shop, "1008")).delivery_place is None
    assert "Готово" in await dmitry.says("да", "affirm")
    assert (await order(shop, "1008")).delivery_place == "ул. Мира, 5, кв. 7"


async def test_a_pickup_point_for_a_fee_that_is_said_before(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    before = (await order(shop, "1006")).total_minor
    await dmitry.says("смените пункт выдачи в 1006", "change_delivery_address", order_id="1006")
    assert "Это стоит 150 ₽" in plain(await dmitry.presses("ул. Малышева, 51"))
    assert "Доплатить 150 ₽" in plain(await dmitry.presses("Да, изменить"))
    changed = await order(shop, "1006")
    assert (changed.delivery_method, changed.delivery_place) == (DeliveryMethod.PICKUP, "ул. Малышева, 51")
    assert changed.total_minor == before + 15000


async def test_no_the_other_address(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    first, second = "ул. Мира, 5", "ул. Ленина, 8"
    await dmitry.says("адрес в 1008: " + first, "change_delivery_address", order_id="1008", address=first)
    heard = await dmitry.says("ой, нет, " + second, "deny", address=second)
    assert second in heard
    await dmitry.says("да", "affirm")
    assert (await order(shop, "1008")).delivery_place == second


@pytest.mark.parametrize(
    "state", sorted(set(OrderState) - {OrderState.NEW, OrderState.PAID, OrderState.PACKING})
)
@pytest.mark.parametrize("language", ["ru", "en"])
async def test_the_carrier_has_it_already(
    chats: Open, shop: Database, state: OrderState, language: str
) -> None:
    await alter(shop, "1001", state=state)
    maria = await chats("demo-1001", language)
    await maria.says("другой адрес", "change_delivery_address", order_id="1001")
    assert "/human_agent" in maria.said[-1].buttons.values()
    assert maria.form is None
    assert (await order(shop, "1001")).delivery_place is None


async def test_it_left_meanwhile(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("адрес", "change_delivery_address", order_id="1008", address="ул. Мира, 5")
    await alter(shop, "1008", state=OrderState.SHIPPED)
    assert "уже у перевозчика" in await dmitry.says("да", "affirm")
    assert (await order(shop, "1008")).delivery_place is None


@pytest.mark.parametrize("first", [True, False])
async def test_another_city_is_for_people(chats: Open, shop: Database, first: bool) -> None:
    dmitry = await chats("demo-1006")
    moscow = {"city": "Москва", "address": "ул. Лесная, 5"}
    if first:
        await dmitry.says("везите в Москву", "change_delivery_address", order_id="1008", **moscow)
    else:
        await dmitry.says("другой адрес", "change_delivery_address", order_id="1008")
        await dmitry.says("Москва, ул. Лесная, 5", "out_of_scope", **moscow)
    assert dmitry.said[-1].custom == {"handoff": {"reason": "topic:change_delivery_address"}}
    assert (await order(shop, "1008")).delivery_place is None


async def test_giving_up_leaves_everything_as_it_is(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("другой адрес", "change_delivery_address", order_id="1008")
    assert "оставим это" in await dmitry.says("не надо, передумал", "out_of_scope")
    assert dmitry.form is None


async def test_a_stranger_is_asked_who_they_are(chats: Open) -> None:
    stranger = await chats()
    replies = await stranger.ask("action_change_delivery_address", "другой адрес", "change_delivery_address")
    assert "одноразовый код" in replies[-1].text


async def test_a_late_parcel_is_made_up_for_once_and_watched(
    chats: Open, shop: Database, clock: ManualClock
) -> None:
    peter = await chats("demo-1002")
    first = await peter.says("почему так долго", "delivery_delay")
    assert "начислила вам 300 баллов" in first
    assert "Я слежу за этим заказом" in first
    second = await peter.says("ну когда же", "delivery_delay")
    assert "уже начислили вам 300 баллов" in second
    assert await gifts(shop, "1002") == [300]
    late = await order(shop, "1002")
    async with shop.read() as session:
        [watch] = await session.scalars(select(Watch))
    assert (watch.order_id, watch.customer_id) == (late.id, late.customer_id)
    assert (watch.reason, watch.conversation_id) == (WatchReason.LATE_PARCEL, peter.id)
    assert late.expected_at
    assert watch.until == late.expected_at + 14 * DAY


async def test_what_came_late_is_made_up_for_too(chats: Open, shop: Database, clock: ManualClock) -> None:
    came = clock.now() - 2 * DAY
    await alter(shop, "1009", delivered_at=came, promised_at=came - 3 * DAY)
    dmitry = await chats("demo-1006", "en")
    heard = await dmitry.says("1009 came late", "delivery_delay", order_id="1009")
    assert "I have given you 300 points" in heard
    assert await gifts(shop, "1009") == [300]


async def test_on_time_brings_neither_points_nor_a_watch(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    assert "баллов" not in await maria.says("опаздывает?", "delivery_delay")
    async with shop.read() as session:
        assert await session.scalar(select(func.count()).select_from(Watch)) == 0
    assert await gifts(shop, "1001") == []


async def test_a_watch_that_cannot_be_stored_is_not_promised(
    chats: Open, shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_down(*_: Any, **__: Any) -> None:
        raise OSError

    monkeypatch.setattr("crm_bridge.operations.delivery.insert_if_absent", break_down)
    peter = await chats("demo-1002")
    heard = await peter.says("почему так долго", "delivery_delay")
    assert heard.startswith("Простите, сейчас не получается")
    assert "слежу" not in heard
