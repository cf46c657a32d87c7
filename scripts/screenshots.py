"""Makes the pictures of the documentation from the running product: `make screenshots`.

`python -m scripts.screenshots studio` makes those of the studio alone.
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from bot.web.staff.accounts import Accounts
from bot.web.staff.roles import Role
from core.clock import SystemClock
from core.settings import ROOT
from scripts import desk_pictures, proactive_past, studio_pictures
from tests.browsing import launch
from tests.product import late_parcel
from tests.product.running import Product, running_product, trained_models

IMAGES = ROOT / "docs/img"
PASSWORD = STAFF_SECRET = "a long password"  # noqa: S105 - of a product that lives for a minute
DESK, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}


async def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        if sys.argv[1:] != ["studio"]:
            await _shop(browser)
            await desk_pictures.take(browser)
        await _studio(browser)
        await browser.close()


async def _shop(browser: Browser) -> None:
    """Customers, predicted problems."""
    with tempfile.TemporaryDirectory() as folder:
        async with running_product(Path(folder), trained_models(), staff_secret=STAFF_SECRET) as product:
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
            await _proactive(context, product)
            await context.close()


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


async def _proactive(context: BrowserContext, product: Product) -> None:
    """Vera writes a rule, tries it and switches it on; a parcel is late; Dmitry and Anna read why."""
    accounts = Accounts(product.db, SystemClock(), STAFF_SECRET.encode())
    await accounts.add("vera", "Вера", PASSWORD, frozenset({Role.ADMINISTRATOR, Role.AGENT}), "screenshots")
    context.set_default_timeout(late_parcel.PATIENCE)
    page = await context.new_page()
    await _log_in(page, product, "vera", "/proactive")
    await late_parcel.writes_the_rule(page, product)
    await late_parcel.simulates_it(page)
    await late_parcel.switches_it_on(page)
    chat = late_parcel.Chat(await context.new_page())
    await chat.opens(product, "Дмитрий")
    await late_parcel.the_parcel_becomes_late(product)
    await chat.hears(f"заказ № {late_parcel.NUMBER} не успеет")
    await chat.presses("Изменить адрес")
    await chat.hears(f"Куда доставить заказ {late_parcel.NUMBER}?")
    await chat.page.wait_for_timeout(800)  # the new lines slide in
    await chat.page.screenshot(path=IMAGES / "proactive-chat.png")
    await chat.writes("позовите живого человека")
    await chat.hears("Позвала сотрудника")
    await page.goto(f"{product.base}/desk")
    await page.locator("#rows a").first.click()
    await expect(page.locator("ol.log")).to_contain_text("Почему написали", timeout=late_parcel.PATIENCE)
    await page.locator("ol.log").get_by_text("Почему написали").scroll_into_view_if_needed()
    await page.screenshot(path=IMAGES / "proactive-desk.png")
    for path, name in (("", "rules"), ("/rules/late_delivery", "rule")):
        await page.goto(f"{product.base}/proactive{path}")
        await page.wait_for_load_state("networkidle")
        await page.screenshot(path=IMAGES / f"proactive-{name}.png")
    await proactive_past.measured(product)
    await page.goto(f"{product.base}/proactive/effect")
    await page.screenshot(path=IMAGES / "proactive-effect.png", full_page=True)
    await proactive_past.lived_again(product)
    await page.goto(f"{product.base}/proactive/simulations")
    await page.locator("ul.list a").first.click()
    await page.wait_for_load_state("networkidle")
    top = {"x": 0, "y": 0, "width": DESK["width"], "height": 1500}
    await page.screenshot(path=IMAGES / "proactive-simulation.png", full_page=True, clip=top)
    for scheme, size, path, name in (
        ("dark", DESK, "/rules/late_delivery", "rule-dark"),
        ("light", PHONE, "", "rules-phone"),
    ):
        await page.emulate_media(color_scheme=scheme)
        await page.set_viewport_size(size)
        await page.goto(f"{product.base}/proactive{path}")
        await page.wait_for_load_state("networkidle")
        await page.screenshot(path=IMAGES / f"proactive-{name}.png")


async def _studio(browser: Browser) -> None:
    """Customers ask something new; Vera sorts it and trains. On a copy of the data."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "data", folder / "project/data")
        for file in ("domain.yml", "config.yml", "endpoints.yml"):
            shutil.copy(ROOT / file, folder / "project" / file)
        talks = shutil.ignore_patterns("*.py", "__pycache__")
        shutil.copytree(ROOT / "tests/conversations", folder / "project/tests/conversations", ignore=talks)
        models = Path(shutil.copytree(trained_models(), folder / "models"))
        settings = {"project": str(folder / "project"), "staff_secret": STAFF_SECRET}
        async with running_product(folder, models, **settings) as product:
            accounts = Accounts(product.db, SystemClock(), STAFF_SECRET.encode())
            await accounts.add("chief", "Вера", PASSWORD, frozenset({Role.ADMINISTRATOR}), "screenshots")
            context = await browser.new_context(viewport=DESK, locale="ru", timezone_id="Europe/Moscow")
            page = await context.new_page()
            await _log_in(page, product, "chief", "/studio")
            await studio_pictures.take(page, product, folder / "project", IMAGES)
            await context.close()


async def _log_in(page: Page, product: Product, login: str, to: str) -> None:
    await page.goto(f"{product.base}/staff/login?to={to}")
    await page.locator("[name=login]").fill(login)
    await page.locator("[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".top .me")


async def _say(page: Page, text: str, expected: str) -> None:
    field = page.locator("zabota-chat").get_by_role("textbox")
    await field.fill(text)
    await field.press("Enter")
    await expect(page.locator("zabota-chat").get_by_role("log")).to_contain_text(expected, timeout=20_000)


if __name__ == "__main__":
    asyncio.run(main())
