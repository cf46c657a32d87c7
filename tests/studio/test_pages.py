"""An administrator at work in the studio, over HTTP; and what it refuses."""

import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import aiohttp
import pytest
import yaml
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from bot.registry import Registry
from bot.studio.collecting import Collector
from bot.studio.gate import Answer, Answers, compare
from bot.studio.inbox import Inbox
from bot.studio.tables import Decision, Promotion, Run, RunState, Verdict
from bot.web.app import make_app
from bot.web.staff.accounts import Accounts
from bot.web.staff.roles import Role
from core.clock import ManualClock
from core.db import Database
from core.settings import ROOT, Settings
from tests.studio.conftest import Town

PASSWORD = "a long password"


@dataclass
class Office:
    """A running studio and somebody's browser."""

    url: str
    http: aiohttp.ClientSession
    town: Town
    db: Database
    clock: ManualClock
    project: Path
    registry: Registry
    csrf: str = ""

    async def logs_in(self, login: str) -> None:
        self.http.cookie_jar.clear()
        form = {"login": login, "password": PASSWORD}
        async with self.http.post(f"{self.url}/staff/login", data=form, allow_redirects=False) as answer:
            assert answer.status == 303
        _, page = await self.get("/staff/account")
        found = re.search(r'name="csrf" value="(\w+)"', page)
        assert found
        self.csrf = found[1]

    async def get(self, path: str) -> tuple[int, str]:
        async with self.http.get(self.url + path, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, **form: str) -> tuple[int, str]:
        async with self.http.post(
            self.url + path, data=form, headers={"X-CSRF-Token": self.csrf}, allow_redirects=False
        ) as answer:
            return answer.status, await answer.text()

    async def run(self, model: str, live: str, outcome_of: tuple[int, int]) -> int:
        """A finished training; `outcome_of`: held-out messages that only the live, only the new one knew."""
        lost, gained = outcome_of
        rows = [
            Answer(f"<b>{n}</b>", "track_order", "track_order", "track_order", 0.97, 0.1, 1.0)
            for n in range(99)
        ]
        wrong = partial(replace, intent="complaint", best="complaint")
        old = [wrong(row) if n < gained else row for n, row in enumerate(rows)]
        new = [wrong(row) if gained <= n < gained + lost else row for n, row in enumerate(rows)]
        async with self.db.write() as session:
            made = Run(
                state=RunState.DONE, began_at=self.clock.now(), ended_at=self.clock.now(), model=model,
                live=live,
                comparison=compare(Answers(old, 0.5), Answers(new, 0.5)), origin={"seed": 7}, log="learnt\n",
            )  # fmt: skip
            session.add(made)
            await session.flush()
            return made.id


@pytest.fixture
async def office(sqlite: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Office]:
    project = tmp_path / "project"
    shutil.copytree(ROOT / "data/nlu", project / "data/nlu")
    for name in ("domain.yml", "config.yml"):
        shutil.copy(ROOT / name, project / name)
    settings = Settings(
        _env_file=None, var=tmp_path, models=tmp_path / "models", project=project, demo=False,
        engine_secret="engine",  # type: ignore[arg-type, call-arg]
    )  # fmt: skip
    app = await make_app(settings, sqlite, clock)
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
    ):
        accounts = Accounts(sqlite, clock, settings.staff_key)
        for login, role in (("anna", Role.AGENT), ("vera", Role.ADMINISTRATOR)):
            await accounts.add(login, login.title(), PASSWORD, frozenset({role}), "tests")
        town = Town(sqlite, clock, Inbox(clock), Collector(sqlite, clock))
        registry = Registry(settings.models, settings.models_key)
        office = Office(str(server.make_url("")).rstrip("/"), http, town, sqlite, clock, project, registry)
        await office.logs_in("vera")
        yield office


def models(office: Office, *names: str) -> None:
    for n, name in enumerate(names):
        office.registry.folder.mkdir(exist_ok=True)
        (office.registry.folder / name).write_text(name)
        office.registry.add(office.registry.folder / name, office.clock.now(), 1.0, live=n == 0)


async def test_a_group_becomes_a_new_intent_with_an_answer(office: Office) -> None:
    for who in "abc":
        await office.town.says("делаете гравировку на часах?", who=who)
    await office.town.collector.look()
    status, page = await office.get("/studio")
    assert status == 200
    assert "делаете гравировку на часах?" in page
    assert "сообщений: 3" in page
    group = re.search(r'data-group="(\d+)"', page)
    assert group
    made = {"name": "engraving", "ru": "Да, гравируем.", "en": "Yes, we engrave."}
    status, page = await office.post(f"/studio/groups/{group[1]}/new", **made | {"en": " "})
    assert "Нужны ответы на обоих языках." in page
    status, page = await office.post(f"/studio/groups/{group[1]}/new", **made)
    assert (status, "Всё разобрано." in page) == (200, True)
    domain = yaml.safe_load((office.project / "domain.yml").read_text(encoding="utf-8"))
    assert "engraving" in domain["intents"]
    async with office.db.read() as session:
        assert await session.scalar(select(Decision.intent)) == "engraving"


