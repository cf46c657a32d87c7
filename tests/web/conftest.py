"""The widget's server, and a site with the widget on it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from .widget_server import WidgetServer

AXE = Path(__file__).parent / "vendor" / "axe.min.js"

expect.set_options(timeout=30_000)  # a busy machine is slow, and only a failing test waits so long


@pytest.fixture
async def server() -> AsyncIterator[WidgetServer]:
    async with WidgetServer().running() as server:
        yield server


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(locale="ru-RU", timezone_id="Europe/Moscow")
    context.set_default_timeout(30_000)
    yield context
    await context.close()


Visit = Callable[..., Awaitable[Page]]


@pytest.fixture
def visit(context: BrowserContext, server: WidgetServer) -> Visit:
    """Open the site in a new tab; keywords are the widget's attributes (`user_id="7"`)."""

    async def visit(**attributes: Any) -> Page:
        page = await context.new_page()
        query = "&".join(f"{name.replace('_', '-')}={value}" for name, value in attributes.items())
        await page.goto(f"{server.url}/page?{query}")
        return page

    return visit


# What is still fading in has no contrast yet.
_STILL = """async (selector) => {
  const shadow = document.querySelector(selector)?.shadowRoot;
  const moving = [...document.getAnimations(), ...(shadow?.getAnimations() ?? [])];
  const ending = moving.filter((one) => one.effect.getComputedTiming().endTime !== Infinity);
  await Promise.allSettled(ending.map((one) => one.finished));
}"""


async def accessible(page: Page, selector: str = "html") -> None:
    """axe-core finds nothing wrong with this part of the page, at WCAG 2.2 AA and beyond."""
    await page.evaluate(_STILL, selector)
    await page.evaluate(AXE.read_text())
    found: dict[str, Any] = await page.evaluate("(selector) => axe.run(selector)", selector)
    wrong = [
        (rule["id"], node["html"], node["failureSummary"])
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
    assert wrong == []
