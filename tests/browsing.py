"""The browser of tests and screenshots: an installed one, else Playwright's own."""

import shutil

from playwright.async_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


async def launch(playwright: Playwright) -> Browser:
    """Start it.

    Raises:
        playwright.async_api.Error: there is none.
    """
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return await playwright.chromium.launch(executable_path=found, args=FLAGS)
