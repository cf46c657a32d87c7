"""A customer in a browser with the chat widget: asks, is answered, and is told what cannot be."""

from playwright.async_api import expect

from .conftest import Visit
from .widget import choice, field, launcher, lines, online, write
from .widget_server import WidgetServer


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
