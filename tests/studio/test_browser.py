"""The studio in a real browser: the inbox by keyboard alone, and pages for everybody's eyes."""

import random
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from tests.studio.conftest import PASSWORD, Office
from tests.web.conftest import accessible

MESSAGES = 100
KEYS_PER_MESSAGE = 1.5  # a practised hand presses three keys in five seconds; five minutes are 300 seconds
SUBJECTS = ("гравировку", "бронирование столика", "прокат велосипедов", "уроки вязания", "ключницу", "сауну")
WORDS = (
    "ромашка",
    "вертолёт",
    "керамика",
    "шахматы",
    "глобус",
    "телескоп",
    "аквариум",
    "гитара",
    "палатка",
    "компас",
)


@pytest.fixture
async def page(browser: Browser, office: Office) -> AsyncIterator[Page]:
    context = await browser.new_context(locale="ru-RU")
    context.set_default_timeout(120_000)
    page = await context.new_page()
    await page.goto(f"{office.url}/staff/login?to=/studio")
    await page.fill("[name=login]", "vera")
    await page.fill("[name=password]", PASSWORD)
    await page.press("[name=password]", "Enter")
    await expect(page.locator("#groups")).to_be_visible()
    yield page
    await context.close()


async def fill(office: Office) -> int:
    """A hundred messages as they come: many variants of a few questions, and many single ones."""
    chance = random.Random(8)
    texts = [f"сколько стоит {subject} заказать {n}" for subject in SUBJECTS for n in range(9)]
    texts += [
        f"{one} {two} {n}" for n, (one, two) in enumerate((a, b) for a in WORDS for b in WORDS if a < b)
    ] + ["одинокий вопрос про маяк"]
    chance.shuffle(texts)
    for n, text in enumerate(texts[:MESSAGES]):
        await office.town.says(text, who=f"guest{n % 7}")
    await office.town.collector.look()
    async with office.db.read() as session:
        return await office.town.inbox.waiting(session)


@pytest.mark.slow
async def test_a_hundred_messages_by_keyboard_alone(office: Office, page: Page) -> None:
    assert await fill(office) == MESSAGES
    await page.reload()
    cards = page.locator("article.group")
    await expect(cards.first).to_be_focused()
    pressed = 0

    async def press(*keys: str) -> None:
        nonlocal pressed
        for key in keys:
            await page.keyboard.press(key)
            pressed += 1

    choice = random.Random(3)
    left = MESSAGES
    while left:
        card = cards.first
        group = await card.get_attribute("data-group")
        size = int((await card.locator(".marks b").inner_text()).rpartition(" ")[2])
        deed = choice.choice(("1", "1", "1", "o", "i", "c"))
        await press(deed)
        if deed == "c":
            await expect(card.locator("[data-focus=c]")).to_be_focused()
            await page.keyboard.type("пожал")
            pressed += 5
            await press("Enter")
        left -= size
        await expect(page.locator(f'[data-group="{group}"]')).to_have_count(0)
        await expect(page.locator("#groups > [role=status]")).to_have_text(f"Ждут решения: {left}")
        if left:
            await expect(cards.first).to_be_focused()
    print(f"{MESSAGES} messages, {pressed} keys, {pressed / MESSAGES:.2f} a message")
    assert pressed <= MESSAGES * KEYS_PER_MESSAGE
    await expect(page.locator("[data-undo]")).to_be_focused()
    await press("u")
    await expect(cards).to_have_count(1)


async def test_keys_work_in_the_russian_layout_too(office: Office, page: Page) -> None:
    await office.town.says("купите слона")
    await office.town.collector.look()
    await page.reload()
    card = page.locator("article.group")
    await expect(card).to_be_focused()
    await card.dispatch_event("keydown", {"key": "щ", "code": "KeyO", "bubbles": True})  # the key of O
    await expect(card).to_have_count(0)
    await expect(page.locator(".decided")).to_contain_text("не наша тема")


async def test_variants_unfold_and_a_decision_is_taken_back_by_keys(office: Office, page: Page) -> None:
    for n in range(5):
        await office.town.says(f"сколько стоит гравировка на кольце {n}", who=str(n))
    await office.town.collector.look()
    await page.reload()
    card = page.locator("article.group")
    await expect(card).to_be_focused()
    hidden = card.get_by_text("на кольце 4")
    await expect(hidden).to_be_hidden()
    await page.keyboard.press("v")
    await expect(hidden).to_be_visible()
    await page.keyboard.press("c")
    await page.keyboard.type("отменить")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Подходит несколько тем")
    await expect(card).to_be_focused()
    await page.keyboard.press("o")
    await expect(card).to_have_count(0)
    await expect(page.locator("[data-undo]")).to_be_focused()
    await page.keyboard.press("u")
    await expect(card).to_have_count(1)


async def test_pages_can_be_read_by_everybody(office: Office, page: Page) -> None:
    for n in range(5):
        await office.town.says(f"сколько стоит гравировка на кольце {n}", who=str(n))
    await office.town.collector.look()
    run = await office.run("new.tar.gz", "old.tar.gz", (9, 4))
    for path in (
        "/studio", "/studio/intents", "/studio/intents/track_refund", "/studio/history",
        "/studio/training", f"/studio/runs/{run}", "/studio/models", "/studio/knowledge/canned",
        "/studio/answers/utter_knowledge",
    ):  # fmt: skip
        await page.goto(f"{office.url}{path}")
        await expect(page.locator("main")).to_be_visible()
        await accessible(page, "main")
