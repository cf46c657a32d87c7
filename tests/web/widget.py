"""Where things are in the widget, for its tests."""

from playwright.async_api import Locator, Page, expect


def launcher(page: Page) -> Locator:
    return page.locator("zabota-chat .launcher")


def field(page: Page) -> Locator:
    return page.locator("zabota-chat textarea")


def lines(page: Page, author: str = "") -> Locator:
    """Bubbles in the conversation, of one author or of all."""
    return page.locator(f"zabota-chat .line{'.' + author if author else ''} .bubble")


def choice(page: Page, title: str) -> Locator:
    return page.locator("zabota-chat .choices").get_by_role("button", name=title, exact=True)


async def write(page: Page, text: str) -> None:
    await field(page).fill(text)
    await field(page).press("Enter")


async def online(page: Page) -> None:
    await expect(page.locator("zabota-chat [data-state=online]")).to_be_attached()
