"""The server restarts while somebody types: nothing they wrote is lost, and nothing is said twice."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer, unused_port
from playwright.async_api import Browser, Page, Route, expect

from bot.desk.console import ROUTING
from bot.gateway.app import GATEWAY
from bot.web.app import make_app
from bot.web.staff.accounts import Accounts
from bot.web.staff.roles import Role
from core.clock import ManualClock
from core.db import Database
from core.settings import Settings
from crm_bridge.models import Author
from tests.desk.conftest import PASSWORD, Console
from tests.desk.test_browser import takes


class House:
    """A desk at a fixed address that can be stopped and started over the same database."""

    def __init__(self, db: Database, clock: ManualClock, settings: Settings) -> None:
        self._db = db
        self._clock = clock
        self._settings = settings
        self._port = unused_port()
        self._server: TestServer | None = None

    async def up(self) -> Console:
        app = await make_app(self._settings, self._db, self._clock)
        self._server = TestServer(app, port=self._port)
        await self._server.start_server(shutdown_timeout=0.1)
        accounts = Accounts(self._db, self._clock, self._settings.staff_key)
        url = f"http://127.0.0.1:{self._port}"
        return Console(url, app[GATEWAY], accounts, self._db, self._clock, app[ROUTING], app)

    async def down(self) -> None:
        if self._server:
            await self._server.close()
        self._server = None


@pytest.fixture
async def house(sqlite: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[House]:
    settings = Settings(_env_file=None, var=tmp_path, demo=False, engine_secret="engine")  # type: ignore[call-arg,arg-type]
    house = House(sqlite, clock, settings)
    accounts = Accounts(sqlite, clock, settings.staff_key)
    await accounts.add("anna", "Anna", PASSWORD, frozenset({Role.AGENT}), "tests")
    yield house
    await house.down()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(locale="ru-RU", timezone_id="Europe/Moscow")
    context.set_default_timeout(30_000)
    yield await context.new_page()
    await context.close()


async def test_a_restart_while_an_agent_types_loses_and_doubles_nothing(house: House, page: Page) -> None:
    console = await house.up()
    chat = await console.waiting("Мария")
    await takes(page, console)
    answer = page.get_by_label("Ответ клиенту")
    send = page.get_by_role("button", name="Отправить", exact=True)
    await answer.press_sequentially("Добрый день! ")

    await house.down()
    await answer.press_sequentially("Проверяю заказ.")
    await send.click()
    await expect(page.locator("#notice")).to_contain_text("Нет связи")
    await expect(answer).to_have_value("Добрый день! Проверяю заказ.")
    assert await console.lines(chat, Author.AGENT) == []

    console = await house.up()
    await console.says(chat, "вы тут?")
    await expect(page.locator("ol.log")).to_contain_text("вы тут?")  # the page came back by itself
    await expect(answer).to_have_value("Добрый день! Проверяю заказ.")
    await send.click()
    await expect(answer).to_have_value("")
    await expect(page.locator("li.agent")).to_have_count(1)
    assert await console.lines(chat, Author.AGENT) == ["Добрый день! Проверяю заказ."]


async def test_a_server_that_dies_with_the_answer_in_its_hands_says_it_once(house: House, page: Page) -> None:
    console = await house.up()
    chat = await console.waiting("Мария")
    await takes(page, console)
    answer = page.get_by_label("Ответ клиенту")
    send = page.get_by_role("button", name="Отправить", exact=True)
    await answer.fill("Курьер будет к шести.")

    async def dies(route: Route) -> None:
        await route.fetch()  # it is in the database
        await house.down()
        await route.abort()

    await page.route("**/answer", dies, times=1)
    await send.click()
    await expect(page.locator("#notice")).to_contain_text("Нет связи")
    assert await console.lines(chat, Author.AGENT) == ["Курьер будет к шести."]

    console = await house.up()
    await page.reload()  # whoever is in doubt reloads; the text is there, and so is its key
    await expect(page.locator("li.agent")).to_have_count(1)
    await expect(answer).to_have_value("Курьер будет к шести.")
    await send.click()
    await expect(answer).to_have_value("")
    await expect(page.locator("li.agent")).to_have_count(1)
    assert await console.lines(chat, Author.AGENT) == ["Курьер будет к шести."]
