"""An administrator looks after intents on the page."""

import re
import subprocess
from datetime import timedelta

import pytest

from bot.studio.deeds import told
from bot.studio.files import Example
from bot.studio.overview import overview
from bot.studio.traffic import traffic
from crm_bridge.models import Message
from tests.studio.conftest import Office, Town

FORM = {
    "name": "engraving", "ru": "Да, гравируем.", "en": "Yes, we engrave.",
    "examples_ru": "делаете гравировку?\r\nгравировка на часах",
    "examples_en": "do you engrave?\r\nengrave my watch",
}  # fmt: skip


def version_of(page: str) -> str:
    found = re.search(r'name="version" value="(\w+)"', page)
    assert found, page
    return found[1]


async def agrees(office: Office, path: str, **form: str) -> str:
    """See the changes, save them; the page of the preview."""
    status, page = await office.post(path, **form)
    assert status == 200, page
    status, _ = await office.post(path, **form, version=version_of(page))
    assert status == 303
    return page


async def test_an_intent_is_made_looked_at_renamed_and_taken_back(office: Office) -> None:
    def git(*arguments: str) -> str:
        return subprocess.check_output(["git", "-C", str(office.project), *arguments], text=True).strip()

    git("init", "--quiet")
    git("add", ".")
    git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "as it was")
    status, page = await office.post("/studio/intents", **FORM | {"en": ""})
    assert (status, "Нужны ответы на обоих языках." in page) == (409, True)
    page = await agrees(office, "/studio/intents", **FORM)
    assert "data/rules/studio.yml" in page
    assert '<span class="plus">+  - engraving' in page
    assert git("log", "-1", "--format=%an|%s") == "Vera|Studio: new intent engraving"
    status, page = await office.get("/studio/intents/engraving")
    assert status == 200
    assert "гравировка на часах" in page
    assert "добавьте ещё 8" in page
    await agrees(office, "/studio/intents/engraving/rename", new="laser_work")
    assert (await office.get("/studio/intents/engraving"))[0] == 404
    _, page = await office.get("/studio/history")
    assert "Новая тема «engraving»" in page
    assert "Тема engraving теперь называется laser_work" in page
    commit = re.search(r'name="commit" value="(\w+)"', page)
    assert commit
    assert (await office.post("/studio/history/undo", commit=commit[1]))[0] == 303
    assert (await office.get("/studio/intents/engraving"))[0] == 200
    assert git("status", "--porcelain") == ""


async def test_what_the_program_relies_on_is_named_in_the_refusal(office: Office) -> None:
    status, page = await office.post("/studio/intents/track_refund/rename", new="refund_status")
    assert status == 409
    assert "На эту тему опирается программа" in page
    assert "actions/refunds.py:" in page


async def test_examples_stand_beside_those_of_other_intents_that_are_like_them(office: Office) -> None:
    _, page = await office.get("/studio/intents/track_refund?q=деньги")
    assert re.search(r'<a href="/studio/intents/\w+">[^<]+</a>: «.*<mark>', page)
    assert '<input type="checkbox" name="example" value="ru:' in page
    _, page = await office.get("/studio/intents/track_refund?q=такого_нет")
    assert "Ничего не найдено" in page


async def test_a_contradiction_is_settled_on_the_page(office: Office) -> None:
    path = office.project / "data/nlu/ru/feedback.yml"
    path.write_text(
        path.read_text(encoding="utf-8").replace(
            "    - хочу пожаловаться на курьера\n", "    - Есть самовывоз!\n", 1
        ),
        encoding="utf-8",
    )
    _, page = await office.get("/studio/intents")
    assert "Одно и то же стоит в разных темах" in page
    form = {"language": "ru", "text": "есть самовывоз?", "intent": "complaint", "keep": "delivery_options"}
    page = await agrees(office, "/studio/intents/mend", **form)
    assert '<span class="minus">-    - Есть самовывоз!' in page
    _, page = await office.get("/studio/intents")
    assert "Одно и то же стоит в разных темах" not in page


