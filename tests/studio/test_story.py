"""The whole story: a new kind of question, an administrator, and the next customer is answered."""

import asyncio
import contextlib
import itertools
import shutil
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Browser, expect

from bot.web.staff.accounts import Accounts
from bot.web.staff.roles import Role
from core.clock import SystemClock
from core.settings import ROOT
from tests.product.customer import Customer
from tests.product.running import Product, running_product, trained_models

PASSWORD = STAFF_SECRET = "a long password"
RATE = 20  # turns a second
TALKERS = 10
QUESTIONS = (
    "какие есть способы доставки?",
    "как можно оплатить?",
    "где ваши магазины?",
    "есть ли подарочная упаковка?",
    "сколько действует гарантия?",
    "how long does delivery take?",
)
PATIENCE = 600_000  # ms; a busy machine trains slowly


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    shutil.copytree(ROOT / "data", root / "data")
    for name in ("domain.yml", "config.yml", "endpoints.yml"):
        shutil.copy(ROOT / name, root / name)
    talks = ROOT / "tests/conversations"
    shutil.copytree(talks, root / "tests/conversations", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return root


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained_models(), tmp_path / "models"))


@dataclass
class Load:
    """Customers who go on writing, as many turns a second as `RATE`."""

    product: Product
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    seconds: list[float] = field(default_factory=list)
    sent: int = 0
    began: float = 0.0
    ended: float = 0.0

    async def run(self) -> None:
        self.began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(TALKERS):
                group.create_task(self._talk(f"127.0.0.{10 + number}"))
        self.ended = time.monotonic()

    @property
    def rate(self) -> float:
        """Turns a second that were answered."""
        return len(self.seconds) / (self.ended - self.began)

    async def _talk(self, address: str) -> None:
        """One after the other from an address of their own: one address may open sixty chats a minute."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        connector = aiohttp.TCPConnector(local_addr=(address, 0))
        async with aiohttp.ClientSession(connector=connector) as http:
            for question in itertools.cycle(QUESTIONS):
                if self.stop.is_set():
                    return
                if question == QUESTIONS[0]:  # who asks the same again and again is handed to a person
                    customer = await Customer.arrive(http, self.product.base, self.product.db)
                self.sent += 1
                began = time.monotonic()
                with contextlib.suppress(TimeoutError):  # not answered: it counts as lost
                    assert await customer.says(question)
                    self.seconds.append(time.monotonic() - began)
                due += TALKERS / RATE  # who was answered late catches up
                await asyncio.sleep(max(0.0, due - loop.time()))


@pytest.mark.slow
async def test_a_new_kind_of_question_is_answered_within_minutes_and_without_a_restart(
    project: Path, models: Path, tmp_path: Path, browser: Browser
) -> None:
    async with AsyncExitStack() as stack:
        product = await stack.enter_async_context(
            running_product(
                tmp_path,
                models,
                project=str(project),
                staff_secret=STAFF_SECRET,
                messages_per_minute="100000",
            )
        )
        accounts = Accounts(product.db, SystemClock(), STAFF_SECRET.encode())
        await accounts.add("chief", "Вера", PASSWORD, frozenset({Role.ADMINISTRATOR}), "tests")
        for text in (
            "делаете гравировку на часах?",
            "а гравировку на часах делаете",
            "гравировку делаете на часах",
        ):
            customer = await product.customer()
            assert "гравируем" not in await customer.says(text)

        context = await browser.new_context(locale="ru-RU")
        context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=60_000)
        page = await context.new_page()
        load = Load(product)
        talking = asyncio.create_task(load.run())
        began = time.monotonic()
        await page.goto(f"{product.base}/staff/login?to=/studio")
        await page.fill("[name=login]", "chief")
        await page.fill("[name=password]", PASSWORD)
        await page.press("[name=password]", "Enter")
        card = page.locator("article.group", has_text="гравировку")
        for _ in range(30):
            await page.goto(f"{product.base}/studio")
            if await card.count():
                break
            await page.wait_for_timeout(1000)
        await card.locator("summary").click()
        await card.locator("[name=name]").fill("engraving")
        await card.locator("[name=ru]").fill("Да, гравируем: от 500 рублей, готово за день.")
        await card.locator("[name=en]").fill("Yes, we engrave: from 500 roubles, within a day.")
        await card.get_by_role("button", name="Создать тему").click()
        await expect(page.locator(".decided")).to_contain_text("гравировку")

        await page.goto(f"{product.base}/studio/training")
        await page.get_by_role("button", name="Начать обучение").click()
        await page.wait_for_url("**/studio/runs/*")
        trained = time.monotonic() - began
        await expect(page.locator("section.verdict")).to_contain_text("не хуже", timeout=5000)

        await page.get_by_role("button", name="Включить").click()
        await page.wait_for_url("**/studio/models")
        answer = ""
        for _ in range(60):
            newcomer = await product.customer()
            answer = await newcomer.says("вы делаете гравировку на часах?")
            if "гравируем" in answer:
                break
            await asyncio.sleep(0.5)
        whole = time.monotonic() - began
        await asyncio.sleep(2)
        load.stop.set()
        await talking
        lost = load.sent - len(load.seconds)
        print(
            f"trained after {trained:.0f} s, answered after {whole:.0f} s; meanwhile {load.sent} turns, "
            f"{load.rate:.1f} a second, lost {lost}, longest {max(load.seconds):.2f} s, "
            f"median {sorted(load.seconds)[len(load.seconds) // 2]:.3f} s"
        )
        assert "гравируем" in answer
        assert lost == 0
        await context.close()
