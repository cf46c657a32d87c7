"""The desk in a real browser: by keyboard alone, live, and for everybody's eyes."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from bot.gateway.outbox import Button, Line
from crm_bridge.models import Author
from tests.desk.conftest import PASSWORD, Console
from tests.web.conftest import accessible


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(locale="ru-RU", timezone_id="Europe/Moscow")
    context.set_default_timeout(15_000)
    yield await context.new_page()
    await context.close()


async def log_in(page: Page, console: Console) -> None:
    await page.goto(f"{console.url}/desk")
    await expect(page.locator("[name=login]")).to_be_focused()
    await page.keyboard.type("anna")
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("nav.tabs")
    await page.wait_for_load_state("load")


async def test_the_life_of_a_dialogue_by_keyboard_alone(console: Console, page: Page) -> None:
    chat = await console.waiting("Мария")
    await log_in(page, console)
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.locator("ol.log")).to_contain_text("позовите человека")
    await page.keyboard.press("t")
    answer = page.get_by_label("Ответ клиенту")
    await expect(answer).to_be_focused()
    await page.keyboard.type("Здравствуйте, Мария!")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("li.agent")).to_contain_text("Здравствуйте, Мария!")
    await expect(answer).to_have_value("")
    await expect(answer).to_be_focused()

    async with console.db.write() as session:
        await console.gateway.conversations.write_down(
            session, chat, "later", "спасибо, жду", console.clock.now(), {}
        )
    console.gateway.hub.publish(chat)
    await expect(page.locator("ol.log")).to_contain_text("спасибо, жду")

    await page.locator("ol.log").focus()
    await page.keyboard.press("b")
    await expect(page.locator(".who-owns")).to_contain_text("отвечает бот")
    assert await console.lines(chat, Author.AGENT) == ["Здравствуйте, Мария!"]


async def test_a_text_that_was_not_sent_is_still_there_after_a_reload(console: Console, page: Page) -> None:
    await console.waiting("Мария")
    await log_in(page, console)
    await page.locator("ul.rows a").click()
    await page.get_by_role("button", name="Ответить самому").click()
    await page.get_by_label("Ответ клиенту").fill("Почти дописала")
    await page.reload()
    await expect(page.get_by_label("Ответ клиенту")).to_have_value("Почти дописала")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_accessible(console: Console, page: Page, scheme: str) -> None:
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    await page.goto(f"{console.url}/staff/login")
    await accessible(page)
    chat = await console.waiting("Мария")
    async with console.db.write() as session:
        line = Line("Чем помочь?", [Button("Где мой заказ?", "track_order")])
        await console.gateway.outbox.say(session, chat, [line], author=Author.ASSISTANT, epoch=1)
    await log_in(page, console)
    await accessible(page)
    await page.locator("ul.rows a").click()
    await page.wait_for_selector("ol.log")
    await accessible(page)
    await page.get_by_role("button", name="Ответить самому").click()
    await page.wait_for_selector("#answer")
    await accessible(page)
    await page.goto(f"{console.url}/staff/account")
    await accessible(page)
