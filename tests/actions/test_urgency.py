"""What cannot wait: despair, danger, the law, and customers who are upset time and again."""

from datetime import timedelta
from typing import Any

import pytest

from actions.alarms import Alarm, alarms
from core.clock import ManualClock
from tests.actions.chat import Chat
from tests.actions.conftest import Open

ALARMS = {
    Alarm.DISTRESS: [
        "не хочу жить",
        "Мне уже жить не хочется, всё плохо",
        "лучше умереть чем так",
        "I want to die",
        "I don’t want to live anymore",
        "сил нет, покончу с собой",
    ],
    Alarm.DANGER: [
        "чайник искрит!",
        "меня ударило током от вашего утюга",
        "из розетки пошёл дым",
        "мультиварка загорелась",
        "пахнет гарью из пылесоса",
        "the kettle gave me an electric shock",
        "your lamp caught fire",
        "it started smoking and there's a burning smell",
        "взорвалась батарея",
    ],
    Alarm.LEGAL: [
        "подам на вас в суд",
        "напишу в Роспотребнадзор",
        "жалоба уже в прокуратуре",
        "мой юрист свяжется с вами",
        "вот досудебная претензия",
        "I'll take you to court",
        "my lawyer will write to you",
        "reporting you to trading standards",
    ],
}
HARMLESS = [
    "хочу жить в тёплом доме, какой плед взять",
    "загорелась лампочка на кофемашине",
    "на пылесосе загорелся красный индикатор",
    "есть посуда и сосуды для специй?",
    "пришлите юридический адрес",
    "судя по трекингу, посылка в Самаре",
    "посоветуйте адвоката по разводам",
    "какой закон действует для возврата",
    "я умираю от смеха",
    "do you sell smoke detectors",
    "Kindle Fire case",
    "anything that can't be sent back by law?",
    "where is my parcel",
    "у лампы тёплый свет?",
    "гирлянда не горит",
]


def test_alarms_are_recognised() -> None:
    for alarm, texts in ALARMS.items():
        assert {text: alarms.find(text) for text in texts} == dict.fromkeys(texts, alarm)


def test_ordinary_words_raise_no_alarm() -> None:
    assert {text: alarms.find(text) for text in HARMLESS} == dict.fromkeys(HARMLESS)


def handoff(chat: Chat) -> list[dict[str, Any]]:
    return [reply.custom["handoff"] for reply in chat.said if "handoff" in reply.custom]


async def test_danger_advises_first_and_calls_a_person_in_the_middle_of_anything(chats: Open) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("запишите на ремонт", "book_appointment")
    said = await dmitry.says("ой, он искрит и пахнет гарью", "out_of_scope")
    assert said.startswith("Главное — ваша безопасность.")
    assert "звоните 112" in said
    assert handoff(dmitry) == [{"reason": "danger", "urgent": True}]
    assert dmitry.form is None
    assert dmitry.slots["tasks"] is None


@pytest.mark.parametrize(
    ("ref", "language", "call", "listen"),
    [
        ("demo-1001", "ru", "112", "8 495 989-50-50"),
        ("demo-1003", "en", "999", "116 123"),
        (None, "en", "112", "+7 495 989-50-50"),
    ],
)
async def test_distress_gets_a_careful_answer_with_the_numbers_of_the_country(
    chats: Open, ref: str | None, language: str, call: str, listen: str
) -> None:
    chat = await chats(ref, language)
    text = "не хочу жить" if language == "ru" else "I want to die"
    said = await chat.says(text, "chitchat")
    assert call in said
    assert listen in said
    assert handoff(chat) == [{"reason": "distress", "urgent": True}]


async def test_distress_is_answered_without_the_database(engine: Any) -> None:
    lost = Chat(engine, "no-such-conversation")
    assert "112" in await lost.says("не хочу жить", "chitchat")


async def test_the_law_is_for_people(chats: Open) -> None:
    maria = await chats("demo-1001")
    await maria.says("если не вернёте деньги, подам в суд", "track_refund")
    assert handoff(maria) == [{"reason": "legal", "urgent": True}]


async def test_one_bitter_word_is_served_the_second_calls_a_person(chats: Open) -> None:
    maria = await chats("demo-1001")
    maria.tone = -0.9
    assert "Заказ 1001" in await maria.says("ужас, где мой заказ?!", "track_order")
    assert handoff(maria) == []
    await maria.says("безобразие, почему так долго?!", "delivery_delay")
    assert handoff(maria) == [{"reason": "upset"}]


async def test_a_bitter_word_that_is_not_understood_calls_a_person(chats: Open) -> None:
    chat = await chats()
    chat.tone = -0.9
    await chat.says("позорище какое", "out_of_scope")
    assert handoff(chat) == [{"reason": "upset"}]


async def test_one_message_that_needs_two_actions_counts_once(chats: Open) -> None:
    stranger = await chats()
    stranger.tone = -0.9
    said = await stranger.ask("action_track_order", "ужас, где мой заказ", "track_order")
    assert said[-1].response == "utter_ask_contact"


async def test_at_night_every_handoff_says_when_people_return(chats: Open, clock: ManualClock) -> None:
    chat = await chats()
    await chat.says("оператора", "human_agent")
    assert "вернутся" not in chat.said[-1].text
    clock.advance(timedelta(hours=11))  # 23:00 in Moscow
    said = await chat.says("оператора", "human_agent")
    assert "Они вернутся завтра в 10:00 (время: Москва)" in said
    assert handoff(chat) == [{"reason": "requested"}]
    english = await chats("demo-1003", "en")
    said = await english.says("my lawyer will write to you", "complaint")
    assert "They will be back tomorrow at 10:00 (Moscow time)" in said


async def test_on_a_holiday_people_return_the_day_after(chats: Open, clock: ManualClock) -> None:
    clock.advance(timedelta(days=42))  # 1 January, a day off like the next one
    chat = await chats()
    assert "Они вернутся 3 января в 10:00" in await chat.says("человека!", "human_agent")
