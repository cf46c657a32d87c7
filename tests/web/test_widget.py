"""A customer in a browser with the chat widget: what they write arrives once and is shown once."""

import pytest
from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, expect

from .conftest import Visit, accessible
from .widget_server import WidgetServer, served


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


# --- asking and being answered ---


async def test_question_is_answered(visit: Visit, server: WidgetServer) -> None:
    page = await visit()
    await launcher(page).click()
    await write(page, "Где мой заказ 1001?")
    await expect(lines(page, "customer")).to_have_text(["Где мой заказ 1001?"])
    await expect(lines(page, "assistant")).to_have_text(["Ответ: Где мой заказ 1001?"])
    await expect(page.locator("zabota-chat .customer .meta")).to_contain_text("Отправлено")
    assert server.talk.visitor not in page.url


async def test_nothing_is_asked_of_the_server_before_the_chat_is_opened(
    visit: Visit, server: WidgetServer
) -> None:
    page = await visit()
    await expect(launcher(page)).to_be_visible()
    assert server.sessions == []
    await launcher(page).click()
    await server.until(lambda: len(server.sessions) == 1)


async def test_site_vouches_for_its_user(visit: Visit, server: WidgetServer) -> None:
    await visit(user_id="42", user_hash="abc123")
    await server.until(lambda: server.connected == 1)
    assert server.sessions == [{"language": "ru", "user_id": "42", "user_hash": "abc123"}]


async def test_conversation_is_not_shown_to_the_next_user_of_the_computer(
    visit: Visit, server: WidgetServer
) -> None:
    page = await visit(user_id="42", user_hash="abc", open="")
    await write(page, "мой секрет")
    await expect(lines(page)).to_have_count(2)
    first = server.talk.visitor
    await page.close()
    page = await visit(open="")
    await online(page)
    await expect(lines(page)).to_have_count(0)
    assert "visitor" not in server.sessions[-1]
    assert first not in await page.evaluate("JSON.stringify(localStorage)")


async def test_text_stays_text(visit: Visit, server: WidgetServer) -> None:
    told = "<b>жирно</b>\nhttps://shop.example/a_(b)?q=1&r=2). javascript:alert(1) http://x.example…"
    server.answer = lambda _: [{"text": told}]
    page = await visit(open="")
    await write(page, "<img src=x onerror=alert(1)>")
    await expect(lines(page, "customer")).to_have_text("<img src=x onerror=alert(1)>")
    assert await lines(page, "assistant").inner_text() == told
    links = lines(page, "assistant").locator("a")
    await expect(links).to_have_text(["https://shop.example/a_(b)?q=1&r=2", "http://x.example"])
    await expect(links.first).to_have_attribute("rel", "noopener noreferrer")


async def test_assistant_agent_and_notices_are_told_apart(visit: Visit, server: WidgetServer) -> None:
    page = await visit(open="", name="Домовёнок")
    await write(page, "Позовите человека")
    await expect(page.locator("zabota-chat .assistant .author")).to_have_text("Домовёнок")
    await server.say("К разговору подключилась Мария", "system")
    await server.say("Здравствуйте!", "agent")
    await expect(page.locator("zabota-chat .agent .author")).to_have_text("Сотрудник поддержки")
    await expect(page.locator("zabota-chat .system .bubble")).to_have_text("К разговору подключилась Мария")
    await expect(page.locator("zabota-chat .status")).to_have_text("Отвечает сотрудник")


async def test_typing_is_shown_until_the_answer_comes(visit: Visit, server: WidgetServer) -> None:
    server.answers.clear()
    page = await visit(open="")
    await online(page)
    await write(page, "Вопрос")
    dots = page.locator("zabota-chat .typing .dots")
    await expect(dots).to_be_visible()
    server.answers.set()
    await expect(lines(page, "assistant")).to_be_visible()
    await expect(dots).to_have_count(0)
    assert {"type": "typing"} in server.received


