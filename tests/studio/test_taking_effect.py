"""What an administrator saves is used at once, by the assistant and by agents. Nobody restarts anything."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from actions.server import make_app
from bot.studio.articles import FOLDER
from core.clock import ManualClock
from core.db import Database
from core.fresh import Fresh
from core.settings import Settings
from tests.actions.chat import ACTION_OF, Chat, Engine
from tests.studio.conftest import Office
from tests.studio.test_intent_pages import FORM, agrees

ARTICLE = {
    "title_ru": "Гравировка", "questions_ru": "делаете гравировку на кольцах", "text_ru": "Да, от 500 ₽.",
    "title_en": "Engraving", "questions_en": "do you engrave rings", "text_en": "Yes, from 500 ₽.",
}  # fmt: skip
QUESTION = "вы делаете гравировку на кольцах?"


@pytest.fixture
async def chat(office: Office, sqlite: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Chat]:
    """A customer, and the action server that reads the same project as the studio."""
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        var=tmp_path,
        project=office.project,
        actions_secret=SecretStr("secret-of-the-tests"),
        code_pepper=SecretStr("pepper"),
    )
    await office.town.says("здравствуйте", who="guest")
    async with TestServer(make_app(settings, sqlite, clock)) as server, aiohttp.ClientSession() as http:
        yield Chat(Engine(http, str(server.make_url("")).rstrip("/")), office.town.talks["guest"])


async def asked(chat: Chat) -> str:
    return "\n".join(one.text for one in await chat.run(ACTION_OF["out_of_scope"], QUESTION))


async def test_an_article_answers_as_soon_as_it_is_saved(office: Office, chat: Chat) -> None:
    assert "500 ₽" not in await asked(chat)
    await agrees(office, "/studio/knowledge/new", slug="engraving", **ARTICLE)
    assert "Да, от 500 ₽." in await asked(chat)
    await agrees(office, "/studio/knowledge/articles/engraving", **ARTICLE | {"text_ru": "Да, от 700 ₽."})
    assert "Да, от 700 ₽." in await asked(chat)
    await agrees(office, "/studio/knowledge/articles/engraving/drop")
    assert "₽" not in await asked(chat)


async def test_half_a_file_by_hand_changes_nothing_until_it_is_whole(office: Office, chat: Chat) -> None:
    await agrees(office, "/studio/knowledge/new", slug="engraving", **ARTICLE)
    assert "Да, от 500 ₽." in await asked(chat)
    path = office.project / FOLDER / "ru/engraving.md"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole[:20], encoding="utf-8")
    assert "Да, от 500 ₽." in await asked(chat)
    path.write_text(whole.replace("500", "900"), encoding="utf-8")
    assert "Да, от 900 ₽." in await asked(chat)


async def at_the_desk(office: Office, path: str, **form: str) -> tuple[int, str]:
    """What a supervisor sees or does at the desk; then Vera goes on in the studio."""
    await office.logs_in("boris")
    seen = await (office.post(path, **form) if form else office.get(path))
    await office.logs_in("vera")
    return seen


async def test_a_ready_answer_is_at_the_desk_as_soon_as_it_is_saved(office: Office) -> None:
    answer = {"shortcut": "gravirovka", "language": "ru", "title": "Гравировка", "text": "Да, от 500 ₽."}
    assert "500 ₽" not in (await at_the_desk(office, "/desk/canned"))[1]
    await agrees(office, "/studio/knowledge/canned", **answer)
    assert "Да, от 500 ₽." in (await at_the_desk(office, "/desk/canned"))[1]
    await agrees(office, "/studio/knowledge/canned", **answer, remove="1")
    assert "500 ₽" not in (await at_the_desk(office, "/desk/canned"))[1]


async def test_of_desk_and_studio_the_later_word_counts(office: Office) -> None:
    answer = {"shortcut": "gravirovka", "language": "ru", "title": "Гравировка", "text": "Да, от 500 ₽."}
    desk, studio = "/desk/canned", "/studio/knowledge/canned"
    await agrees(office, studio, **answer)
    assert (await at_the_desk(office, desk, **answer | {"text": "Да, от 600 ₽."}))[0] == 303
    _, page = await office.get(studio)
    assert "Да, от 600 ₽." in page
    assert "изменён на рабочем месте" in page
    newer = answer | {"text": "Да, от 700 ₽."}
    await agrees(office, studio, **newer)
    assert "Да, от 700 ₽." in (await at_the_desk(office, desk))[1]
    assert "изменён на рабочем месте" not in (await office.get(studio))[1]
    assert (await at_the_desk(office, desk, **newer, remove="1"))[0] == 303
    assert "700 ₽" not in (await office.get(studio))[1]
    assert (await office.post(studio, **newer))[0] == 303  # the file says so: only the desk's word goes
    assert "Да, от 700 ₽." in (await at_the_desk(office, desk))[1]


async def test_an_intent_of_today_can_be_taught_at_the_desk(office: Office) -> None:
    message = await office.town.says("сделайте мне надпись на кольце", who="guest")
    teach = f"/desk/c/{office.town.talks['guest']}/teach/{message}"
    assert "engraving" not in (await at_the_desk(office, teach))[1]
    await agrees(office, "/studio/intents", **FORM)
    assert "engraving" in (await at_the_desk(office, teach))[1]
    assert (await at_the_desk(office, teach, intent="engraving"))[0] == 200


def test_files_that_come_change_and_go_are_noticed(tmp_path: Path) -> None:
    reads = 0

    def read(folder: Path) -> str:
        nonlocal reads
        reads += 1
        return " ".join(path.read_text() for path in sorted(folder.glob("*.txt")))

    (tmp_path / "a.txt").write_text("one")
    files = Fresh(tmp_path, "*.txt", read)
    assert (files.now(), files.now(), reads) == ("one", "one", 1)
    (tmp_path / "b.txt").write_text("two")
    assert files.now() == "one two"
    (tmp_path / ".a.new").write_text("six")
    (tmp_path / ".a.new").replace(tmp_path / "a.txt")  # of the same size, perhaps in the same moment
    assert files.now() == "six two"
    (tmp_path / "b.txt").unlink()
    assert (files.now(), reads) == ("six", 4)
    with pytest.raises(ZeroDivisionError):
        Fresh(tmp_path, "*.txt", lambda _: 1 / 0)
