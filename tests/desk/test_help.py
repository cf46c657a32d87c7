"""Help for who answers: what happened, what one might say, ready answers, teaching the assistant."""

import json

import pytest
from sqlalchemy import select

from bot.desk.canned import Answer, Canned
from bot.desk.suggestions import suggest
from bot.desk.summary import summarise
from bot.studio.tables import Sample
from core.clock import ManualClock
from core.settings import ROOT
from tests.desk.conftest import Browser, Console


@pytest.mark.parametrize(
    ("text", "values", "filled"),
    [
        ("Здравствуйте, {name}!", {"name": "Мария"}, "Здравствуйте, Мария!"),
        ("Здравствуйте, {name}!", {}, "Здравствуйте!"),
        ("Заказ {order} в пути", {"order": "1001"}, "Заказ 1001 в пути"),
        ("{unknown} {name.__class__}", {"name": "x"}, "{unknown} {name.__class__}"),
    ],
)
def test_variables_are_filled_in_and_nothing_else(text: str, values: dict[str, str], filled: str) -> None:
    assert Answer("x", "ru", "x", text).filled(values) == filled


def test_the_companys_ready_answers_are_whole(clock: ManualClock) -> None:
    answers = Canned(clock, ROOT / "data/canned")._of_file
    assert {one.language for one in answers} == {"ru", "en"}
    assert all(one.title and one.text for one in answers)


async def test_a_summary_says_who_what_and_which_words(console: Console) -> None:
    chat = await console.waiting("Мария", "деньги за заказ списали два раза", "payment_issue", vip=True)
    await console.says(chat, "ну что там?")
    async with console.db.read() as session:
        found = await summarise(session, chat)
    assert (found.who, found.vip, found.topics) == ("Мария Иванова", True, ("payment_issue",))
    assert found.asked == "деньги за заказ списали два раза"
    assert found.last == "ну что там?"


async def test_earlier_answers_to_similar_questions_are_suggested_without_names(
    console: Console, agent: Browser
) -> None:
    before = await console.waiting("Ольга", "меня зовут Ольга, деньги списали дважды", "payment_issue")
    anna = await agent("anna")
    await anna.post(f"/desk/c/{before}/take", epoch="1")
    await anna.post(
        f"/desk/c/{before}/answer", epoch="2", text="Ольга, лишнее списание вернёт банк", client_id="a"
    )
    await console.waiting("Пётр", "где мой курьер", "track_order")
    now = await console.waiting("Мария", "у меня списали деньги дважды!", "payment_issue")
    async with console.db.read() as session:
        found = await suggest(session, now, [], "ru")
    assert [one.conversation_id for one in found] == [before]
    assert "лишнее списание вернёт банк" in found[0].text
    assert "Ольга" not in found[0].text + (found[0].question or "")
    _, page = await anna.get(f"/desk/c/{now}/help")
    assert "лишнее списание" in page
    assert f"/desk/c/{before}" in page, "the source is named"
    assert "similar dialogues read" in await console.audited()


async def test_ready_answers_are_written_changed_and_removed_by_supervisors(
    console: Console, agent: Browser
) -> None:
    chat = await console.waiting("Мария")
    anna, boris = await agent("anna"), await agent("boris")
    form = {"shortcut": "/скидка", "language": "ru", "title": "Скидка", "text": "{name}, скидка ваша."}
    assert (await anna.post("/desk/canned", **form))[0] == 403
    assert (await boris.post("/desk/canned", **form))[0] == 303
    _, listed = await anna.get(f"/desk/canned/list?language=ru&conversation={chat}")
    assert {"shortcut": "скидка", "title": "Скидка", "text": "Мария, скидка ваша."} in json.loads(listed)
    assert (await boris.post("/desk/canned", **(form | {"shortcut": "a b"})))[0] == 422
    assert (await boris.post("/desk/canned", **(form | {"remove": "1"})))[0] == 303
    gone = form | {"shortcut": "привет", "remove": "1"}
    assert (await boris.post("/desk/canned", **gone))[0] == 303, "one of the company's file"
    _, page = await anna.get("/desk/canned")
    assert "/скидка" not in page
    assert "/привет" not in page


async def test_a_corrected_intent_waits_in_the_studio_with_who_said_so(
    console: Console, agent: Browser
) -> None:
    chat = await console.waiting("Мария", "коробка приехала пустой", "track_order")
    anna = await agent("anna")
    _, form = await anna.get(f"/desk/c/{chat}/teach/m{chat}")
    assert "damaged_or_wrong_item" in form
    path = f"/desk/c/{chat}/teach/m{chat}"
    assert (await anna.post(path, intent="no_such_intent"))[0] == 422
    assert (await anna.post(path, intent="damaged_or_wrong_item"))[0] == 200
    async with console.db.read() as session:
        [sample] = await session.scalars(select(Sample))
    assert (sample.suggested, sample.suggested_by) == ("damaged_or_wrong_item", 1)
    assert "intent corrected" in await console.audited()
    other = await console.waiting()
    assert (await anna.get(f"/desk/c/{other}/teach/m{chat}"))[0] == 404, "a message of another dialogue"
