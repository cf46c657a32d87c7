"""Answers are changed to the word; the rest of the file stays as somebody wrote it."""

import shutil
from pathlib import Path

import pytest
import yaml

from bot.studio.changes import Refused
from bot.studio.channel_previews import previews
from bot.studio.editing import Editing
from bot.studio.files import TrainingFiles
from bot.studio.responses import Responses, lost_variables, read
from core.settings import ROOT
from tests.studio.conftest import VERA, Office, changed_lines
from tests.studio.test_intent_pages import agrees


class Desk:
    """A domain to be changed."""

    def __init__(self, root: Path) -> None:
        self.domain = root / "domain.yml"
        shutil.copy(ROOT / "domain.yml", self.domain)
        files = TrainingFiles(root, root / "lock")
        self.editing, self.responses = Editing(files.editor), Responses(files)

    def change(self, name: str, **texts: str) -> list[str]:
        by_place = {int(at.removeprefix("at")): text for at, text in texts.items()}
        self.editing.save(lambda c: self.responses.change(c, name, by_place), "try", VERA)
        return changed_lines(ROOT / "domain.yml", self.domain)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_every_answer_of_the_product_is_read_in_both_languages(desk: Desk) -> None:
    found = desk.responses.all()
    entries = yaml.safe_load(desk.domain.read_text(encoding="utf-8"))["responses"]
    assert {one.name for one in found} == entries.keys()
    for one in found:
        assert {said.language for said in one.said} >= {"ru", "en"}
    greet = next(one for one in found if one.name == "utter_greet")
    assert greet.said[1].buttons[0] == ("Where is my order?", "track_order")


@pytest.mark.parametrize(
    "text",
    [
        "Просто текст.",
        "С двоеточием: вот так",
        "# не комментарий",
        'С "кавычками" и \\ чертой',
        "- не список",
        "да",
        "12",
        "Две\nстроки",
        "Абзац\n\n  с отступом: «и кавычками»\n# и решёткой",
        "  пробелы по краям  ",
        "*звёздочка* и & и ! и % и @",
        "emoji 🙂 и \u00a0 пробел",
    ],
)
def test_any_text_is_kept_as_it_is_written(desk: Desk, text: str) -> None:
    for name in ("utter_greet_shortly", "utter_capabilities"):
        before = yaml.safe_load(desk.domain.read_text(encoding="utf-8"))
        desk.change(name, at0=text)
        after = yaml.safe_load(desk.domain.read_text(encoding="utf-8"))
        assert after["responses"][name][0]["text"] == "\n".join(x.rstrip() for x in text.strip().split("\n"))
        after["responses"][name][0]["text"] = before["responses"][name][0]["text"]
        assert after == before


def test_one_word_is_one_line(desk: Desk) -> None:
    lines = desk.change("utter_greet_shortly", at0="Добрый день!", at1="Hi!")
    assert {line for line in lines if "condition" not in line} == {
        "-    - text: Здравствуйте!", "+    - text: Добрый день!", "-      text: Hello!", "+      text: Hi!",
    }  # fmt: skip


def test_an_anchor_that_others_use_survives(desk: Desk) -> None:
    desk.change("utter_greet", at1="Hi! How can I help?")
    assert "condition: &english" in desk.domain.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Здравствуйте, {nmae}!", "unknown_variable"),
        ("Здравствуйте, {name!", "stray_brace"),
        ("Здравствуйте, {}!", "stray_brace"),
        ("  \n ", "answer_missing"),
        ("а" * 4001, "answer_long"),
    ],
)
def test_what_could_not_be_said_is_refused(desk: Desk, text: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        desk.change("utter_greet_by_name", at0=text)
    assert desk.domain.read_bytes() == (ROOT / "domain.yml").read_bytes()


def test_a_variable_that_is_no_longer_said_is_noted() -> None:
    domain = (ROOT / "domain.yml").read_text(encoding="utf-8")
    greet = next(one for one in read(domain) if one.name == "utter_greet_by_name")
    assert lost_variables(greet, {0: "Здравствуйте! Чем могу помочь?"}) == ["name"]
    assert lost_variables(greet, {0: "Привет, {name}!"}) == []


def test_every_messenger_shows_it_in_its_own_way() -> None:
    titles = ["Где мой заказ?", "Что вы умеете делать прямо здесь?"]
    seen = {one.channel: one for one in previews("Цена <b>5</b> & 6. " * 60, titles, "ru")}
    assert len(seen["telegram"].messages) == 1
    assert "&lt;b&gt;5&lt;/b&gt; &amp; 6" in (seen["telegram"].messages[0].sent or "")
    assert seen["telegram"].messages[0].rows == [[titles[0]], [titles[1]]]
    assert len(seen["sms"].messages) > 1
    assert all(one.size <= 670 for one in seen["sms"].messages)
    assert seen["sms"].messages[-1].rows == []
    assert titles[1] not in seen["sms"].messages[-1].text  # nobody can answer there
    assert "2. Что вы умеете делать прямо здесь?" in seen["email"].messages[-1].text
    assert seen["whatsapp"].messages[-1].rows == []  # a title is longer than twenty characters
    assert seen["webchat"].messages[0].sent is None


async def test_an_answer_is_found_seen_and_changed_on_the_page(office: Office) -> None:
    _, page = await office.get("/studio/answers?q=виртуальная помощница")
    assert "/studio/answers/utter_greet" in page
    _, page = await office.get("/studio/answers/utter_greet_by_name")
    assert "<code>{name}</code>" in page
    assert "«Где мой заказ?» → Где мой заказ" in page
    _, part = await office.post(
        "/studio/answers/utter_greet_by_name/preview", at="0", text_0="Привет, <i>{name}</i> и {nmae}!"
    )
    assert "не знает" in part
    assert "{nmae}" in part
    assert "Привет, &lt;i&gt;Анна&lt;/i&gt;" in part
    form = {"text_0": "Рада видеть вас, {name}!", "text_1": "Good to see you!"}
    page = await agrees(office, "/studio/answers/utter_greet_by_name", **form)
    assert "больше нет: {name}" in page
    _, page = await office.get("/studio/answers/utter_greet_by_name")
    assert "Рада видеть вас, {name}!" in page
    status, page = await office.post("/studio/answers/utter_greet_by_name", text_0="{oops}")
    assert status == 409
    assert (await office.get("/studio/answers/utter_nothing"))[0] == 404
    await office.logs_in("anna")
    assert (await office.post("/studio/answers/utter_greet_by_name", **form))[0] == 403