async def test_buttons_work_once_and_only_while_they_are_the_latest(
    visit: Visit, server: WidgetServer
) -> None:
    page = await visit(open="")
    await online(page)
    old = await server.say("Старый вопрос", buttons=["Прежний"])
    await expect(choice(page, "Прежний")).to_be_enabled()
    await server.say("Перенести доставку?", buttons=["Да", "Нет"])
    await expect(choice(page, "Прежний")).to_be_disabled()
    server.answers.clear()
    await choice(page, "Да").dblclick()
    await expect(lines(page, "customer")).to_have_text(["Да"])
    await expect(choice(page, "Да")).to_be_disabled()
    await expect(choice(page, "Нет")).to_be_disabled()
    server.answers.set()
    await expect(lines(page, "assistant")).to_have_count(3)
    presses = [frame for frame in server.received if frame["type"] == "press"]
    assert len(presses) == 1
    assert "text" not in presses[0]
    assert presses[0]["press_id"] != old["buttons"][0]["id"]

    await page.reload()
    await online(page)
    await expect(lines(page)).to_have_count(4)
    await expect(choice(page, "Да")).to_be_disabled()


async def test_events_tell_the_site_what_happens(visit: Visit, server: WidgetServer) -> None:
    page = await visit()
    await page.evaluate(
        """() => { window.seen = [];
            for (const type of ['zabota:open', 'zabota:close', 'zabota:message'])
                document.addEventListener(type, (e) => seen.push([type, e.detail?.text ?? null])); }"""
    )
    await page.evaluate("document.querySelector('zabota-chat').open('Черновик')")
    await expect(field(page)).to_have_value("Черновик")
    await field(page).press("Enter")
    await expect(lines(page)).to_have_count(2)
    await page.evaluate("document.querySelector('zabota-chat').close()")
    assert await page.evaluate("seen") == [
        ["zabota:open", None],
        ["zabota:message", "Черновик"],
        ["zabota:message", "Ответ: Черновик"],
        ["zabota:close", None],
    ]


# --- whatever happens to the connection ---


async def test_message_is_sent_again_after_a_drop_and_shown_once(visit: Visit, server: WidgetServer) -> None:
    page = await visit(open="")
    await online(page)
    server.cut_instead_of_ack = 1
    await write(page, "Вопрос")
    await expect(lines(page)).to_have_text(["Вопрос", "Ответ: Вопрос"])
    await expect(page.locator("zabota-chat .customer .meta")).to_contain_text("Отправлено")

    server.cut_before_commit = 1
    await write(page, "Ещё вопрос")
    await expect(lines(page)).to_have_text(["Вопрос", "Ответ: Вопрос", "Ещё вопрос", "Ответ: Ещё вопрос"])
    assert server.texts().count("Ещё вопрос") == 2
    assert len(server.talk.messages) == 4


async def test_what_was_said_while_the_line_was_down_is_caught_up(visit: Visit, server: WidgetServer) -> None:
    page = await visit(open="")
    await write(page, "Вопрос")
    await expect(lines(page)).to_have_count(2)
    server.cut()
    await server.until(lambda: server.connected == 0)
    await server.say("Пока вас не было")
    await expect(lines(page)).to_have_text(["Вопрос", "Ответ: Вопрос", "Пока вас не было"])


async def test_offline_is_said_in_words_and_what_is_written_goes_out_later(
    visit: Visit, server: WidgetServer, context: BrowserContext
) -> None:
    page = await visit(open="")
    await online(page)
    await context.set_offline(True)
    await expect(page.locator("zabota-chat .banner")).to_contain_text("пропал интернет")
    await write(page, "Из метро")
    await expect(page.locator("zabota-chat .customer .meta")).to_contain_text("Ждёт связи")
    await context.set_offline(False)
    await expect(lines(page)).to_have_text(["Из метро", "Ответ: Из метро"])
    await expect(page.locator("zabota-chat .banner")).to_be_empty()


