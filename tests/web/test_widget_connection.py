"""Whatever happens to the connection, what a customer writes arrives once and is shown once."""

import pytest
from playwright.async_api import BrowserContext, expect

from .conftest import Visit
from .widget import lines, online, write
from .widget_server import WidgetServer


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
    await server.until(lambda: any(talk.messages for talk in server.talks.values()))
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
    await server.until(lambda: any(talk.messages for talk in server.talks.values()))
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