async def test_decisions_on_the_page_are_undone_there(office: Office) -> None:
    await office.town.says("купите слона")
    await office.town.collector.look()
    group = re.search(r'data-group="(\d+)"', (await office.get("/studio"))[1])
    assert group
    _, page = await office.post(f"/studio/groups/{group[1]}", verdict="intent", intent="no_such")
    assert "Такой темы нет" in page
    _, page = await office.post(f"/studio/groups/{group[1]}", verdict=Verdict.OUT_OF_SCOPE)
    assert "не наша тема" in page
    _, page = await office.post(f"/studio/groups/{group[1]}", verdict=Verdict.IGNORE)
    assert "уже разобрал кто-то другой" in page
    undo = re.search(r"/studio/decisions/(\d+)/undo", page)
    assert undo
    _, page = await office.post(f"/studio/decisions/{undo[1]}/undo")
    assert "купите слона" in page
    assert f'data-group="{group[1]}"' in page


async def test_what_a_customer_wrote_is_shown_as_text(office: Office) -> None:
    await office.town.says("5 < 6 и & 'кавычки' \"здесь\"")
    await office.town.collector.look()
    _, page = await office.get("/studio")
    assert "5 &lt; 6 и &amp; &#39;кавычки&#39; &#34;здесь&#34;" in page


@pytest.mark.parametrize("page", ["/studio", "/studio/intents", "/studio/training", "/studio/models"])
async def test_only_administrators_train(office: Office, page: str) -> None:
    assert (await office.get(page))[0] == 200
    await office.logs_in("anna")
    assert (await office.get(page))[0] == 403
    assert (await office.post("/studio/models/rollback"))[0] == 403


async def test_a_better_model_goes_live_and_comes_back_with_one_press(office: Office) -> None:
    models(office, "old.tar.gz", "new.tar.gz")
    run = await office.run("new.tar.gz", "old.tar.gz", (0, 9))
    _, page = await office.get(f"/studio/runs/{run}")
    assert "Новая модель лучше нынешней" in page
    assert "&lt;b&gt;0&lt;/b&gt;" in page
    assert page.count('<svg class="picture"') == 2
    assert (await office.post("/studio/models/promote", model="new.tar.gz"))[0] == 303
    assert office.registry.live() == office.registry.folder / "new.tar.gz"
    assert (await office.post("/studio/models/rollback"))[0] == 303
    assert office.registry.live() == office.registry.folder / "old.tar.gz"
    _, page = await office.get("/studio/models")
    assert page.count("→") >= 2


async def test_a_worse_model_needs_a_written_reason(office: Office) -> None:
    models(office, "old.tar.gz", "new.tar.gz")
    run = await office.run("new.tar.gz", "old.tar.gz", (9, 0))
    _, page = await office.get(f"/studio/runs/{run}")
    assert "Новая модель хуже" in page
    for reason in ("", "надо"):
        status, page = await office.post("/studio/models/promote", model="new.tar.gz", reason=reason)
        assert (status, "напишите причину" in page) == (422, True)
    assert office.registry.live() == office.registry.folder / "old.tar.gz"
    why = "старая отвечает про закрытый магазин"
    assert (await office.post("/studio/models/promote", model="new.tar.gz", reason=why))[0] == 303
    async with office.db.read() as session:
        assert await session.scalar(select(Promotion.reason)) == why


async def test_a_comparison_with_what_is_no_longer_live_counts_for_nothing(office: Office) -> None:
    models(office, "first.tar.gz", "second.tar.gz", "third.tar.gz")
    await office.run("third.tar.gz", "first.tar.gz", (0, 9))
    await office.run("second.tar.gz", "first.tar.gz", (0, 9))
    assert (await office.post("/studio/models/promote", model="second.tar.gz"))[0] == 303
    assert (await office.post("/studio/models/promote", model="third.tar.gz"))[0] == 422


async def test_a_model_that_was_changed_on_disk_does_not_go_live(office: Office) -> None:
    models(office, "old.tar.gz", "new.tar.gz")
    await office.run("new.tar.gz", "old.tar.gz", (0, 9))
    (office.registry.folder / "new.tar.gz").write_text("something else")
    status, page = await office.post("/studio/models/promote", model="new.tar.gz")
    assert (status, "её файл изменён" in page) == (422, True)
    assert office.registry.live() == office.registry.folder / "old.tar.gz"
    async with office.db.read() as session:
        assert await session.scalar(select(Promotion.id)) is None


async def test_a_run_whose_process_was_killed_has_failed(office: Office) -> None:
    async with office.db.write() as session:
        session.add(Run(state=RunState.RUNNING, began_at=office.clock.now(), pid=2**22 + 5))
    _, page = await office.get("/studio/training")
    assert "не удалось" in page
    assert "Начать обучение" in page
