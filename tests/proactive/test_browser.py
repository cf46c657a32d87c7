"""An administrator at the page, in a real browser: what is wrong is said while they type."""

from pathlib import Path

from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, expect

from bot.proactive.rules import FOLDER
from tests.desk.conftest import PASSWORD
from tests.proactive.conftest import Shop
from tests.proactive.test_pages import site

LATE = (FOLDER / "late_delivery.yml").read_text(encoding="utf-8")


async def test_the_editor_answers_while_one_types(shop: Shop, browser: Browser, tmp_path: Path) -> None:
    maria = await shop.customer()
    await shop.order(maria)
    await shop.live("late_delivery", holdout="0")
    await shop.decide()
    async with TestServer(await site(shop)) as server:
        url = str(server.make_url("")).rstrip("/")
        context = await browser.new_context(viewport={"width": 1280, "height": 900}, locale="ru")
        page = await context.new_page()
        problems: list[str] = []
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        await page.goto(f"{url}/proactive")
        await page.locator("[name=login]").fill("vera")
        await page.locator("[name=password]").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("link", name="Заказ опоздает")).to_be_visible()
        await page.screenshot(path=tmp_path / "rules.png", full_page=True)
        await page.goto(f"{url}/proactive/rules/late_delivery")
        text = page.locator("textarea[name=text]")
        await expect(page.locator(".previews figure")).to_have_count(
            8
        )  # four kinds of channels, two languages
        await page.screenshot(path=tmp_path / "rule.png", full_page=True)
        await text.fill(LATE.replace("threshold: 0.6", "threshold: 60"))
        await expect(page.locator(".mistakes")).to_contain_text("строка 4, threshold")
        await text.fill(LATE.replace("Простите: это наша забота", "Простите, это мы исправим"))
        await expect(page.locator(".previews")).to_contain_text("это мы исправим")
        await page.get_by_role("button", name="Сохранить черновик").click()
        await expect(page.locator("h1 .state")).to_have_text("черновик")
        await page.goto(f"{url}/proactive/effect")
        await page.screenshot(path=tmp_path / "effect.png", full_page=True)
        assert problems == []
        await context.close()
