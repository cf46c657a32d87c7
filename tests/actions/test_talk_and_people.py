"""Small talk, clarifying once, people, and the truth when something fails."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.db import Database
from tests.actions.chat import DOMAIN, Chat, read
from tests.actions.conftest import Open


async def test_greeting_by_name_when_it_is_known(chats: Open) -> None:
    maria, stranger = await chats("demo-1001"), await chats(language="en")
    assert read(await maria.run("action_greet", "привет", "greet")) == "Здравствуйте, Мария! Чем могу помочь?"
    assert read(await stranger.run("action_greet", "hi", "greet")).startswith("Hello! I am Zabota")


async def test_a_greeting_needs_no_database(chats: Open, shop: Database, engine: Any) -> None:
    lost = Chat(engine, "no-such-conversation")
    assert read(await lost.run("action_greet", "привет", "greet")).startswith("Здравствуйте!")


async def test_not_understood_is_clarified_with_the_likeliest_and_then_people_help(chats: Open) -> None:
    chat = await chats()
    ranking = [("return_item", 0.31), ("greet", 0.2), ("track_refund", 0.15), ("promo_code", 0.02)]
    [asked] = await chat.run("action_clarify", "это самое", ranking=ranking)
    assert asked.text.startswith("Не уверена, что поняла вас правильно.")
    assert asked.buttons == {
        "Вернуть или обменять": "/return_item",
        "Когда вернут деньги": "/track_refund",
        "Позвать сотрудника": "/human_agent",
    }
    [handed] = await chat.run("action_clarify", "ну это", ranking=ranking)
    assert handed.custom == {"handoff": {"reason": "not_understood"}}
    assert chat.slots["misunderstood"] == 0


async def test_one_likely_meaning_can_be_confirmed_with_a_yes(chats: Open) -> None:
    chat = await chats(language="en")
    [asked] = await chat.run("action_clarify", "my thing", ranking=[("return_item", 0.4)])
    assert asked.text == 'I\'m not sure I understood. Do you mean "Return or exchange"?'
    await chat.run("action_affirm", "yes", "affirm")
    assert chat.slots["pending_request"]["action"] == "action_return_item"


async def test_what_is_clearly_something_else_gets_no_odd_guesses(chats: Open) -> None:
    chat = await chats()
    [reply] = await chat.run(
        "action_clarify", "кто выиграет матч", ranking=[("out_of_scope", 0.9), ("return_item", 0.1)]
    )
    assert reply.response == "utter_out_of_scope"


async def test_a_bare_number_is_an_order(chats: Open) -> None:
    maria = await chats("demo-1001")
    assert "Заказ 1001" in read(await maria.run("action_clarify", "1001", order_id="1001"))


@pytest.mark.parametrize(
    ("text", "ranking", "said"),
    [
        ("а когда привезут?", [("delivery_period", 0.4), ("track_order", 0.3)], "Заказ 1007 в пути"),
        ("а почему так долго?", [("delivery_delay", 0.5)], "заказ 1007 задерживается"),
    ],
)
async def test_a_short_question_leans_on_the_order_spoken_about(
    chats: Open, text: str, ranking: list[tuple[str, float]], said: str
) -> None:
    dmitry = await chats("demo-1006")
    assert "Не уверен" in read(await dmitry.run("action_clarify", text, ranking=ranking))
    await dmitry.ask("action_track_order", "где заказ 1007", order_id="1007")
    assert said in read(await dmitry.run("action_clarify", text, ranking=ranking))


async def test_a_number_of_ones_own_is_found_in_a_short_message(chats: Open) -> None:
    dmitry = await chats("demo-1006")
    said = read(await dmitry.run("action_clarify", "где 1008", ranking=[("track_order", 0.3)]))
    assert said.startswith("Заказ 1008")


async def test_nothing_likely_is_asked_openly(chats: Open) -> None:
    chat = await chats()
    [reply] = await chat.run("action_clarify", "ну и что теперь", ranking=[("product_advice", 0.12)])
    assert reply.response == "utter_rephrase"


async def test_yes_does_what_was_offered_and_otherwise_asks(chats: Open) -> None:
    peter = await chats("demo-1002")
    assert "с чем помочь" in read(await peter.run("action_affirm", "да", "affirm"))
    await peter.ask("action_delivery_delay", "почему так долго", "delivery_delay")
    [reply] = await peter.run("action_affirm", "да", "affirm")
    assert reply.custom == {"handoff": {"reason": "requested"}}


async def test_a_yes_to_what_a_form_offered_that_is_over(chats: Open) -> None:
    stranger = await chats()
    stranger.slots["offer"] = "resend_code"
    assert await stranger.says("да", "affirm") == "Хорошо. Подскажите, пожалуйста, с чем помочь?"
    assert stranger.slots["offer"] in (None, "nothing")


async def test_a_complaint_is_apologised_for_and_handed_over(chats: Open) -> None:
    chat = await chats()
    [reply] = await chat.run("action_complaint", "ужасно", "complaint")
    assert "жаль" in reply.text
    assert reply.custom == {"handoff": {"reason": "complaint"}}


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("action", ["action_track_order", "action_delivery_delay", "action_list_orders"])
async def test_a_failing_database_is_told_truthfully(
    chats: Open,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    action: str,
    language: str,
) -> None:
    maria = await chats("demo-1001", language)

    async def break_down(*_: Any, **__: Any) -> None:
        raise OSError("disk of Мария Соколова, +79000001001")

    monkeypatch.setattr("crm_bridge.orders.Orders.of_customer", break_down)
    [reply] = await maria.run(action, "где мой заказ", "track_order")
    assert reply.response == "utter_action_failed"
    assert list(reply.buttons.values()) == ["/human_agent"]
    logged = "".join(capfd.readouterr())
    assert "Соколова" not in logged
    assert "+7900" not in logged


@pytest.mark.parametrize("action_timeout", [timedelta(seconds=2)])
async def test_what_takes_too_long_is_given_up(
    chats: Open, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    maria = await chats("demo-1001")
    given_up = asyncio.Event()

    async def dawdle(*_: Any, **__: Any) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            given_up.set()

    monkeypatch.setattr("crm_bridge.orders.Orders.of_customer", dawdle)
    async with asyncio.timeout(30):
        [reply] = await maria.run("action_track_order", "где мой заказ", "track_order")
    assert reply.response == "utter_action_failed"
    assert given_up.is_set()


async def test_an_unknown_conversation_learns_nothing(engine: Any, shop: Database) -> None:
    stray = Chat(engine, "no-such-conversation")
    assert read(await stray.run("action_track_order", "где заказ 1001", order_id="1001")).startswith(
        "Простите"
    )


def test_every_response_is_there_in_both_languages() -> None:
    for name, variations in DOMAIN["responses"].items():
        russian = [one for one in variations if not one.get("condition")]
        english = [one for one in variations if one.get("condition")]
        assert (len(russian), len(english)) == (1, 1), name
        titles = [len(one.get("buttons", [])) for one in (*russian, *english)]
        assert len(set(titles)) == 1, name
