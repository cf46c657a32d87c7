"""The widget is noticed, can be reached by everybody, and fits in everywhere."""

import pytest
from playwright.async_api import BrowserContext, ConsoleMessage, expect

from .conftest import Visit, accessible
from .widget import choice, field, launcher, lines, online, write
from .widget_server import WidgetServer, served


async def test_unread_answers_are_counted_and_every_tab_forgets_them(
    visit: Visit, server: WidgetServer
) -> None:
    page = await visit(title_hint="")
    await launcher(page).click()
    await write(page, "Вопрос")
    await expect(lines(page)).to_have_count(2)
    await field(page).press("Escape")
    await server.say("Новость")
    await server.say("И ещё одна")
    await expect(page.locator("zabota-chat .badge")).to_have_text("2")
    await expect(launcher(page)).to_have_accessible_name("Открыть чат поддержки, 2 новых сообщения")
    await expect(page).to_have_title("(2) Магазин")

    other = await visit()
    await expect(other.locator("zabota-chat .badge")).to_have_text("2")
    await launcher(other).click()
    await server.until(lambda: {"type": "seen", "seq": 4} in server.received)
    await expect(page.locator("zabota-chat .badge")).to_be_hidden()
    await expect(page).to_have_title("Магазин")


async def test_keyboard_is_enough(visit: Visit, server: WidgetServer) -> None:
    page = await visit()
    await expect(launcher(page)).to_be_visible()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await expect(launcher(page)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(field(page)).to_be_focused()
    await page.keyboard.type("Первая")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("вторая")
    await page.keyboard.press("Enter")
    await expect(lines(page, "customer")).to_have_text("Первая\nвторая")
    await server.until(lambda: server.texts() == ["Первая\nвторая"])
    await expect(lines(page, "assistant")).to_have_count(1)  # an answer after the choices would close them
    await server.say("Продолжить?", buttons=["Да", "Нет"])
    await expect(choice(page, "Нет")).to_be_enabled()
    await page.keyboard.press("Shift+Tab")
    await expect(page.get_by_role("button", name="Приложить файл или фото")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await expect(choice(page, "Нет")).to_be_focused()
    await page.keyboard.press("Space")
    await expect(lines(page, "customer").last).to_have_text("Нет")
    await expect(field(page)).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(launcher(page)).to_be_focused()
    await expect(page.locator("zabota-chat .dialog")).to_be_hidden()


async def test_draft_and_open_panel_survive_going_to_another_page(visit: Visit, server: WidgetServer) -> None:
    page = await visit()
    await launcher(page).click()
    await field(page).fill("Недописанное")
    await page.goto(f"{server.url}/page?heading=Другая")
    await expect(field(page)).to_be_visible()
    await expect(field(page)).to_have_value("Недописанное")
    await expect(field(page)).not_to_be_focused()
    await launcher(page).click()
    await page.reload()
    await expect(launcher(page)).to_have_attribute("aria-expanded", "false")


async def test_speaks_both_languages_and_changes_on_the_fly(visit: Visit, server: WidgetServer) -> None:
    page = await visit(language="en", open="")
    await write(page, "Hello")
    await expect(page.get_by_role("dialog")).to_have_accessible_name("Support chat: Zabota")
    await expect(page.get_by_role("log")).to_have_attribute("aria-live", "polite")
    await expect(lines(page)).to_have_count(2)
    assert server.sessions[0]["language"] == "en"
    await page.evaluate("document.querySelector('zabota-chat').setAttribute('language', 'ru')")
    await expect(field(page)).to_have_accessible_name("Ваше сообщение")
    await expect(lines(page)).to_have_text(["Hello", "Ответ: Hello"])


@pytest.mark.parametrize(
    ("theme", "accent"), [("light", "nonsense"), ("light", "gold"), ("dark", ""), ("dark", "rgb(10 10 60)")]
)
async def test_is_accessible_in_every_state(
    visit: Visit, server: WidgetServer, theme: str, accent: str
) -> None:
    page = await visit(theme=theme, accent=accent, starters="Где заказ?|Позовите человека")
    await page.emulate_media(reduced_motion="reduce")
    await accessible(page, "zabota-chat")
    await launcher(page).click()
    await accessible(page, "zabota-chat")
    await page.get_by_role("button", name="Где заказ?").click()
    await expect(lines(page)).to_have_count(2)
    await server.say("Старое", buttons=["Раз"])
    await server.say("См. https://shop.example", "agent", buttons=["Да", "Нет"])
    await server.say("Подключилась Мария", "system")
    server.refusal = {"code": "rate_limited", "text": ""}
    await write(page, "Отказ")
    await expect(page.locator("zabota-chat .why")).to_be_visible()
    server.refuse_sessions = True
    server.answers.clear()
    await server.send(server.talk, {"type": "typing", "author": "agent", "on": True})
    await expect(page.locator("zabota-chat .dots")).to_be_visible()
    await field(page).fill("а" * 4001)
    await accessible(page, "zabota-chat")


async def test_phone_width_fills_the_screen_and_keeps_focus_inside(
    visit: Visit, server: WidgetServer
) -> None:
    page = await visit()
    await page.set_viewport_size({"width": 360, "height": 640})
    await page.emulate_media(reduced_motion="reduce")
    await launcher(page).click()
    dialog = page.locator("zabota-chat .dialog")
    await expect(dialog).to_have_attribute("aria-modal", "true")
    assert await dialog.bounding_box() == {"x": 0, "y": 0, "width": 360, "height": 640}
    await write(page, "Очень" * 60)
    await expect(lines(page)).to_have_count(2)
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
    for _ in range(6):
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.localName") == "zabota-chat"
    assert (await page.screenshot()).startswith(b"\x89PNG")
    await accessible(page, "zabota-chat")
    await page.keyboard.press("Escape")
    await expect(launcher(page)).to_be_focused()


async def test_works_on_another_site_under_a_strict_policy_without_console_errors(
    visit: Visit, server: WidgetServer, context: BrowserContext
) -> None:
    said: list[ConsoleMessage | Exception] = []
    page = await context.new_page()

    def note(what: ConsoleMessage | Exception) -> None:
        said.append(what)

    page.on("console", note)
    page.on("pageerror", note)
    async with served(server.application()) as site:
        await page.goto(f"{site}/page?open=")
        await write(page, "Привет https://shop.example")
        await expect(lines(page)).to_have_count(2)
        await online(page)
        assert said == []
