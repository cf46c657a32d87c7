"""From a customer's messenger through the whole gateway and back."""

import asyncio
from functools import partial

import pytest
from sqlalchemy.exc import OperationalError

from bot.channels.inbound import Inbound
from crm_bridge.models import MessageState
from tests.channels.conftest import ADDRESSES
from tests.channels.shop import Shop, until
from tests.fakes.messengers import FakeProvider, Messengers
from tests.gateway.conftest import ScriptedEngine

YES_NO = [{"title": "Да", "payload": '/affirm{"order": "1001"}'}, {"title": "Нет", "payload": "/deny"}]
WRITES = ["telegram", "max", "vk", "whatsapp", "viber"]


async def test_a_question_is_answered_in_the_messenger_it_came_from(
    shop: Shop, engine: ScriptedEngine, messengers: Messengers
) -> None:
    people = [messengers.all[name].person(ADDRESSES[name]) for name in WRITES]
    await asyncio.gather(*(person.says("Где мой заказ?") for person in people))
    for person in people:
        assert (await person.hears()).text == "re: Где мой заказ?"
    assert len(engine.asked) == len(WRITES)
    for name in WRITES:
        await until(partial(_is_sent, shop, name))
        asked, answered = await shop.log(name)
        assert asked.state is MessageState.RECEIVED
        assert answered.reply_to == asked.id


async def _is_sent(shop: Shop, name: str) -> bool:
    return (await shop.log(name))[-1].state is MessageState.SENT


async def test_what_comes_twice_is_answered_once(
    shop: Shop, engine: ScriptedEngine, messengers: Messengers
) -> None:
    people = [messengers.all[name].person(ADDRESSES[name]) for name in WRITES]
    for person in people:
        person.provider.fail("dup_webhook")
        await person.says("Где мой заказ?")
    for person in people:
        await person.hears()
        await person.provider.settled()
    assert len(await shop.inbox()) == len(WRITES)
    assert len(engine.asked) == len(WRITES)


async def test_providers_that_limit_and_fail_delay_an_answer_and_do_not_double_it(
    shop: Shop, messengers: Messengers
) -> None:
    people = [messengers.all[name].person(ADDRESSES[name]) for name in WRITES]
    for person in people:
        person.provider.fail("429")
        person.provider.fail("500")
        await person.says("Где мой заказ?")
    for person in people:
        await person.hears()
    for name in WRITES:
        await until(partial(_is_sent, shop, name))
    assert [[heard.text for heard in person.heard] for person in people] == [["re: Где мой заказ?"]] * len(
        WRITES
    )


async def test_a_press_is_understood_and_cannot_be_pressed_twice(
    small_shop: Shop, engine: ScriptedEngine, messengers: Messengers
) -> None:
    question = {"text": "Отменить?", "buttons": YES_NO}
    engine.script = lambda turn: [question if "text" in turn else {"text": "Отменила"}]
    for name in WRITES:
        person = messengers.all[name].person(ADDRESSES[name])
        await person.says("отмените заказ")
        await person.hears()
        await person.presses("Да")
        assert (await person.hears()).text == "Отменила"
        assert engine.asked[-1]["press"] == {"intent": "affirm", "entities": {"order": "1001"}}
        asked = len(engine.asked)
        await person.presses("Нет")
        assert "больше не действует" in (await person.hears()).text
        assert len(engine.asked) == asked
    assert messengers.telegram.answered_presses
    assert messengers.max.answered_presses


async def test_somebody_elses_button_does_nothing(
    small_shop: Shop, engine: ScriptedEngine, messengers: Messengers
) -> None:
    engine.script = lambda turn: [{"text": "Отменить?", "buttons": YES_NO}]
    victim, thief = messengers.telegram.person("42"), messengers.telegram.person("666")
    await victim.says("отмените заказ")
    thief.heard.append(await victim.hears())
    thief._read = 1
    await thief.presses("Да")
    assert "больше не действует" in (await thief.hears()).text
    assert len(engine.asked) == 1


async def test_a_typed_number_is_the_choice_it_stands_for(
    small_shop: Shop, engine: ScriptedEngine, messengers: Messengers
) -> None:
    choices = [{"title": f"Заказ {1000 + n}", "payload": f'/order{{"n": "{n}"}}'} for n in range(1, 15)]
    question = {"text": "Который?", "buttons": choices}
    engine.script = lambda turn: [question if "text" in turn else {"text": "Вот он"}]
    person = messengers.telegram.person("42")
    await person.says("мои заказы")
    assert "14. Заказ 1014" in (await person.hears()).text
    await person.says("14")
    assert (await person.hears()).text == "Вот он"
    assert engine.asked[-1]["press"]["entities"] == {"n": "14"}
    assert (await small_shop.log("telegram"))[2].text == "Заказ 1014"
    await person.says("15")  # no such choice: then it is a text
    await person.hears()
    assert engine.asked[-1]["text"] == "15"


