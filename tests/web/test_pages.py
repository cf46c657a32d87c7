"""The demo shop and its page of outgoing messages, as the person trying the product sees them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from playwright.async_api import BrowserContext, expect

from .conftest import accessible
from .widget_server import CSP, WidgetServer, served

TEMPLATES = Path(__file__).parents[2] / "bot" / "web" / "templates"
CUSTOMERS = [
    {
        "id": "c1",
        "name": "Анна Соколова",
        "language": "ru",
        "situation": "Ждёт заказ, который уже в пути",
        "phone": "+7 900 000-00-01",
        "email": "anna.sokolova@example.ru",
        "orders": [{"number": "1001", "status": "shipped"}, {"number": "1002", "status": "weighed_again"}],
    },
    {
        "id": "c2",
        "name": "Emily <Carter>",
        "language": "en",
        "phone": "+44 7700 900001",
        "email": "emily.carter@example.com",
        "orders": ["1003"],
    },
]


class Demo:
    """The shop's pages with what the gateway would give them."""

    def __init__(self) -> None:
        self.user: dict[str, str] | None = None
        self.notices: list[dict[str, Any]] = []
        self.posted: list[tuple[str, dict[str, str]]] = []
        self.url = ""
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
        )

    def _render(self, request: web.Request, name: str, **context: Any) -> web.Response:
        text = self._templates.get_template(name).render(lang=request.query.get("lang", "ru"), **context)
        policy = CSP.format(server="'self'", socket="").replace("; require-trusted-types-for 'script'", "")
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def shop(self, request: web.Request) -> web.Response:
        return self._render(request, "shop.html", user=self.user, customers=CUSTOMERS, csrf="token")

    async def outbox(self, request: web.Request) -> web.Response:
        return self._render(request, "demo_outbox.html", notices=self.notices)

    async def post(self, request: web.Request) -> web.Response:
        self.posted.append(
            (request.path, {name: str(value) for name, value in (await request.post()).items()})
        )
        raise web.HTTPSeeOther("/")


@pytest.fixture
async def demo() -> AsyncIterator[Demo]:
    demo = Demo()
    app = WidgetServer().application()
    app.router.add_get("/", demo.shop)
    app.router.add_get("/demo/outbox", demo.outbox)
    app.router.add_post("/demo/{what}", demo.post)
    async with served(app) as demo.url:
        yield demo


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("lang", "title"), [("ru", "Дом, в котором всё работает"), ("en", "A home where everything works")]
)
async def test_shop_speaks_both_languages(
    context: BrowserContext, demo: Demo, lang: str, title: str, scheme: Any
) -> None:
    page = await context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await page.goto(f"{demo.url}/?lang={lang}")
    await expect(page.get_by_role("heading", level=1)).to_have_text(title)
    await expect(page.locator(".goods li")).to_have_count(8)
    await expect(page.locator("zabota-chat .launcher")).to_be_visible()
    await accessible(page)
    assert said == []


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
async def test_shop_fits_every_screen(context: BrowserContext, demo: Demo, width: int) -> None:
    page = await context.new_page()
    await page.set_viewport_size({"width": width, "height": 800})
    await page.goto(demo.url)
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_order_is_asked_about_in_the_customers_language(context: BrowserContext, demo: Demo) -> None:
    page = await context.new_page()
    await page.goto(f"{demo.url}/?lang=en")
    await expect(page.locator(".customers li").nth(1)).to_contain_text("Emily <Carter>")
    await page.get_by_role("button", name="Ask about order 1001, on its way").click()
    await expect(page.locator("zabota-chat textarea")).to_have_value("Где мой заказ 1001?")
    await expect(page.locator("zabota-chat textarea")).to_be_focused()
    await expect(page.get_by_role("button", name="1002, weighed again")).to_be_visible()
    await page.get_by_role("button", name="Ask about order 1003", exact=True).click()
    await expect(page.locator("zabota-chat textarea")).to_have_value("Where is my order 1003?")


async def test_signing_in_and_out(context: BrowserContext, demo: Demo) -> None:
    page = await context.new_page()
    await page.goto(demo.url)
    async with page.expect_response(lambda answer: "/demo/sign-in" in answer.url):
        await page.get_by_role("button", name="Войти на сайт: Анна Соколова").click()
    demo.user = {"id": "c1", "hash": "f00d", "name": "Анна Соколова"}
    await page.goto(demo.url)
    await expect(page.locator("zabota-chat")).to_have_attribute("user-hash", "f00d")
    await expect(page.locator(".signed-in")).to_contain_text("Вы вошли как Анна Соколова")
    async with page.expect_response(lambda answer: "/demo/sign-out" in answer.url):
        await page.get_by_role("banner").get_by_role("button", name="Выйти").click()
    assert demo.posted == [
        ("/demo/sign-in", {"csrf": "token", "customer": "c1"}),
        ("/demo/sign-out", {"csrf": "token"}),
    ]


async def test_code_appears_without_reloading(context: BrowserContext, demo: Demo) -> None:
    page = await context.new_page()
    await page.goto(f"{demo.url}/demo/outbox")
    await expect(page.locator(".empty")).to_contain_text("Пока ничего не отправлено")
    await accessible(page)
    nine = datetime(2026, 5, 4, 9, tzinfo=UTC)
    demo.notices = [
        {"at": nine, "channel": "sms", "to": "+7 900 000-00-01", "text": "Код: 482913"},
        {"at": nine, "channel": "email", "to": "a@example.ru", "text": "<b>Привет</b>"},
    ]
    await expect(page.locator("#notices b")).to_have_text("482913")
    await expect(page.get_by_role("button", name="Скопировать код", exact=True)).to_have_count(1)
    await expect(page.locator("#notices time").first).to_contain_text(
        "12:00:00"
    )  # the reader's own time zone
    await expect(page.locator("#notices .text").last).to_have_text("<b>Привет</b>")
    await accessible(page)
    first = await page.locator("#notices li").first.element_handle()
    await page.wait_for_event("requestfinished")
    assert first is not None
    assert await first.evaluate("node => node.isConnected")  # unchanged list, untouched page


async def test_outbox_in_english(context: BrowserContext, demo: Demo) -> None:
    page = await context.new_page()
    await page.goto(f"{demo.url}/demo/outbox?lang=en")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Outgoing messages")
