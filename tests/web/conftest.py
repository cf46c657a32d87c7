"""A browser, the widget's server, and a site with the widget on it."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from .widget_server import WidgetServer

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()

expect.set_options(timeout=10_000)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip("no Chromium or Chrome is installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[WidgetServer]:
    async with WidgetServer().running() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(locale="ru-RU", timezone_id="Europe/Moscow")
    context.set_default_timeout(10_000)
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
