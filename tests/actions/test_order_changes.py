"""A customer changes an order, asks what cancelling costs and how to order."""

from typing import Any

import pytest

from core.db import Database
from crm_bridge.models import OrderState
from tests.actions.conftest import Open
from tests.actions.stories import add_item, alter, goods, order, plain, refunds_of

BLENDER, MUG = "Блендер погружной", "Кружка керамическая 350 мл"


async def test_something_is_added_and_the_rest_is_paid_later(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    heard = await dmitry.says("добавьте в заказ 1008 кружку", "change_order", order_id="1008")
    assert plain(heard) == f"Заказ 1008, добавлю: {MUG} (1 шт.). Новая сумма заказа 7 380 ₽. Меняем?"
    assert await goods(shop, "1008") == {BLENDER: 1}  # not before they agree
    assert "Доплатить 890 ₽ можно при получении" in plain(await dmitry.says("да", "affirm"))
    assert await goods(shop, "1008") == {BLENDER: 1, MUG: 1}
    assert (await order(shop, "1008")).total_minor == 738000


async def test_something_is_removed_and_the_difference_comes_back(chats: Open, shop: Database) -> None:
    await add_item(shop, "1008", MUG, 89000)
    dmitry = await chats("demo-1006")
    assert "1006" not in await dmitry.says("хочу изменить заказ", "change_order")  # it is being packed
    assert await dmitry.presses("Убрать") == "Какой товар?"
    assert f"уберу: {MUG}" in await dmitry.presses(MUG)
    assert "убрала" in await dmitry.presses("Да, изменить")
    assert await goods(shop, "1008") == {BLENDER: 1}


async def test_two_instead_of_one(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006", "en")
    heard = await dmitry.says("make it two blenders", "change_order", quantity="2")
    assert "I will make it 2 instead of 1" in heard
    assert "Done, it is now 2 instead of 1" in await dmitry.presses("Yes, change it")
    assert await goods(shop, "1008") == {BLENDER: 2}


async def test_the_number_is_asked_for_when_it_is_not_named(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("нужно другое количество в заказе 1008", "change_order", order_id="1008")
    assert "изменю количество" in await dmitry.says("три", "out_of_scope", quantity="3")
    await dmitry.says("да", "affirm")
    assert await goods(shop, "1008") == {BLENDER: 3}


async def test_what_is_sold_out_is_replaced_by_something_alike(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    heard = await dmitry.says("добавьте набор кастрюль", "change_order", order_id="1008")
    assert "нет в наличии" in heard
    assert "примерно через 12 дней" in heard
    assert "добавлю: Мультиварка" in await dmitry.presses("Мультиварка")


async def test_goods_are_asked_for_and_the_answer_may_be_typed(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("измените заказ 1008", "change_order", order_id="1008")
    assert "Напишите название" in await dmitry.presses("Добавить товар")
    assert "добавлю: Плед" in await dmitry.says("плед шерстяной", "product_availability", product="плед")


async def test_the_last_item_is_not_removed_but_the_order_cancelled(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    heard = await dmitry.says("уберите блендер из заказа 1008", "change_order", order_id="1008")
    assert "проще отменить его целиком" not in heard
    assert "его проще отменить целиком" in heard
    assert "Отменить заказ" in dmitry.said[-1].buttons
    assert await goods(shop, "1008") == {BLENDER: 1}


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("state", sorted(set(OrderState) - {OrderState.NEW, OrderState.PAID}))
async def test_what_can_no_longer_be_changed_and_why(
    chats: Open, shop: Database, state: OrderState, language: str
) -> None:
    await alter(shop, "1001", state=state)
    maria = await chats("demo-1001", language)
    heard = await maria.says("хочу изменить заказ", "change_order", order_id="1001")
    assert "изменить уже нельзя" in heard or "can no longer be changed" in heard
    assert "/human_agent" in maria.said[-1].buttons.values()
    assert maria.form is None


async def test_dates_and_recipients_are_changed_by_people(chats: Open) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("перенесите доставку 1008 на субботу", "change_order", order_id="1008")
    assert dmitry.said[-1].custom == {"handoff": {"reason": "topic:change_order"}}


async def test_large_orders_are_for_people(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("хочу 50 блендеров вместо одного", "change_order", quantity="50", order_id="1008")
    assert dmitry.said[-1].custom == {"handoff": {"reason": "topic:change_order"}}
    assert await goods(shop, "1008") == {BLENDER: 1}


async def test_it_went_to_the_warehouse_meanwhile(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("добавьте кружку в заказ 1008", "change_order", order_id="1008")
    await alter(shop, "1008", state=OrderState.PACKING)
    assert "ничего не поменяла" in await dmitry.says("да", "affirm")
    assert await goods(shop, "1008") == {BLENDER: 1}


async def test_no_and_nothing_happens(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("добавьте кружку в заказ 1008", "change_order", order_id="1008")
    assert "без изменений" in await dmitry.says("нет", "deny")
    assert await goods(shop, "1008") == {BLENDER: 1}


async def test_a_question_in_between_and_another_item_after_all(chats: Open, shop: Database) -> None:
    await add_item(shop, "1008", MUG, 89000, 2)
    dmitry = await chats("demo-1006")
    await dmitry.says("уберите кружку", "change_order", order_id="1008")
    heard = await dmitry.says("а сколько идёт до Омска?", "delivery_period", city="Омск")
    assert "в Омск" in heard
    assert f"уберу: {MUG}" in heard  # and back to the question
    assert await dmitry.says("нет, другой товар", "deny") == "Какой товар?"
    assert f"уберу: {BLENDER}" in await dmitry.presses(BLENDER)
    await dmitry.says("да", "affirm")
    assert await goods(shop, "1008") == {MUG: 2}


async def test_the_same_message_twice_changes_it_once(chats: Open, shop: Database) -> None:
    await add_item(shop, "1008", MUG, 89000)
    dmitry = await chats("demo-1006")
    await dmitry.says("уберите кружку", "change_order", order_id="1008")
    before, form = dict(dmitry.slots), dmitry.form
    first = await dmitry.says("да", "affirm", message_id="same")
    dmitry.slots, dmitry.form = before, form
    assert await dmitry.says("да", "affirm", message_id="same") == first
    assert await goods(shop, "1008") == {BLENDER: 1}
    assert len(await refunds_of(shop, "1008")) <= 1


async def test_a_stranger_is_asked_who_they_are(chats: Open) -> None:
    stranger = await chats()
    replies = await stranger.ask("action_change_order", "добавьте кружку в 1008", "change_order")
    assert "одноразовый код" in replies[-1].text


async def test_a_failing_database_is_told_truthfully(
    chats: Open, shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("добавьте кружку в заказ 1008", "change_order", order_id="1008")

    async def break_down(*_: Any, **__: Any) -> None:
        raise OSError

    with monkeypatch.context() as broken:
        broken.setattr("crm_bridge.operations.order_changes.settle", break_down)
        assert "неполадка на нашей стороне" in await dmitry.says("да", "affirm")
    assert await goods(shop, "1008") == {BLENDER: 1}
    assert "добавила" in await dmitry.says("да", "affirm")


async def test_what_cancelling_costs_in_general_and_for_ones_own_order(chats: Open) -> None:
    stranger, maria = await chats(), await chats("demo-1001")
    heard = await stranger.says("сколько стоит отмена", "cancellation_fee")
    assert "отмена бесплатна" in heard
    assert "удержим 5 %" in heard
    own = plain(await maria.says("штраф?", "cancellation_fee"))
    assert own.startswith("За отмену заказа 1001 сейчас удержим 124 ₽")
    assert "Предоплата возвращается" in await stranger.says("предоплата сгорит?", "cancellation_fee")


async def test_somebody_elses_order_has_no_price(chats: Open) -> None:
    maria, stranger = await chats("demo-1001"), await chats()
    for chat in (maria, stranger):
        heard = await chat.says("сколько стоит отменить 1002", "cancellation_fee", order_id="1002")
        assert "1002" not in heard


@pytest.mark.parametrize(("language", "price"), [("ru", "2 490 ₽"), ("en", "£22.99")])
async def test_how_to_order_names_the_goods_that_are_meant(chats: Open, language: str, price: str) -> None:
    chat = await chats(language=language)
    heard = await chat.says("хочу купить чайник" if language == "ru" else "I want a kettle", "place_order")
    assert price in plain(heard)
    assert "domovoy.example" in heard
    assert "/human_agent" in chat.said[-1].buttons.values()
    assert "\n\n" not in await chat.says("как заказать", "place_order")
