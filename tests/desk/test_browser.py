"""The desk in a real browser: by keyboard alone, live, on a broken network, and for everybody's eyes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from playwright.async_api import Browser, Page, Route, expect
from playwright.async_api import Error as PlaywrightError

from bot.gateway.outbox import Button, Line
from crm_bridge.models import Author, ContactKind, ContactPoint, Ticket, TicketKind, TicketState
from tests.desk.conftest import PASSWORD, Console
from tests.web.conftest import accessible

ANNA = 1  # her account; the dialogues of somebody who is not there go back to the queue
ROWS = "#rows li[data-id] a"
WITH_ALL = ("/desk/board", "/desk/canned", "/desk/cases", "/desk/agents/1")


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(locale="ru-RU", timezone_id="Europe/Moscow")
    context.set_default_timeout(30_000)
    yield await context.new_page()
    await context.close()


async def log_in(page: Page, console: Console, login: str = "anna") -> None:
    await page.goto(f"{console.url}/desk")
    await expect(page.locator("[name=login]")).to_be_focused()
    await page.keyboard.type(login)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("nav.rail")
    await page.wait_for_load_state("load")


async def takes(page: Page, console: Console) -> None:
    """Anna logs in and takes the first dialogue."""
    await log_in(page, console)
    await page.locator(ROWS).first.click()
    await page.wait_for_selector("ol.log")
    await page.wait_for_load_state("load")
    await page.get_by_role("button", name="Ответить самому").click()
    await page.wait_for_selector("#answer")
    await page.wait_for_load_state("load")


async def test_the_life_of_a_dialogue_by_keyboard_alone(console: Console, page: Page) -> None:
    chat = await console.waiting("Мария", "где мой заказ?", "track_order")
    await log_in(page, console)
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.locator("ol.log")).to_contain_text("где мой заказ?")
    await page.wait_for_load_state("load")
    await page.keyboard.press("t")
    answer = page.get_by_label("Ответ клиенту")
    await expect(answer).to_be_focused()
    await page.keyboard.type("Здравствуйте, Мария!")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("li.agent")).to_contain_text("Здравствуйте, Мария!")
    await expect(answer).to_have_value("")
    await expect(answer).to_be_focused()

    await console.says(chat, "спасибо, жду")
    await expect(page.locator("ol.log")).to_contain_text("спасибо, жду")

    await page.keyboard.press("Escape")
    await expect(page.locator("ol.log")).to_be_focused()
    await page.keyboard.press("n")
    await page.keyboard.type("@boris глянь")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("li.internal")).to_contain_text("глянь")

    await page.keyboard.press("Escape")
    await page.keyboard.press("s")
    await expect(page.locator("#later")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.locator(".head .marks")).to_contain_text("отложен до")
    await page.wait_for_load_state("load")

    await page.locator("ol.log").focus()
    await page.keyboard.press("b")
    await expect(page.locator(".who-owns")).to_contain_text("отвечает бот")
    assert await console.lines(chat, Author.AGENT) == ["Здравствуйте, Мария!"]


async def test_the_list_is_live_without_reloading(console: Console, page: Page) -> None:
    await log_in(page, console)
    await expect(page.locator(".lists > .nothing")).to_be_visible()
    first = await console.waiting("Мария", "первая")
    console.gateway.hub.publish(first)
    await expect(page.locator(ROWS)).to_have_count(1)
    urgent = await console.waiting("Ольга", "горит!", urgent=True)
    console.gateway.hub.publish(urgent)
    await expect(page.locator(ROWS).first).to_contain_text("Ольга")
    await expect(page.locator("[data-count=queue]")).to_have_text("2")
    async with console.db.write() as session:
        await console.gateway.ownership.take(session, urgent, 1, ANNA)
    console.gateway.hub.publish(urgent)
    await expect(page.locator(ROWS)).to_have_count(1)
    await expect(page.locator(ROWS).first).to_contain_text("Мария")


async def test_a_button_that_is_drawn_anew_under_the_finger_is_pressed(console: Console, page: Page) -> None:
    chat = await console.waiting("Мария")
    await log_in(page, console)
    await page.locator(ROWS).first.click()
    take = page.get_by_role("button", name="Ответить самому")
    await take.hover()
    await page.mouse.down()
    async with page.expect_response(f"**/desk/c/{chat}/log"):
        await console.says(chat, "вы здесь?")
    await page.mouse.up()
    await expect(page.get_by_role("button", name="Вопрос решён")).to_be_visible()
    await expect(page.locator("ol.log")).to_contain_text("вы здесь?")


async def test_news_of_ones_own_deed_does_not_lead_elsewhere(console: Console, page: Page) -> None:
    await console.waiting("Мария")
    await log_in(page, console)
    await page.locator(ROWS).first.click()
    await page.wait_for_load_state("load")

    async def slow(route: Route) -> None:
        answer = await route.fetch()
        await expect(page.locator("ol.log")).to_contain_text("подключился сотрудник")
        with contextlib.suppress(PlaywrightError):  # the page is gone, and the answer with it
            await route.fulfill(response=answer)

    await page.route("**/take", slow)
    await page.get_by_role("button", name="Ответить самому").click()
    await page.wait_for_url("**view=mine")
    await expect(page.get_by_label("Ответ клиенту")).to_be_visible()


async def test_what_is_typed_and_pressed_before_the_scripts_came_counts(console: Console, page: Page) -> None:
    await console.waiting("Мария")
    await takes(page, console)
    come = asyncio.Event()

    async def slow(route: Route) -> None:
        await come.wait()
        await route.continue_()

    await page.route("**/desk/composer.js", slow)
    await page.reload(wait_until="commit")
    answer = page.get_by_label("Ответ клиенту")
    await answer.press_sequentially("Здравствуйте")
    await page.get_by_role("button", name="Вернуть боту").click()
    async with page.expect_request("**/typing"), page.expect_request("**/hand_back"):
        come.set()
    await expect(page.get_by_role("button", name="Ответить самому")).to_be_visible()


async def test_search_ready_answers_and_teaching(console: Console, page: Page) -> None:
    await console.waiting("Мария", "чайник протекает", "technical_problem")
    await console.waiting("Ольга", "где курьер", "track_order")
    await log_in(page, console)
    await page.keyboard.press("/")
    await page.keyboard.type("протекающий чайник")
    await page.keyboard.press("Enter")
    await expect(page.locator(ROWS)).to_have_count(1)
    await page.locator(ROWS).first.click()
    await page.wait_for_selector("ol.log")
    await page.wait_for_load_state("load")
    await page.get_by_role("button", name="Ответить самому").click()
    answer = page.get_by_label("Ответ клиенту")
    await expect(answer).to_be_focused()
    await page.keyboard.type("/прив")
    await expect(page.get_by_role("option", name="Приветствие")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(answer).to_have_value("Здравствуйте, Мария! Меня зовут Anna. Читаю вашу переписку, минутку.")
    await page.locator(".understood .link").first.click()
    await page.locator("[name=intent]").select_option("warranty_repair")
    await page.get_by_role("button", name="Запомнить").click()
    await expect(page.locator(".taught")).to_contain_text("гарантия")


async def test_a_text_that_was_not_sent_is_still_there_after_a_reload(console: Console, page: Page) -> None:
    await console.waiting("Мария")
    await takes(page, console)
    await page.get_by_label("Ответ клиенту").fill("Почти дописала")
    await page.reload()
    await expect(page.get_by_label("Ответ клиенту")).to_have_value("Почти дописала")


async def test_on_a_broken_network_nothing_is_lost_and_nothing_said_twice(
    console: Console, page: Page
) -> None:
    chat = await console.waiting("Мария")
    await takes(page, console)
    answer, send = (
        page.get_by_label("Ответ клиенту"),
        page.get_by_role("button", name="Отправить", exact=True),
    )
    await page.context.set_offline(True)
    await answer.fill("Слышите меня?")
    await send.click()
    await expect(page.locator("#notice")).to_contain_text("Нет связи")
    await expect(answer).to_have_value("Слышите меня?")
    await page.context.set_offline(False)

    async def answer_is_lost(route: Route) -> None:
        await route.fetch()  # the server has it
        await route.abort()

    await page.route("**/answer", answer_is_lost, times=1)
    await send.click()
    await expect(page.locator("#notice")).to_contain_text("Нет связи")
    await expect(answer).to_have_value("Слышите меня?")
    await send.dblclick()
    await expect(answer).to_have_value("")
    await expect(page.locator("li.agent")).to_have_count(1)
    assert await console.lines(chat, Author.AGENT) == ["Слышите меня?"]


async def test_what_is_typed_while_an_answer_is_on_its_way_stays(console: Console, page: Page) -> None:
    chat = await console.waiting("Мария")
    await takes(page, console)
    answer = page.get_by_label("Ответ клиенту")

    async def slow(route: Route) -> None:
        await answer.press_sequentially(" И ещё одно")
        await route.continue_()

    await page.route("**/answer", slow, times=1)
    await answer.fill("Добрый день!")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("li.agent")).to_contain_text("Добрый день!")
    await expect(answer).to_have_value("И ещё одно")
    await page.reload()
    await expect(answer).to_have_value("И ещё одно")
    assert await console.lines(chat, Author.AGENT) == ["Добрый день!"]


LISTENING = """
  window.called = [];
  window.beeps = 0;
  window.Notification = class extends EventTarget {
    static permission = "default";
    static async requestPermission() { return (Notification.permission = "granted"); }
    constructor(title, options) {
      super();
      window.called.push(`${title} | ${options.body}`);
      document.documentElement.dataset.called = window.called.length;
    }
  };
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...when) { window.beeps += 1; return start.apply(this, when); };
"""


async def test_who_is_called_hears_and_sees_it_and_can_silence_both(console: Console, page: Page) -> None:
    chat = await console.waiting("Мария")
    async with console.db.write() as session:
        await console.gateway.ownership.take(session, chat, 1, 1)
        await console.gateway.handoffs.answered(session, chat, 1)
    await page.add_init_script(LISTENING)
    await log_in(page, console)
    sound, desktop = page.locator("#sound"), page.locator("#desktop")
    for switch in (sound, desktop):
        await expect(switch).to_have_attribute("aria-pressed", "false")
        await switch.click()
        await expect(switch).to_have_attribute("aria-pressed", "true")
    # What comes in the first second after loading calls nobody: the page shows it anyway.
    await page.evaluate("new Promise((done) => setTimeout(done, 1100))")
    await console.says(chat, "вы ещё здесь?")
    await expect(page.locator("html")).to_have_attribute("data-called", "1")
    assert await page.evaluate("[window.called, window.beeps]") == [
        ["Новое сообщение: Мария Иванова | вы ещё здесь?"],
        2,  # the first was to show what it sounds like
    ]
    for switch in (sound, desktop):
        await switch.click()
        await expect(switch).to_have_attribute("aria-pressed", "false")
    console.clock.advance(timedelta(seconds=5))
    await console.says(chat, "алло!")
    await expect(page.locator("[data-count=mine]")).to_have_text("1")
    await page.goto(f"{console.url}/desk?view=mine")
    await expect(page.locator(ROWS)).to_contain_text("алло!")
    console.clock.advance(timedelta(seconds=5))
    await console.says(chat, "ну что?")
    await expect(page.locator(ROWS)).to_contain_text("ну что?")
    assert await page.evaluate("[window.called.length, window.beeps]") == [0, 0], "of this page: silence"


async def test_contacts_are_not_broken_in_the_middle(console: Console, page: Page) -> None:
    chat = await console.waiting("Мария")
    async with console.db.write() as session:
        for kind, value in (
            (ContactKind.PHONE, "+79160001001"),
            (ContactKind.EMAIL, "maria.sokolova@example.com"),
        ):
            session.add(ContactPoint(customer_id=1, kind=kind, value=value, created_at=console.clock.now()))
    await log_in(page, console)
    for width in (390, 700, 1100, 1366, 1920):
        await page.set_viewport_size({"width": width, "height": 800})
        await page.goto(f"{console.url}/desk/c/{chat}")
        lines = await page.locator("dd.contact").evaluate_all(
            "(all) => { const one = document.querySelector('dd').clientHeight;"
            " return all.map((it) => [it.textContent[0], Math.round(it.clientHeight / one)]); }"
        )
        taken = dict(lines)
        assert taken["+"] == 1, width
        assert taken["m"] <= 2, (width, "at the @, if at all")


async def test_a_case_is_solved_beside_the_dialogue_and_in_the_list(console: Console, page: Page) -> None:
    chat = await console.waiting("Мария")
    for number, subject in enumerate(("Чайник течёт", "Вернуть деньги"), 1):
        async with console.db.write() as session:
            session.add(Ticket(
                customer_id=1, number=f"T-{number:05}", kind=TicketKind.COMPLAINT, state=TicketState.OPEN,
                subject=subject, conversation_id=chat, opened_at=console.clock.now(),
                due_at=console.clock.now() + timedelta(hours=number), updated_at=console.clock.now(),
            ))  # fmt: skip
    await log_in(page, console)
    await page.goto(f"{console.url}/desk/c/{chat}")
    case = page.locator(".case", has_text="Чайник течёт")
    await case.locator("summary").click()
    await case.get_by_label("Состояние").select_option("in_progress")
    await case.get_by_role("button", name="Изменить").click()
    await expect(case.get_by_role("status")).to_contain_text("в работе")
    await case.get_by_label("Состояние").select_option("solved")
    await case.get_by_role("button", name="Изменить").click()
    await expect(case.get_by_role("status")).to_contain_text("решено")
    await page.goto(f"{console.url}/desk/cases")
    await expect(page.locator(".case")).to_have_count(1)
    await page.locator(".case summary").click()
    await page.locator(".case").get_by_role("link").click()
    await expect(page.locator("ol.log")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_accessible(console: Console, page: Page, scheme: str) -> None:
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    await page.goto(f"{console.url}/staff/login")
    await accessible(page)
    chat = await console.waiting("Мария", "где заказ?", "track_order", vip=True, urgent=True)
    async with console.db.write() as session:
        session.add(Ticket(
            customer_id=1, number="T-00001", kind=TicketKind.COMPLAINT, state=TicketState.OPEN,
            subject="Чайник течёт", conversation_id=chat, opened_at=console.clock.now(),
            due_at=console.clock.now() + timedelta(hours=1), updated_at=console.clock.now(),
        ))  # fmt: skip
    async with console.db.write() as session:
        line = Line("Чем помочь?", [Button("Где мой заказ?", "track_order")])
        await console.gateway.outbox.say(session, chat, [line], author=Author.ASSISTANT, epoch=1)
    await log_in(page, console, "boris")
    await accessible(page)
    await page.locator(ROWS).click()
    await page.wait_for_selector("ol.log")
    await page.wait_for_selector(".summary")
    await page.wait_for_load_state("load")
    await accessible(page)
    await page.get_by_role("button", name="Ответить самому").click()
    await page.wait_for_selector("#answer")
    for part in await page.locator(".side summary").all():
        if not await part.evaluate("(summary) => summary.parentElement.open"):
            await part.click()
    await page.get_by_role("button", name="Передать").first.click()
    await page.get_by_role("button", name="Отложить").first.click()
    await page.get_by_label("Ответ клиенту").press_sequentially("/при")
    await expect(page.locator("#choices li").first).to_be_visible()
    await accessible(page)
    for path in ("/staff/account", *WITH_ALL, f"/desk/c/{chat}/review"):
        await page.goto(console.url + path)
        await accessible(page)


@pytest.mark.parametrize("width", [360, 768, 1280, 3840])
async def test_no_page_is_wider_than_the_screen(console: Console, page: Page, width: int) -> None:
    chat = await console.waiting("Константиния-Мария", "а" * 300, "track_order", vip=True)
    await page.set_viewport_size({"width": width, "height": 800})
    await log_in(page, console, "boris")
    for path in ("/desk", f"/desk/c/{chat}", *WITH_ALL, f"/desk/c/{chat}/review"):
        await page.goto(console.url + path)
        overflow = await page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0, (path, width)
