"""A stranger asks for personal data, proves who they are, and gets what was asked for."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from core.clock import ManualClock
from core.db import Database
from crm_bridge.models import Identity, Notice, Operation, VerificationCode
from tests.actions.chat import FORM, Chat, Reply, read
from tests.actions.conftest import Open

TRACK = "action_track_order"
PHONE, EMAIL = "+79000001001", "maria.sokolova@example.com"


async def code_of(shop: Database) -> str:
    async with shop.read() as session:
        query = select(Notice.text).where(Notice.withheld.is_(False)).order_by(Notice.id.desc()).limit(1)
        text = (await session.execute(query)).scalar_one()
    found = re.search(r"\d{6}", text)
    assert found
    return found[0]


async def wrong_code(shop: Database) -> str:
    return "000000" if await code_of(shop) != "000000" else "111111"


async def count(shop: Database, table: type[Any]) -> int:
    async with shop.read() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
async def maria(chats: Open) -> Chat:
    """Somebody who asked for order 1001 and is asked who they are."""
    chat = await chats()
    assert "одноразовый код" in read(await chat.ask(TRACK, "где заказ 1001", order_id="1001"))
    return chat


async def test_contact_code_and_on_with_what_was_asked(maria: Chat, shop: Database) -> None:
    [sent] = await maria.answer("мой номер 8 (900) 000-10-01")
    assert sent.text.startswith("Если +7•••01 указан в вашем профиле")
    thanks, order = await maria.answer(f"код {await code_of(shop)}")
    assert thanks.text == "Спасибо, Мария, всё совпало."
    assert order.text.startswith("Заказ 1001 в пути")
    assert maria.form is None
    assert not [name for name, value in maria.slots.items() if name.startswith("identification") and value]


async def test_the_same_in_english(chats: Open, shop: Database) -> None:
    james = await chats(language="en")
    asked = await james.ask("action_delivery_delay", "is order 1003 late?", "delivery_delay", order_id="1003")
    assert "one-time code" in read(asked)
    assert "If j•••@example.com is on your profile" in read(await james.answer("james.miller@example.com"))
    thanks, order = await james.answer(await code_of(shop))
    assert thanks.text == "Thank you, James. All confirmed."
    assert order.text.startswith("Order 1003 is on schedule, and I see no delay.")


async def test_a_contact_in_the_first_message_is_taken_at_once(chats: Open) -> None:
    chat = await chats()
    replies = await chat.ask(TRACK, f"где мой заказ, телефон {PHONE}")
    assert [reply.response for reply in replies] == ["utter_code_sent"]


async def test_a_phone_spoken_in_words_comes_from_the_classifier(maria: Chat) -> None:
    assert "+7•••01" in read(await maria.answer("восемь девятьсот ноль ноль ноль один", phone=PHONE))


async def test_an_unknown_contact_gets_the_same_answers(chats: Open, shop: Database) -> None:
    known, unknown = await chats(), await chats()
    heard: list[list[list[Reply]]] = []
    for chat, contact in ((known, "+79000001001"), (unknown, "+79009991001")):
        await chat.ask(TRACK, "где мой заказ")
        heard.append(
            [
                await chat.answer(contact),
                await chat.answer("000001"),
                await chat.answer("не приходит код"),
                await chat.answer("000002"),
            ]
        )
    assert heard[0] == heard[1]


async def test_a_wrong_code_says_how_many_tries_are_left_and_the_fifth_ends_it(
    maria: Chat, shop: Database
) -> None:
    await maria.answer(PHONE)
    wrong = await wrong_code(shop)
    left = [read(await maria.answer(wrong)) for _ in range(4)]
    assert [re.findall(r"Остал\w+ \d попыт\w+", text) for text in left] == [
        ["Осталось 4 попытки"],
        ["Осталось 3 попытки"],
        ["Осталось 2 попытки"],
        ["Осталась 1 попытка"],
    ]
    [locked] = await maria.answer(wrong)
    assert "можно после 12:15" in locked.text
    assert "/human_agent" in locked.buttons.values()
    assert maria.form is None
    await maria.ask(TRACK, "где мой заказ")
    assert "Кодов запрошено слишком много" in read(await maria.answer(PHONE))


@pytest.mark.parametrize("text", ["не приходит код", "ещё раз пришлите", "нет кода", "I didn't get the code"])
async def test_the_code_is_sent_again(maria: Chat, shop: Database, text: str) -> None:
    await maria.answer(PHONE)
    first = await count(shop, Notice)
    assert "Отправила новый код" in read(await maria.answer(text, "promo_code"))
    assert await count(shop, Notice) == first + 1


async def test_a_press_sends_it_again_until_it_is_enough(maria: Chat) -> None:
    await maria.answer(PHONE)
    for _ in range(2):
        assert "Отправила новый код" in read(await maria.answer("", "resend_code"))
    [enough] = await maria.answer("", "resend_code")
    assert "новый смогу прислать после 12:15" in enough.text
    assert maria.form == FORM


async def test_an_old_code_is_replaced_on_a_plain_yes(
    maria: Chat, shop: Database, clock: ManualClock
) -> None:
    await maria.answer(PHONE)
    code = await code_of(shop)
    clock.advance(timedelta(minutes=11))
    assert "Прислать новый?" in read(await maria.answer(code))
    assert "Отправила новый код" in read(await maria.answer("да", "affirm"))
    assert "Заказ 1001" in read(await maria.answer(await code_of(shop)))


@pytest.mark.parametrize(
    ("text", "intent"),
    [("другой номер", "edit_profile"), ("", "change_contact"), ("wrong email", "out_of_scope")],
)
async def test_another_contact_instead(maria: Chat, shop: Database, text: str, intent: str) -> None:
    await maria.answer("petr.volkov@example.com")
    assert "другой телефон" in read(await maria.answer(text, intent))
    await maria.answer(EMAIL)
    assert "Мария" in read(await maria.answer(await code_of(shop)))


async def test_another_contact_named_while_the_code_is_awaited(maria: Chat) -> None:
    await maria.answer(PHONE)
    assert "m•••@example.com" in read(await maria.answer(f"лучше на почту {EMAIL}"))


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("не надо", "deny"),
        ("", "deny"),
        ("нет", "deny"),
        ("отмена", "out_of_scope"),
        ("cancel", "cancel_order"),
    ],
)
async def test_leaving(maria: Chat, text: str, intent: str) -> None:
    [reply] = await maria.answer(text, intent)
    assert reply.response == "utter_identification_cancelled"
    assert maria.form is None
    assert maria.slots["pending_request"] is None


async def test_goodbye_ends_it_with_a_goodbye(maria: Chat) -> None:
    assert "До свидания" in read(await maria.answer("пока", "goodbye"))
    assert maria.form is None


@pytest.mark.parametrize(
    "intent", ["delivery_options", "cancel_order", "capabilities", "greet", "track_order"]
)
async def test_another_question_is_left_to_its_own_rule(maria: Chat, intent: str) -> None:
    """No slot is set, so the form steps back; afterwards it asks again."""
    assert await maria.run("validate_identification_form", "отмените заказ 1001", intent) == []
    assert maria.form == FORM
    back = await maria.run("validate_identification_form", "отмените заказ 1001", intent, rejected=True)
    assert back == []
    [again] = await maria.run("action_ask_identification_contact")
    assert again.text.startswith("Чтобы продолжить")


async def test_a_question_with_a_number_is_no_code(maria: Chat, shop: Database) -> None:
    await maria.answer(PHONE)
    before = await count(shop, Operation)
    assert await maria.run("validate_identification_form", "а где заказ 123456?", "track_order") == []
    assert await count(shop, Operation) == before


async def test_another_order_asked_for_meanwhile_is_what_comes_after(chats: Open, shop: Database) -> None:
    dmitry = await chats()
    await dmitry.ask(TRACK, "где заказ 1006", order_id="1006")
    await dmitry.answer("dmitry.kozlov@example.com")
    assert await dmitry.run(TRACK, "нет, заказ 1007", "track_order", order_id="1007") == []
    assert "Заказ 1007" in read(await dmitry.answer(await code_of(shop)))


async def test_asking_for_a_person_ends_the_form(maria: Chat) -> None:
    [reply] = await maria.run("action_human_agent", "позовите человека", "human_agent")
    assert reply.custom == {"handoff": {"reason": "requested"}}
    assert maria.form is None
    assert maria.slots["followup"] == "action_listen"


@pytest.mark.parametrize("text", ["+79000001001 или +79000001002", "maria@", "89000001"])
async def test_an_unreadable_contact_is_asked_for_again(maria: Chat, text: str) -> None:
    assert read(await maria.answer(text, "product_advice")).startswith("Не вижу в сообщении телефона")


async def test_nonsense_instead_of_a_code(maria: Chat) -> None:
    await maria.answer(PHONE)
    assert read(await maria.answer("ыыы")).startswith("Не вижу в сообщении кода.")


async def test_a_shared_phone_needs_something_of_ones_own(chats: Open, shop: Database) -> None:
    ivan = await chats()
    await ivan.ask(TRACK, "где мой заказ")
    await ivan.answer("+79000001010")
    assert "сразу в нескольких профилях" in read(await ivan.answer(await code_of(shop)))
    await ivan.answer("ivan.orlov@example.com")
    assert "Иван" in read(await ivan.answer(await code_of(shop)))


async def test_the_same_message_again_does_nothing_twice(maria: Chat, shop: Database) -> None:
    first = await maria.answer(PHONE, message_id="m-contact")
    maria.slots["identification_contact"], maria.slots["requested_slot"] = None, "identification_contact"
    assert await maria.answer(PHONE, message_id="m-contact") == first
    assert await count(shop, VerificationCode) == 1
    wrong = await wrong_code(shop)
    assert await maria.answer(wrong, message_id="m-code") == await maria.answer(wrong, message_id="m-code")
    assert "Осталось 3 попытки" in read(await maria.answer(wrong))


async def test_a_failure_is_told_and_leaves_nothing_half_written(
    maria: Chat, shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_down(*_: Any) -> None:
        raise OSError("the provider is away")

    before = await count(shop, Operation)
    monkeypatch.setattr("crm_bridge.notices.Notices.notify", break_down)
    [reply] = await maria.answer(PHONE)
    assert reply.response == "utter_identification_failed"
    assert maria.form == FORM
    assert (await count(shop, VerificationCode), await count(shop, Operation)) == (0, before)
    monkeypatch.undo()
    assert "код из шести цифр" in read(await maria.answer(PHONE))


async def test_a_button_of_a_form_that_is_over(chats: Open) -> None:
    stranger, maria = await chats(), await chats("demo-1001")
    assert "телефон или почту" in read(await stranger.ask("action_stray_identification", "", "resend_code"))
    assert read(await maria.ask("action_stray_identification", "", "resend_code")) == "Чем ещё могу помочь?"


async def test_only_the_bridge_knows_who_is_verified(maria: Chat, shop: Database) -> None:
    """The form's end alone opens nothing."""
    maria.form = None
    maria.slots |= {"identification_code": "accepted", "identification_contact": PHONE}
    assert "Заказ" not in read(await maria.run("action_after_identification"))
    async with shop.read() as session:
        assert not await session.scalar(select(func.count()).where(Identity.customer_id.is_not(None)))
