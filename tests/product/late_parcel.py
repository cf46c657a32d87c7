"""The story of a late parcel, told in three browsers: for its test, and for the pictures of it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from playwright.async_api import Page, expect
from sqlalchemy import select, update

from bot.proactive.rules import FOLDER
from bot.proactive.working import SCORE
from core.clock import SystemClock
from core.jobs import EmbeddedQueue
from crm_bridge.models import Customer, Order
from tests.product.running import Product

PATIENCE = 60_000  # milliseconds; only a failing story waits so long
RULE = (
    (FOLDER / "late_delivery.yml")
    .read_text(encoding="utf-8")
    .replace("name: late_delivery", "name: parcel_late", 1)
    .replace("ru: Заказ опоздает", "ru: Посылка задержалась")
    .replace("priority: 10", "priority: 1")
    .replace("holdout: 0.1", "holdout: 0")
    .replace("spread: PT20M", "spread: PT0S")
)
WHO, NUMBER = "demo-1006", "1008"


async def log_in(page: Page, product: Product, login: str, password: str, to: str) -> None:
    await page.goto(f"{product.base}/staff/login?to={to}")
    await page.locator("[name=login]").fill(login)
    await page.locator("[name=password]").fill(password)
    await page.keyboard.press("Enter")
    await expect(page.locator(".top .me")).to_be_visible(timeout=PATIENCE)


async def writes_the_rule(page: Page, product: Product) -> None:
    """An administrator writes a new rule; it is a draft."""
    await page.goto(f"{product.base}/proactive/rules/new")
    await page.locator("textarea[name=text]").fill(RULE)
    await expect(page.locator(".previews figure")).to_have_count(8, timeout=PATIENCE)
    await page.get_by_role("button", name="Сохранить черновик").click()
    await expect(page.locator("h1 .state")).to_have_text("черновик", timeout=PATIENCE)


async def simulates_it(page: Page, days: int = 3) -> None:
    """They try it on the past, and look again until it is done."""
    await page.locator("[name=days]").fill(str(days))
    await page.get_by_role("button", name="Прогнать на прошлых данных").click()
    await expect(page.get_by_role("status")).to_contain_text("Прогон начат", timeout=PATIENCE)
    base = page.url.removesuffix("/simulate")
    for _ in range(PATIENCE // 500):
        await page.goto(base)
        if await page.locator("h1 .state").inner_text() != "черновик":
            break
        await page.wait_for_timeout(500)
    await expect(page.locator("h1 .state")).to_have_text("проверено прогоном")


async def switches_it_on(page: Page) -> None:
    await page.get_by_role("button", name="Включить").click()
    await expect(page.locator("h1 .state")).to_have_text("работает", timeout=PATIENCE)


@dataclass
class Chat:
    """The customer's window."""

    page: Page

    async def opens(self, product: Product, name: str) -> None:
        """They sign in on the shop's page and open the chat."""
        await self.page.goto(f"{product.base}/?lang=ru")
        await self.page.locator("form[action^='/demo/sign-in']").get_by_role("button", name=name).click()
        await expect(self.page.locator("form[action^='/demo/sign-out']").first).to_be_visible()
        await self.page.locator("zabota-chat").get_by_role("button").first.click()
        await expect(self.page.locator("zabota-chat").get_by_role("textbox")).to_be_visible(timeout=PATIENCE)

    async def hears(self, text: str) -> None:
        log = self.page.locator("zabota-chat").get_by_role("log")
        await expect(log).to_contain_text(text, timeout=PATIENCE)

    async def presses(self, title: str) -> None:
        await self.page.locator("zabota-chat").get_by_role("button", name=title).last.click()

    async def writes(self, text: str) -> None:
        field = self.page.locator("zabota-chat").get_by_role("textbox")
        await field.fill(text)
        await field.press("Enter")


async def the_parcel_becomes_late(product: Product) -> None:
    """The promised time is over; the next round finds it. It is noon where they live, whenever this runs."""
    now = datetime.now(UTC)
    offset = 13 - now.hour
    noon = f"Etc/GMT{-offset:+d}" if -12 <= offset <= 14 else "Etc/GMT-14"
    async with product.db.write() as session:
        who = await session.scalar(select(Customer.id).where(Customer.external_ref == WHO))
        awake = update(Customer).where(Customer.id == who)
        await session.execute(awake.values(time_zone=noon, preferred_from=None, preferred_until=None))
        mine = Order.customer_id == who
        await session.execute(update(Order).where(mine).values(promised_at=now + timedelta(days=9)))
        late = update(Order).where(Order.number == NUMBER)
        await session.execute(late.values(promised_at=now - timedelta(hours=2)))
    if who is None:
        raise LookupError(WHO)
    queue = EmbeddedQueue(product.db, SystemClock())
    await queue.enqueue(SCORE, {"after": who - 1, "until": who}, dedupe_key="the next round, now")
