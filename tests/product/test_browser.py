"""A person in a real browser, on the shop page of the demo company."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.product.running import Product

PATIENCE = 60_000  # milliseconds; only a failing test waits so long


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    opened = await browser.new_context(locale="ru-RU", timezone_id="Europe/Moscow")
    opened.set_default_timeout(PATIENCE)
    yield opened
    await opened.close()


async def shop(context: BrowserContext, product: Product, lang: str = "ru") -> Page:
    page = await context.new_page()
    await page.goto(f"{product.base}/?lang={lang}")
    return page


async def opens_chat(page: Page) -> None:
    await page.locator("zabota-chat").get_by_role("button").first.click()


async def writes(page: Page, text: str) -> None:
    field = page.locator("zabota-chat").get_by_role("textbox")
    await field.fill(text)
    await field.press("Enter")


async def sees(page: Page, text: str) -> None:
    log = page.locator("zabota-chat").get_by_role("log")
    await expect(log).to_contain_text(text, timeout=PATIENCE)


async def code_from_outbox(context: BrowserContext, product: Product) -> str:
    """As a person would: open the page where the demo's messages arrive, and read."""
    import re

    page = await context.new_page()
    await page.goto(f"{product.base}/demo/outbox")
    text = await page.locator("main").inner_text()
    await page.close()
    found = re.search(r"\b\d{6}\b", text)
    assert found, text
    return found[0]


async def test_asks_in_russian_identifies_and_gets_the_true_state(
    context: BrowserContext, product: Product
) -> None:
    page = await shop(context, product)
    await opens_chat(page)
    await writes(page, "где мой заказ 1001?")
    await sees(page, "одноразовый код")
    await writes(page, "мой номер 8 900 000 10 01")
    await sees(page, "из шести цифр")
    await writes(page, await code_from_outbox(context, product))
    await sees(page, "Заказ 1001 в пути")


async def test_the_same_in_english(context: BrowserContext, product: Product) -> None:
    page = await shop(context, product, "en")
    await opens_chat(page)
    await writes(page, "Where is my order 1003?")
    await sees(page, "one-time code")
    await writes(page, "james.miller@example.com")
    await sees(page, "six-digit")
    await writes(page, await code_from_outbox(context, product))
    await sees(page, "Order 1003 is out for delivery")


async def test_a_tab_closed_mid_answer_finds_everything_once(
    context: BrowserContext, product: Product
) -> None:
    page = await shop(context, product)
    await opens_chat(page)
    await writes(page, "где мой заказ 1005?")
    await page.close(run_before_unload=False)
    again = await shop(context, product)
    if not await again.locator("zabota-chat").get_by_role("log").is_visible():
        await opens_chat(again)
    await sees(again, "одноразовый код")
    log = await again.locator("zabota-chat").get_by_role("log").inner_text()
    assert log.count("где мой заказ 1005?") == 1
    assert log.count("одноразовый код") == 1


async def test_a_signed_in_customer_just_gets_the_answer(context: BrowserContext, product: Product) -> None:
    page = await shop(context, product)
    await page.locator("form[action^='/demo/sign-in']").first.get_by_role("button").click()
    await expect(page.locator("form[action^='/demo/sign-out']").first).to_be_visible()
    await opens_chat(page)
    await writes(page, "где мой заказ?")
    await sees(page, "Заказ 10")


async def test_no_page_reports_an_error(context: BrowserContext, product: Product) -> None:
    errors: list[str] = []
    page = await context.new_page()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    for path in ("/?lang=ru", "/?lang=en", "/demo/outbox?lang=ru", "/demo/outbox?lang=en"):
        await page.goto(f"{product.base}{path}")
        await page.wait_for_load_state("networkidle")
    assert errors == []
