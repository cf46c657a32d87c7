"""A customer asks for a person, an agent takes over and hands back, and the bot goes on: for real."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select

from bot.studio.tables import Sample
from bot.web.staff.accounts import Accounts, LoginTaken
from bot.web.staff.roles import Role
from core.clock import SystemClock
from crm_bridge.models import Message, Rating
from tests.product.running import Product

PASSWORD = "a long password"


async def logged_in(product: Product, http: aiohttp.ClientSession) -> dict[str, str]:
    """Anna's browser; the headers that her page sends."""
    accounts = Accounts(product.db, SystemClock(), b"staff")
    with contextlib.suppress(LoginTaken):
        await accounts.add("anna", "Анна", PASSWORD, frozenset({Role.AGENT}), "tests")
    async with http.post(
        f"{product.base}/staff/login", data={"login": "anna", "password": PASSWORD}
    ) as answer:
        page = await answer.text()
    found = re.search(r"X-CSRF-Token&#34;: &#34;(\w+)|X-CSRF-Token\": \"(\w+)", page)
    assert found, page[:500]
    return {"X-CSRF-Token": found[1] or found[2]}


async def test_a_person_takes_over_and_the_bot_is_silent_until_it_is_handed_back(product: Product) -> None:
    maria = await product.customer()
    assert "Позвала сотрудника" in await maria.says("позовите живого человека")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        headers = await logged_in(product, http)
        chat = f"{product.base}/desk/c/{maria.conversation_id}"

        async def post(deed: str, epoch: int, **form: str) -> int:
            data = {"epoch": str(epoch)} | form
            async with http.post(f"{chat}/{deed}", data=data, headers=headers) as answer:
                return answer.status

        assert await post("take", 1) == 204
        assert "Анна" in (await maria.next_line())["text"]
        await maria.sends("где мой заказ 1001?")
        assert await post("answer", 2, text="Смотрю ваш заказ", client_id="a1") == 200
        said = await maria.next_line()
        assert (said["author"], said["text"]) == ("agent", "Смотрю ваш заказ")
        assert await post("hand_back", 2) == 204
        assert "Забота" in (await maria.next_line())["text"]
    assert "виртуальная помощница" in await maria.says("а теперь вы бот?")


STORY = (
    "позовите живого человека", "Позвала сотрудника", "подключился сотрудник: Анна",
    "Пришлите, пожалуйста, фото", "хорошо, сейчас", "Дальше вам снова помогает Забота", "а вы бот?",
    "виртуальная помощница", "Вопрос закрыт", "★★★★★",
)  # fmt: skip
PATIENCE = 60_000  # milliseconds; only a failing test waits so long


@pytest.fixture
async def windows(browser: Browser) -> AsyncIterator[tuple[BrowserContext, BrowserContext]]:
    """The customer's browser and the agent's."""
    opened = [await browser.new_context(locale="ru-RU", timezone_id="Europe/Moscow") for _ in range(2)]
    for one in opened:
        one.set_default_timeout(PATIENCE)
    yield opened[0], opened[1]
    for one in opened:
        await one.close()


async def writes(page: Page, text: str) -> None:
    field = page.locator("zabota-chat").get_by_role("textbox")
    await field.fill(text)
    await field.press("Enter")


async def test_the_life_of_a_dialogue_in_two_browsers(
    product: Product, windows: tuple[BrowserContext, BrowserContext]
) -> None:
    accounts = Accounts(product.db, SystemClock(), b"staff")
    with contextlib.suppress(LoginTaken):
        await accounts.add("anna", "Анна", PASSWORD, frozenset({Role.AGENT}), "tests")
    shop, desk = await windows[0].new_page(), await windows[1].new_page()
    log = shop.locator("zabota-chat").get_by_role("log")

    async def hears(text: str) -> None:
        await expect(log).to_contain_text(text, timeout=PATIENCE)

    await shop.goto(f"{product.base}/")
    await shop.locator("zabota-chat").get_by_role("button").first.click()
    await writes(shop, "коробка приехала мятая, позовите живого человека")
    await hears("Позвала сотрудника")

    await desk.goto(f"{product.base}/desk")
    await desk.locator("[name=login]").fill("anna")
    await desk.locator("[name=password]").fill(PASSWORD)
    await desk.keyboard.press("Enter")
    async with product.db.read() as session:
        chat = await session.scalar(select(Message.conversation_id).where(Message.text.contains("мятая")))
    await desk.locator(f'#rows a[href*="{chat}"]').click()
    await expect(desk.locator("ol.log")).to_contain_text("коробка приехала мятая")
    await desk.get_by_role("button", name="Ответить самому").click()
    await hears("подключился сотрудник: Анна")
    await desk.get_by_label("Ответ клиенту").press_sequentially("Здравствуйте! ")
    await expect(shop.locator("zabota-chat").get_by_text("печатает").first).to_be_visible(timeout=PATIENCE)
    await desk.get_by_label("Ответ клиенту").fill("Здравствуйте! Пришлите, пожалуйста, фото.")
    await desk.keyboard.press("Control+Enter")
    await hears("Пришлите, пожалуйста, фото")
    await writes(shop, "хорошо, сейчас")
    await expect(desk.locator("ol.log")).to_contain_text("хорошо, сейчас", timeout=PATIENCE)

    await desk.locator(".understood .link").first.click()
    await desk.locator("[name=intent]").select_option("damaged_or_wrong_item")
    await desk.get_by_role("button", name="Запомнить").click()
    await expect(desk.locator(".taught")).to_be_visible()
    async with product.db.read() as session:
        assert "damaged_or_wrong_item" in list(await session.scalars(select(Sample.suggested)))

    await desk.get_by_role("button", name="Вернуть боту").click()
    await hears("Дальше вам снова помогает Забота")
    await writes(shop, "а вы бот?")
    await hears("виртуальная помощница")

    await desk.get_by_role("button", name="Ответить самому").click()
    await desk.get_by_role("button", name="Вопрос решён").click()
    await hears("Вопрос закрыт")
    await shop.locator("zabota-chat").get_by_role("button", name="★★★★★").click()
    await expect(desk.locator("ol.log")).to_contain_text("★★★★★", timeout=PATIENCE)
    async with product.db.read() as session:
        async with asyncio.timeout(PATIENCE / 1000):
            while not list(await session.scalars(select(Rating.score))):
                await session.rollback()
                await asyncio.sleep(0.2)  # the answer to the press says so; its text is the dialogue's matter
    for history in (log, desk.locator("ol.log")):
        said = await history.inner_text()
        place = 0
        for words in STORY:  # everybody reads the same story
            place = said.find(words, place) + 1
            assert place, (words, said)
