"""Makes the pictures of the documentation from the running product: `make screenshots`."""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import BrowserContext, Page, async_playwright, expect

from bot.web.staff.accounts import Accounts
from bot.web.staff.roles import Role
from core.clock import SystemClock
from core.settings import ROOT
from tests.browsing import launch
from tests.product.running import Product, running_product, trained_models

IMAGES = ROOT / "docs/img"
PASSWORD = STAFF_SECRET = "a long password"  # noqa: S105 - of a product that lives for a minute
DESK, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}


async def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            running_product(Path(folder), trained_models(), staff_secret=STAFF_SECRET) as product,
            async_playwright() as playwright,
        ):
            browser = await launch(playwright)
            for scheme, lang, size, name in (
                ("light", "ru", DESK, "chat-ru"),
                ("dark", "en", DESK, "chat-en-dark"),
                ("light", "ru", PHONE, "chat-phone"),
            ):
                context = await browser.new_context(
                    viewport=size, color_scheme=scheme, locale=lang, timezone_id="Europe/Moscow"
                )
                await _chat(context, product, lang, IMAGES / f"{name}.png")
                await context.close()
            context = await browser.new_context(viewport=DESK, locale="ru", timezone_id="Europe/Moscow")
            await _desk(context, product, IMAGES / "desk.png")
            await browser.close()


async def _chat(context: BrowserContext, product: Product, lang: str, picture: Path) -> None:
    page = await context.new_page()
    await page.goto(f"{product.base}/?lang={lang}")
    await page.locator("zabota-chat").get_by_role("button").first.click()
    contact, question, proof, answer = {
        "ru": ("maria.sokolova@example.com", "гдэ мой закас 1001?", "шести цифр", "Заказ 1001"),
        "en": ("james.miller@example.com", "Where is my order 1003?", "six-digit", "Order 1003"),
    }[lang]
    await _say(page, question, "код" if lang == "ru" else "code")
    await _say(page, contact, proof)
    outbox = await context.new_page()
    await outbox.goto(f"{product.base}/demo/outbox?lang={lang}")
    text = await outbox.locator("main").inner_text()
    await outbox.close()
    await page.bring_to_front()
    code = next(word for word in text.replace(".", " ").split() if word.isdigit() and len(word) == 6)
    await _say(page, code, answer)
    await page.wait_for_timeout(800)  # the new lines slide in
    await page.screenshot(path=picture)


async def _desk(context: BrowserContext, product: Product, picture: Path) -> None:
    """The customer of the chat asks for a person, and Anna answers."""
    customer = await product.customer()
    await customer.says("заказ 1002 опаздывает уже третий день, где он?")
    await customer.proves("petr.volkov@example.com")
    await customer.says("позовите, пожалуйста, человека")
    accounts = Accounts(product.db, SystemClock(), STAFF_SECRET.encode())
    await accounts.add("anna", "Анна", PASSWORD, frozenset({Role.AGENT}), "screenshots")
    page = await context.new_page()
    await page.goto(f"{product.base}/desk")
    await page.locator("[name=login]").fill("anna")
    await page.locator("[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator("ul.rows a").first.click()
    await page.get_by_role("button", name="Ответить самому").click()
    await page.locator("#answer").fill("Здравствуйте, Пётр! Узнала у склада: посылка выехала сегодня утром.")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_selector("li.agent")
    await page.screenshot(path=picture)


async def _say(page: Page, text: str, expected: str) -> None:
    field = page.locator("zabota-chat").get_by_role("textbox")
    await field.fill(text)
    await field.press("Enter")
    await expect(page.locator("zabota-chat").get_by_role("log")).to_contain_text(expected, timeout=20_000)


if __name__ == "__main__":
    asyncio.run(main())