async def test_closed_tab_loses_nothing(visit: Visit, server: WidgetServer) -> None:
    server.answers.clear()
    page = await visit(open="")
    await write(page, "Вопрос")
    await expect(page.locator("zabota-chat .typing .dots")).to_be_visible()
    await page.close()
    server.answers.set()
    page = await visit(open="")
    await expect(lines(page)).to_have_text(["Вопрос", "Ответ: Вопрос"])
    await online(page)
    assert server.texts() == ["Вопрос"]


async def test_message_of_a_closed_tab_goes_out_from_the_next_one(
    visit: Visit, server: WidgetServer, context: BrowserContext
) -> None:
    page = await visit(open="")
    await online(page)
    await context.set_offline(True)
    await write(page, "Написано без связи")
    await expect(page.locator("zabota-chat .customer .meta")).to_contain_text("Ждёт связи")
    await page.close()
    assert server.texts() == []
    await context.set_offline(False)
    page = await visit(open="")
    await expect(lines(page)).to_have_text(["Написано без связи", "Ответ: Написано без связи"])
    assert len(server.talk.messages) == 2


async def test_committed_but_unacknowledged_message_of_a_closed_tab_is_shown_once(
    visit: Visit, server: WidgetServer
) -> None:
    server.acks.clear()
    page = await visit(open="")
    await write(page, "Вопрос")
    await server.until(lambda: server.texts() == ["Вопрос"])
    await page.close()
    server.acks.set()
    page = await visit(open="")
    await expect(lines(page)).to_have_text(["Вопрос", "Ответ: Вопрос"])
    await online(page)
    assert len(server.talk.messages) == 2
    assert "unacknowledged" not in await page.evaluate("JSON.stringify(localStorage)")


@pytest.mark.parametrize("way", ["socket", "stream"])
async def test_repeated_and_late_messages_are_put_right(visit: Visit, server: WidgetServer, way: str) -> None:
    server.refuse_sockets = way == "stream"
    server.answer = lambda _: []
    page = await visit(open="")
    await write(page, "Вопрос")
    server.duplicate = True
    server.lose = {3}
    await server.until(lambda: bool(server.talk.messages))
    for text in ("два", "три", "четыре"):
        await server.say(text)
    await expect(lines(page)).to_have_text(["Вопрос", "два", "три", "четыре"])


async def test_number_that_never_comes_does_not_stop_the_conversation(
    visit: Visit, server: WidgetServer
) -> None:
    server.answer = lambda _: []
    server.never = {2}
    page = await visit(open="")
    await write(page, "Вопрос")
    await server.until(lambda: bool(server.talk.messages))
    await server.say("стёрто")
    await server.say("осталось")
    await expect(lines(page)).to_have_text(["Вопрос", "осталось"])


async def test_blocked_sockets_are_replaced_by_a_stream(visit: Visit, server: WidgetServer) -> None:
    server.refuse_sockets = True
    page = await visit(open="")
    await write(page, "Раз")
    await write(page, "Два")
    await expect(lines(page, "customer")).to_have_text(["Раз", "Два"])
    await expect(lines(page, "assistant")).to_have_text(["Ответ: Раз", "Ответ: Два"])
    server.cut()
    await write(page, "Три")
    await expect(lines(page, "assistant").last).to_have_text("Ответ: Три")
    assert server.texts().count("Раз") == 1
    assert len(server.talk.messages) == 6


async def test_forgotten_visitor_begins_anew(visit: Visit, server: WidgetServer) -> None:
    page = await visit(open="")
    await write(page, "Вопрос")
    await expect(lines(page)).to_have_count(2)
    server.talks.clear()
    server.cut()
    await server.until(lambda: len(server.talks) == 1 and server.connected == 1)
    await expect(lines(page)).to_have_count(0)
    await write(page, "Снова")
    await expect(lines(page)).to_have_text(["Снова", "Ответ: Снова"])


async def test_two_tabs_are_one_conversation(visit: Visit, server: WidgetServer) -> None:
    one = await visit(open="")
    two = await visit(open="")
    await write(one, "Из первой")
    await expect(lines(two)).to_have_text(["Из первой", "Ответ: Из первой"])
    await write(two, "Из второй")
    for page in (one, two):
        await expect(lines(page)).to_have_text(
            ["Из первой", "Ответ: Из первой", "Из второй", "Ответ: Из второй"]
        )
    assert len(server.talks) == 1