async def test_a_number_under_real_buttons_stays_a_number(
    small_shop: Shop, engine: ScriptedEngine, messengers: Messengers
) -> None:
    engine.script = lambda turn: [{"text": "Сколько штук?", "buttons": YES_NO}]
    person = messengers.telegram.person("42")
    for text in ("хочу заказать", "2"):
        await person.says(text)
        await person.hears()
    assert engine.asked[-1]["text"] == "2"


async def test_photos_and_papers_are_kept_and_reach_the_dialogue(
    shop: Shop, engine: ScriptedEngine, messengers: Messengers
) -> None:
    telegram, whatsapp = messengers.telegram, messengers.whatsapp
    telegram.files["broken-cup"] = b"\xff\xd8\xff" + bytes(100)
    whatsapp.media["777"] = b"%PDF-1.7 receipt"
    engine.script = lambda turn: [{"text": f"{turn.get('press', {}).get('intent')} {turn.get('text')}"}]
    first, second = telegram.person("42"), whatsapp.person(ADDRESSES["whatsapp"])
    sizes = [{"file_id": "small", "width": 90}, {"file_id": "broken-cup", "width": 1280, "file_size": 103}]
    await first.does(telegram.update(message=telegram.message(first, photo=sizes)))
    paper = {"id": "777", "filename": "чек.pdf", "mime_type": "application/pdf", "caption": "Вот чек"}
    await second.does(whatsapp.message_event(second, "document", paper))
    assert (await first.hears()).text == "send_file None"
    assert (await second.hears()).text == "None Вот чек"
    told = {turn["conversation_id"]: turn["metadata"]["attachments"] for turn in engine.asked}
    names = {name: (await shop.conversation(name)).id for name in ("telegram", "whatsapp")}
    assert [file["type"] for file in told[names["telegram"]]] == ["image/jpeg"]
    assert [file["name"] for file in told[names["whatsapp"]]] == ["чек.pdf"]

    async def kept() -> bool:
        logs = [(await shop.log(name))[0] for name in ("telegram", "whatsapp")]
        return all("id" in log.details["files"][0] for log in logs)  # type: ignore[index]

    await until(kept)
    photo, receipt = [(await shop.log(name))[0] for name in ("telegram", "whatsapp")]
    assert photo.text == "Фото"
    assert photo.details["files"][0]["type"] == "image/jpeg"  # type: ignore[index]
    kept_as = {"kind": "document", "file": "777", "name": "чек.pdf", "type": "application/pdf", "size": 16}
    assert kept_as.items() <= receipt.details["files"][0].items()  # type: ignore[index]


async def test_a_file_that_is_gone_is_noted_and_nothing_else_breaks(
    small_shop: Shop, messengers: Messengers
) -> None:
    telegram = messengers.telegram
    person = telegram.person("42")
    document = {"file_id": "gone", "file_name": "чек.pdf"}
    await person.does(telegram.update(message=telegram.message(person, document=document)))
    await person.hears()

    async def noted() -> bool:
        return bool((await small_shop.log("telegram"))[0].details["files"][0].get("missing"))  # type: ignore[index]

    await until(noted)


async def test_a_corrected_question_is_answered_anew(
    small_shop: Shop, engine: ScriptedEngine, messengers: Messengers
) -> None:
    telegram = messengers.telegram
    person = telegram.person("42")
    wrong = telegram.message(person, text="где заказ 1010")
    await person.does(telegram.update(message=wrong))
    await person.hears()
    await person.does(telegram.update(edited_message=wrong | {"text": "где заказ 1001", "edit_date": 1}))
    assert (await person.hears()).text == "re: где заказ 1001"
    await person.says("спасибо")
    await person.hears()
    await person.does(telegram.update(edited_message=wrong | {"text": "где заказ 1002", "edit_date": 2}))

    await person.says("и ещё")
    await person.hears()
    assert [turn["text"] for turn in engine.asked] == ["где заказ 1010", "где заказ 1001", "спасибо", "и ещё"]
    texts = [message.text for message in await small_shop.log("telegram")]
    assert "Исправлено: где заказ 1002" in texts


