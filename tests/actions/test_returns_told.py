"""A customer gives something back, asks for the money, reports what came wrong, or needs a repair."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from core.clock import ManualClock
from core.db import Database
from core.media.tables import Media
from crm_bridge.models import (
    Asset,
    Refund,
    RefundState,
    ReturnedItem,
    ReturnWish,
    TicketFile,
    TicketKind,
    TicketPriority,
)
from tests.actions.chat import Chat
from tests.actions.conftest import Open
from tests.actions.stories import add_item, alter, plain, refunds_of, tickets

DAY = timedelta(days=1)
HUMIDIFIER, MUG = "Увлажнитель воздуха", "Кружка керамическая 350 мл"
PHOTO = {"key": "b" * 64, "name": "photo.jpg", "type": "image/jpeg"}


async def returned(shop: Database) -> list[tuple[int, ReturnWish]]:
    async with shop.read() as session:
        return [(one.quantity, one.wish) for one in await session.scalars(select(ReturnedItem))]


async def with_photo(shop: Database, chat: Chat, clock: ManualClock) -> None:
    async with shop.write() as session:
        session.add(Media(sha256=PHOTO["key"], size=9, type="image/jpeg", created_at=clock.now()))
    chat.files = [PHOTO]


async def to_the_confirmation(dmitry: Chat) -> str:
    """A return of the humidifier, up to the last question."""
    await dmitry.says("хочу вернуть товар", "return_item")
    await dmitry.presses("Вернуть деньги")
    await dmitry.presses("Не понравился")
    await dmitry.presses("Вскрыли, но не пользовались")
    return plain(await dmitry.presses("Отнести в пункт выдачи"))


async def test_a_return_from_the_first_word_to_the_case(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    heard = await to_the_confirmation(dmitry)
    assert heard == f"Оформляю возврат по заказу 1009: {HUMIDIFIER}. Вернём 3 990 ₽. Всё верно?"
    assert await tickets(shop, dmitry.id) == []
    told = await dmitry.presses("Да, оформить")
    [case] = await tickets(shop, dmitry.id)
    assert f"номер обращения {case.number}" in told
    assert (case.kind, case.priority) == (TicketKind.REQUEST, TicketPriority.NORMAL)
    assert "Не понравился" in case.text
    assert await returned(shop) == [(1, ReturnWish.REFUND)]
    [refund] = await refunds_of(shop, "1009")
    assert (refund.state, refund.amount_minor) == (RefundState.REQUESTED, 399000)
    assert "заявка от 20 ноября принята" in await dmitry.says("где деньги", "track_refund")
    assert "уже оформлен" in await dmitry.says("вернуть 1009", "return_item", order_id="1009")


async def test_what_the_first_message_says_is_not_asked_again(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    text = "хочу обменять увлажнитель, не понравился запах, не вскрывали"
    assert "передать товар" in await dmitry.says(text, "return_item")
    assert "Оформляю обмен" in await dmitry.says("заберите курьером", "out_of_scope")
    assert "На что обменять" in await dmitry.says("да", "affirm")
    assert await returned(shop) == [(1, ReturnWish.EXCHANGE)]
    assert await refunds_of(shop, "1009") == []


async def test_two_of_three_and_one_more_item(chats: Open, shop: Database) -> None:
    await add_item(shop, "1009", MUG, 89000, 3)
    dmitry = await chats("demo-1006")
    heard = await dmitry.says("верните деньги за кружки, не подошёл размер", "return_item")
    assert "О скольких речь?" in heard
    await dmitry.says("две", "out_of_scope", quantity="2")
    await dmitry.presses("Не вскрывали")
    assert "Вернём 1 780 ₽" in plain(await dmitry.presses("Отнести"))
    assert "Вернём 5 770 ₽" in plain(await dmitry.presses("Добавить ещё товар"))
    await dmitry.presses("Да, оформить")
    assert sorted(await returned(shop)) == [(1, ReturnWish.REFUND), (2, ReturnWish.REFUND)]
    assert [refund.amount_minor for refund in await refunds_of(shop, "1009")] == [577000]


async def test_everything_at_once(chats: Open, shop: Database) -> None:
    await add_item(shop, "1009", MUG, 89000)
    dmitry = await chats("demo-1006", "en")
    await dmitry.says("I want to return my order", "return_item")
    await dmitry.presses("All of it")
    await dmitry.presses("A refund")
    await dmitry.presses("I no longer need it")
    await dmitry.presses("Unopened")
    await dmitry.presses("Hand it to a courier")
    assert "The return is registered" in await dmitry.says("yes", "affirm")
    assert await returned(shop) == [(1, ReturnWish.REFUND)] * 2


async def test_too_late_for_a_return_but_not_for_a_fault(
    chats: Open, shop: Database, clock: ManualClock
) -> None:
    await alter(shop, "1009", delivered_at=clock.now() - 20 * DAY)
    dmitry = await chats("demo-1006")
    heard = await dmitry.says("верну увлажнитель", "return_item", order_id="1009")
    assert "в течение 14 дней" in heard
    assert "Мне очень жаль" in await dmitry.says("верну 1009, он сломан", "return_item", order_id="1009")


async def test_used_things_are_not_taken_back_and_what_helps_instead(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("верните деньги за увлажнитель, не понравился", "return_item")
    assert "только с браком" in await dmitry.presses("Пользовались")
    assert {"Ремонт по гарантии", "Позвать сотрудника"} <= set(dmitry.said[-1].buttons)
    assert await returned(shop) == []


async def test_what_is_not_here_yet_can_be_cancelled(chats: Open) -> None:
    maria, elena = await chats("demo-1001"), await chats("demo-1011")
    assert "ещё не у вас" in await maria.says("вернуть заказ", "return_item")
    assert "возвращать нечего" in await elena.says("вернуть 1011", "return_item", order_id="1011")


async def test_a_question_in_between_then_no(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await to_the_confirmation(dmitry)
    heard = await dmitry.says("а какие условия возврата?", "refund_policy")
    assert "в течение 14 дней с получения" in heard
    assert "Оформляю возврат по заказу 1009" in heard
    assert "не оформляю" in await dmitry.says("нет", "deny")
    assert await tickets(shop, dmitry.id) == []


async def test_the_same_message_twice_opens_one_case(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await to_the_confirmation(dmitry)
    before, form = dict(dmitry.slots), dmitry.form
    first = await dmitry.says("да", "affirm", message_id="same")
    dmitry.slots, dmitry.form = before, form
    assert await dmitry.says("да", "affirm", message_id="same") == first
    assert len(await tickets(shop, dmitry.id)) == 1
    assert len(await refunds_of(shop, "1009")) == 1


async def test_a_stranger_is_asked_who_they_are(chats: Open) -> None:
    stranger = await chats()
    for intent in ("return_item", "track_refund", "damaged_or_wrong_item", "warranty_repair"):
        replies = await stranger.ask(f"action_{intent}", "помогите", intent)
        assert "одноразовый код" in replies[-1].text
        stranger.form = None


@pytest.mark.parametrize(
    "intent", ["return_item", "damaged_or_wrong_item", "warranty_repair", "track_refund"]
)
async def test_a_failing_database_is_told_truthfully(
    chats: Open, intent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dmitry = await chats("demo-1006")

    async def break_down(*_: Any, **__: Any) -> None:
        raise OSError

    for name in ("orders.Orders", "assets.Assets", "refunds.Refunds"):
        monkeypatch.setattr(f"crm_bridge.{name}.of_customer", break_down)
    assert (await dmitry.says("помогите", intent)).startswith("Простите, сейчас не получается")


async def test_a_broken_thing_with_a_photo_is_urgent(chats: Open, shop: Database, clock: ManualClock) -> None:
    olga = await chats("demo-1005")
    heard = await olga.says("пришла разбитая кофемашина", "damaged_or_wrong_item")
    assert heard.startswith("Мне очень жаль")
    await olga.says("треснул бак для воды", "technical_problem")
    await with_photo(shop, olga, clock)
    assert "Как лучше это исправить?" in await olga.says("", "out_of_scope")
    olga.files = []
    told = await olga.presses("Прислать такой же новый")
    [case] = await tickets(shop, olga.id)
    assert case.number in told
    assert "сегодня к 16:00" in told  # four working hours from noon
    assert (case.kind, case.priority) == (TicketKind.DEFECT, TicketPriority.HIGH)
    assert "треснул бак для воды" in case.text
    async with shop.read() as session:
        assert [file.sha256 for file in await session.scalars(select(TicketFile))] == [PHOTO["key"]]
    assert await returned(shop) == [(1, ReturnWish.EXCHANGE)]


async def test_a_photo_of_the_first_message_is_not_asked_for_again(
    chats: Open, shop: Database, clock: ManualClock
) -> None:
    olga = await chats("demo-1005")
    await with_photo(shop, olga, clock)
    text = "кофемашина пришла с большой трещиной на корпусе, верните деньги"
    told = await olga.says(text, "damaged_or_wrong_item")
    assert "срочное обращение" in told
    assert "Деньги вернём в течение 10 дней" in told
    [refund] = await refunds_of(shop, "1005")
    assert refund.amount_minor == 1899000
    async with shop.read() as session:
        assert len(list(await session.scalars(select(TicketFile)))) == 1


async def test_missing_parts_are_sent_and_asked_for_once(chats: Open, shop: Database) -> None:
    olga = await chats("demo-1005", "en")
    assert "few words" in await olga.says("a part is missing", "damaged_or_wrong_item")
    await olga.says("there is no power cord in the box", "out_of_scope")
    assert "We will send what is missing" in await olga.presses("Send what is missing")
    [case] = await tickets(shop, olga.id)
    assert await returned(shop) == []  # nothing comes back
    again = await olga.says("a part is missing", "damaged_or_wrong_item")
    assert f"case {case.number}" in again
    assert len(await tickets(shop, olga.id)) == 1


async def test_a_fault_named_as_a_reason_of_a_return_becomes_urgent(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("хочу вернуть товар", "return_item")
    await dmitry.presses("Вернуть деньги")
    assert "что не так" in await dmitry.presses("Брак или поломка")
    await dmitry.says("не включается", "technical_problem")
    assert "срочное обращение" in await dmitry.presses("Без фото")
    [case] = await tickets(shop, dmitry.id)
    assert case.priority is TicketPriority.HIGH


async def test_what_was_not_sent_cannot_be_wrong(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    heard = await dmitry.says("в 1008 брак", "damaged_or_wrong_item", order_id="1008")
    assert "ещё не отправлен" in heard
    assert "/human_agent" in dmitry.said[-1].buttons.values()


@pytest.mark.parametrize(
    ("language", "state", "said"),
    [
        ("ru", RefundState.REQUESTED, "заявка от"),
        ("ru", RefundState.APPROVED, "отправим деньги не позже 25 ноября"),
        ("ru", RefundState.PAID, "деньги отправлены 18 ноября. Банк зачисляет их до 3 дня"),
        ("ru", RefundState.REFUSED, "в возврате отказано"),
        ("en", RefundState.REQUESTED, "your request of"),
        ("en", RefundState.APPROVED, "the money will be sent by 25 November"),
        ("en", RefundState.PAID, "the money was sent on 18 November. Banks take up to 3 days"),
        ("en", RefundState.REFUSED, "it was refused"),
    ],
)
async def test_where_the_money_is(
    chats: Open, shop: Database, clock: ManualClock, language: str, state: RefundState, said: str
) -> None:
    now = clock.now()
    dates = {"promised_at": now + 5 * DAY, "paid_at": now - 2 * DAY}
    async with shop.write() as session:
        await session.execute(update(Refund).values(state=state, **dates))
    elena = await chats("demo-1011", language)
    assert said in await elena.says("где деньги", "track_refund")
    assert await tickets(shop, elena.id) == []


async def test_overdue_money_is_apologised_for_and_hastened_once(chats: Open, shop: Database) -> None:
    elena = await chats("demo-1011")
    heard = await elena.says("где мои деньги?", "track_refund")
    [case] = await tickets(shop, elena.id)
    assert heard.startswith("Простите нас, мы задержали ваши деньги.")
    assert case.number in heard
    assert case.priority is TicketPriority.HIGH
    assert case.number in await elena.says("ну где?", "track_refund")
    assert len(await tickets(shop, elena.id)) == 1


async def test_no_refund_at_all(chats: Open) -> None:
    maria = await chats("demo-1001")
    assert "Возвратов денег в вашем профиле я не вижу" in await maria.says("где деньги", "track_refund")


@pytest.mark.parametrize(("language", "said"), [("ru", "достаточно номера заказа"), ("en", "No receipt")])
async def test_the_terms_begin_with_what_was_asked(chats: Open, language: str, said: str) -> None:
    chat = await chats(language=language)
    text = "а без чека можно вернуть?" if language == "ru" else "can I return it without a receipt?"
    heard = await chat.says(text, "refund_policy")
    assert said in heard.splitlines()[0]
    assert "\n\n" not in await chat.says("условия", "refund_policy")


async def test_a_repair_under_warranty(chats: Open, shop: Database, clock: ManualClock) -> None:
    dmitry = await chats("demo-1006")
    heard = await dmitry.says("сломался пылесос", "warranty_repair", product="пылесос")
    assert "гарантия действует до 15 декабря" in heard
    await dmitry.says("не заряжается", "technical_problem")
    await with_photo(shop, dmitry, clock)
    await dmitry.says("вот", "out_of_scope")
    dmitry.files = []
    told = await dmitry.presses("Передать курьеру")
    [case] = await tickets(shop, dmitry.id)
    assert case.number in told
    assert "не больше 45 дней" in told
    async with shop.read() as session:
        assert [file.ticket_id for file in await session.scalars(select(TicketFile))] == [case.id]
    assert "не заряжается" in case.text
    assert case.number in await dmitry.says("готов ли мой ремонт?", "warranty_repair")
    assert len(await tickets(shop, dmitry.id)) == 1


async def test_the_warranty_is_over(chats: Open, shop: Database, clock: ManualClock) -> None:
    async with shop.write() as session:
        await session.execute(update(Asset).values(warranty_until=clock.now() - 10 * DAY))
    dmitry = await chats("demo-1006")
    heard = await dmitry.says("сломался пылесос", "warranty_repair", product="пылесос")
    assert "гарантия закончилась 10 ноября" in heard
    assert {"Записаться на визит", "Позвать сотрудника"} == set(dmitry.said[-1].buttons)
    assert await tickets(shop, dmitry.id) == []


async def test_a_thing_that_is_not_in_the_profile(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001", "en")
    async with shop.write() as session:
        await session.execute(update(Asset).values(warranty_until=None))
    await maria.says("my hair dryer broke", "warranty_repair", product="hair dryer")
    await maria.says("it no longer gets warm", "technical_problem")
    await maria.presses("No photo")
    told = await maria.presses("Hand it to a courier")
    assert "I can't see how long its warranty runs" in told
    [case] = await tickets(shop, maria.id)
    assert case.subject == "Warranty repair: hair dryer"