async def test_long_past_is_loaded_on_request(visit: Visit, server: WidgetServer) -> None:
    page = await visit(open="")
    await online(page)
    await page.close()
    for number in range(1, 231):
        await server.say(f"№ {number}")
    page = await visit(open="")
    await expect(lines(page)).to_have_count(200)
    await expect(lines(page).last).to_have_text("№ 230")
    await page.get_by_role("button", name="Показать предыдущие сообщения").click()
    await expect(lines(page)).to_have_count(230)
    await expect(lines(page).first).to_have_text("№ 1")
    await expect(page.get_by_role("button", name="Показать предыдущие сообщения")).to_be_hidden()


async def test_blocked_storage_is_no_obstacle(
    visit: Visit, server: WidgetServer, context: BrowserContext
) -> None:
    await context.add_init_script(
        """for (const kind of ['localStorage', 'sessionStorage'])
            Object.defineProperty(window, kind, { get() { throw new DOMException('no'); } });"""
    )
    page = await visit(open="")
    await write(page, "Вопрос")
    await expect(lines(page)).to_have_text(["Вопрос", "Ответ: Вопрос"])
    server.cut()
    await write(page, "Ещё")
    await expect(lines(page)).to_have_text(["Вопрос", "Ответ: Вопрос", "Ещё", "Ответ: Ещё"])


# --- refusals and limits ---


async def test_refused_message_says_why_and_can_be_sent_again(visit: Visit, server: WidgetServer) -> None:
    server.refusal = {"code": "rate_limited", "text": "Подождите минуту, пожалуйста."}
    page = await visit(open="")
    await write(page, "Вопрос")
    await expect(page.locator("zabota-chat .customer .meta")).to_contain_text("Не отправлено")
    await expect(page.locator("zabota-chat .why")).to_have_text("Подождите минуту, пожалуйста.")
    await page.get_by_role("button", name="Отправить ещё раз").click()
    await expect(lines(page)).to_have_text(["Вопрос", "Ответ: Вопрос"])


async def test_press_that_is_no_longer_valid_can_be_removed(visit: Visit, server: WidgetServer) -> None:
    page = await visit(open="")
    await online(page)
    await server.say("Перенести?", buttons=["Да"])
    server.talk.buttons.clear()
    await choice(page, "Да").click()
    await expect(page.locator("zabota-chat .why")).to_contain_text("больше не действует")
    await expect(page.get_by_role("button", name="Отправить ещё раз")).to_have_count(0)
    await page.get_by_role("button", name="Удалить").click()
    await expect(lines(page, "customer")).to_have_count(0)


async def test_limit_is_shown_before_it_is_reached(visit: Visit, server: WidgetServer) -> None:
    page = await visit(open="")
    counter, send = page.locator("zabota-chat .counter"), page.get_by_role("button", name="Отправить")
    await expect(send).to_be_disabled()
    await field(page).fill("   ")
    await expect(send).to_be_disabled()
    await field(page).fill("а" * 3999)
    await expect(counter).to_have_text("Остался 1 символ")
    await field(page).fill("😀" * 4002)
    await expect(counter).to_have_text("Сократите, пожалуйста, на 2 символа")
    await field(page).press("Enter")
    await expect(send).to_be_disabled()
    await field(page).fill("😀" * 4000)
    await field(page).press("Enter")
    await expect(lines(page, "customer")).to_have_count(1)
    await server.until(lambda: server.texts() == ["😀" * 4000])


# --- noticing and reaching it ---


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
    await server.say("Продолжить?", buttons=["Да", "Нет"])
    await expect(choice(page, "Нет")).to_be_enabled()
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


# --- looks and words ---


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
    assert await dialog.bounding_box() == {"x": 0, "y": 0, "width": 360, "height": 640}
    await expect(dialog).to_have_attribute("aria-modal", "true")
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