async def test_while_people_own_the_dialogue_the_bot_says_nothing_of_its_own(
    small_shop: Shop, engine: ScriptedEngine, messengers: Messengers
) -> None:
    telegram = messengers.telegram
    person = telegram.person("42")
    await person.says("привет")
    await person.hears()
    conversation = await small_shop.conversation("telegram")
    async with small_shop.gateway.db.write() as session:
        await small_shop.gateway.ownership.take(session, conversation.id, conversation.epoch, agent_id=1)
    place = {"latitude": 55.75, "longitude": 37.61}
    await person.does(telegram.update(message=telegram.message(person, location=place)))
    await person.says("стоп")
    await person.says("вы тут?")

    async def logged() -> bool:
        return (await small_shop.log("telegram"))[-1].text == "вы тут?"

    await until(logged)
    assert [message.text for message in await small_shop.log("telegram")][2:] == [
        "Место на карте: 55.75000, 37.61000",
        "стоп",
        "вы тут?",
    ]
    assert len(person.heard) == 1


async def test_receipts_are_folded_into_the_log(small_shop: Shop, messengers: Messengers) -> None:
    whatsapp = messengers.whatsapp
    person = whatsapp.person(ADDRESSES["whatsapp"])
    await person.says("привет")
    ref = (await person.hears()).ref
    for status in ("read", "delivered", "sent"):  # in the wrong order, as they do come
        await person.does(whatsapp.status_event(person, ref, status))

    async def read() -> bool:
        return (await small_shop.log("whatsapp"))[-1].state is MessageState.READ

    await until(read)
    await whatsapp.settled()
    await until(lambda: _all_processed(small_shop))
    assert (await small_shop.log("whatsapp"))[-1].state is MessageState.READ


async def _all_processed(shop: Shop) -> bool:
    return all(row.processed_at is not None for row in await shop.inbox())


async def test_viber_welcomes_who_opens_the_chat_and_says_no_more_than_that(
    small_shop: Shop, engine: ScriptedEngine, messengers: Messengers
) -> None:
    viber = messengers.viber
    event = viber.event(
        "conversation_started",
        type="open",
        context="",
        subscribed=False,
        user={"id": "01234567890A=", "name": "Пётр", "language": "en"},
    )
    body = viber.body(event)
    async with small_shop.http.post(viber.hook, data=body, headers=viber.sign(body)) as answer:
        welcome = await answer.json()
    assert welcome["text"].startswith("Hello!")
    assert "receiver" not in welcome
    await until(lambda: _all_processed(small_shop))
    assert not engine.asked


@pytest.mark.parametrize("name", WRITES)
async def test_a_stranger_at_the_door(small_shop: Shop, messengers: Messengers, name: str) -> None:
    provider: FakeProvider = messengers.all[name]
    event = provider.text_event(provider.person(ADDRESSES[name]), "Отмените заказ")
    if name == "vk":
        event["secret"] = "guess"
    async with small_shop.http.post(provider.hook, data=provider.body(event)) as answer:
        assert answer.status == 403
    async with small_shop.http.post(f"{small_shop.url}/hooks/{name}/other", data=b"{}") as answer:
        assert answer.status == 404
    assert not await small_shop.inbox()


async def test_while_the_database_is_away_nothing_is_accepted_and_nothing_is_lost(
    small_shop: Shop, messengers: Messengers, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept = small_shop.gateway.inbox.accept_all
    refusals = []

    async def away(events: list[Inbound]) -> int:
        refusals.append(events)
        if len(refusals) < 3:
            raise OperationalError("INSERT", {}, Exception("away"))
        return await accept(events)

    monkeypatch.setattr(small_shop.gateway.inbox, "accept_all", away)
    person = messengers.telegram.person("42")
    await person.says("привет")
    assert (await person.hears()).text == "re: привет"
    assert len(refusals) == 3


async def test_a_batch_of_events_is_stored_whole(
    shop: Shop, engine: ScriptedEngine, messengers: Messengers
) -> None:
    whatsapp = messengers.whatsapp
    person = whatsapp.person(ADDRESSES["whatsapp"])
    events = [whatsapp.text_event(person, text) for text in ("раз", "два", "три")]
    whole = {"object": "whatsapp_business_account", "entry": [each["entry"][0] for each in events]}
    await person.does(whole)
    await person.does(whole)
    await whatsapp.settled()
    await until(lambda: _all_processed(shop))
    assert [turn["text"] for turn in engine.asked] == ["раз", "два", "три"]