async def test_personal_data_in_an_example_is_replaced_by_zeros(office: Office) -> None:
    path = office.project / "data/nlu/ru/delivery.yml"
    path.write_text(
        path.read_text(encoding="utf-8") + "    - везите, телефон +7 916 234-56-78\n", encoding="utf-8"
    )
    intent = re.findall(r"- intent: (\w+)", path.read_text(encoding="utf-8"))[-1]
    _, page = await office.get("/studio/intents")
    assert "Личные данные" in page
    form = {"language": "ru", "text": "везите, телефон +7 916 234-56-78", "intent": intent, "clean": "1"}
    await agrees(office, "/studio/intents/mend", **form)
    assert "+7 900 000-00-00" in path.read_text(encoding="utf-8")
    assert "916" not in path.read_text(encoding="utf-8")


async def test_a_preview_of_yesterday_is_shown_anew(office: Office) -> None:
    _, page = await office.post("/studio/intents", **FORM)
    with (office.project / "domain.yml").open("a", encoding="utf-8") as file:
        file.write("# by hand\n")
    status, again = await office.post("/studio/intents", **FORM, version=version_of(page))
    assert status == 409
    assert "изменил кто-то другой" in again
    assert version_of(again) != version_of(page)
    assert (await office.post("/studio/intents", **FORM, version=version_of(again)))[0] == 303


async def test_traffic_is_counted_by_week(town: Town) -> None:
    now = town.clock.now()
    for weeks, count, intent in (
        (6, 3, "track_order"),
        (1, 1, "track_order"),
        (0, 3, "complaint"),
        (30, 9, "greet"),
    ):
        for n in range(count):
            said = await town.says("слова", who=f"{weeks}-{n}", intent=intent)
            async with town.db.write() as session:
                message = await session.get_one(Message, said)
                message.created_at = now - timedelta(weeks=weeks)
    async with town.db.read() as session:
        found = await traffic(session, now + timedelta(seconds=1))
    assert found.keys() == {"track_order", "complaint"}
    assert found["track_order"].share == pytest.approx(4 / 7)
    assert found["track_order"].weeks == [0, 1, 0, 0, 0, 0, 1, 0]
    assert found["complaint"].weeks == [0, 0, 0, 0, 0, 0, 0, 1]
    assert found["complaint"].change > 0


def test_every_weakness_comes_with_what_to_do() -> None:
    examples = [Example(language, "mixed", f"{language} {n}") for language in ("ru", "en") for n in range(12)]
    examples += [Example("ru", "thin", "раз"), Example("en", "thin", "one")]
    comparison = {
        "intents": [{"intent": "mixed", "rows": 20, "new": 0.6, "precision": 0.5}],
        "confusions": [
            {"truth": "mixed", "taken": "thin", "count": 6}, {"truth": "thin", "taken": "mixed", "count": 2},
        ],
    }  # fmt: skip
    facts = {one.name: one for one in overview(["mixed", "thin"], examples, comparison)}
    assert [one.key for one in facts["mixed"].advice] == ["intents.mixed", "intents.greedy"]
    assert facts["mixed"].advice[0].values == {"other": "thin", "count": 6, "rows": 20}
    assert [one.key for one in facts["thin"].advice] == [
        "intents.thin.ru", "intents.thin.en", "intents.unmeasured",
    ]  # fmt: skip


async def test_only_administrators_change_intents(office: Office) -> None:
    await office.logs_in("anna")
    for path in ("/studio/intents", "/studio/intents/engraving/rename", "/studio/history/undo"):
        assert (await office.post(path, **FORM))[0] == 403


@pytest.mark.parametrize(
    ("words", "russian"),
    [
        ("6 examples added, 0 removed", "Решения из входящих: примеров добавлено 6, убрано 0"),
        ("3 examples of complaint are gone", "Из темы «Пожаловаться» убрано примеров: 3"),
        (
            "3 examples of complaint are praise",
            "Из темы «Пожаловаться» в «Сказать спасибо» перенесено примеров: 3",
        ),
        ("laser_work out of complaint", "Тема «laser_work» выделена из «Пожаловаться»"),
        ("no article gift-wrap", "Убрана статья gift-wrap"),
        ("undo 1d860b75", "Отмена записи 1d860b75"),
        ("something by hand", "something by hand"),
    ],
)
def test_the_history_speaks_the_readers_language(words: str, russian: str) -> None:
    assert told(f"Studio: {words}", "ru") == russian
