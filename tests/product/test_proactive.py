"""On the running product: a parcel becomes late, its customer reads it, presses, and the dialogue knows."""

import os
import sys
from asyncio import create_subprocess_exec
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import Browser, expect
from sqlalchemy import select, update

from bot.proactive.book import RuleBook
from bot.proactive.explaining import why
from bot.proactive.rules import FOLDER
from bot.proactive.tables import DecisionRow, RuleState
from bot.proactive.working import SEND
from bot.web.staff.accounts import Accounts
from bot.web.staff.roles import Role
from core.clock import SystemClock
from core.jobs import EmbeddedQueue
from crm_bridge.identity import user_hash
from crm_bridge.models import Customer, Order
from tests.product.late_parcel import (
    NUMBER,
    PATIENCE,
    Chat,
    log_in,
    simulates_it,
    switches_it_on,
    the_parcel_becomes_late,
    writes_the_rule,
)
from tests.product.running import running_product, trained_models

LATE = (FOLDER / "late_delivery.yml").read_text(encoding="utf-8")


async def test_a_parcel_becomes_late_and_its_customer_changes_the_address(tmp_path: Path) -> None:
    async with running_product(
        tmp_path, trained_models(), site_secret="site", staff_secret="staff"
    ) as product:
        now, clock = datetime.now(UTC), SystemClock()
        pyotr = await product.customer(user_id="demo-1006", user_hash=user_hash(b"site", "demo-1006"))
        book = RuleBook(clock)
        async with product.db.write() as session:
            text = LATE.replace("holdout: 0.1", "holdout: 0").replace("spread: PT20M", "spread: PT0S")
            await book.write(session, text, "tests")
            await book.move(session, "late_delivery", RuleState.SIMULATED, "tests")
            await book.move(session, "late_delivery", RuleState.LIVE, "tests")
            customer_id = await session.scalar(
                select(Customer.id).where(Customer.external_ref == "demo-1006")
            )
            assert customer_id is not None
            offset = 13 - now.hour  # it is noon where they live, whenever this test runs
            noon = f"Etc/GMT{-offset:+d}" if -12 <= offset <= 14 else "Etc/GMT-14"
            awake = update(Customer).where(Customer.id == customer_id)
            await session.execute(awake.values(time_zone=noon, preferred_from=None, preferred_until=None))
            mine = Order.customer_id == customer_id
            await session.execute(update(Order).where(mine).values(promised_at=now + timedelta(days=9)))
            late = update(Order).where(Order.number == "1008")
            await session.execute(late.values(promised_at=now - timedelta(hours=2)))
        env = {"ZABOTA_DATABASE_URL": product.db.url.render_as_string(hide_password=False)}
        await _predict(env, tmp_path, customer_id)
        queue = EmbeddedQueue(product.db, clock)
        await queue.enqueue(SEND, {}, dedupe_key="tests")
        told = await pyotr.next_line()
        assert "заказ № 1008" in told["text"]
        pyotr.buttons = told["buttons"]
        answer = await pyotr.presses("Изменить адрес")
        assert "1008" in answer
        async with product.db.read() as session:
            [explained, *_] = [each for each in await why(session, customer_id) if each.sent_at]
            assert explained.why == "сообщение отправлено"
            decision = await session.scalar(select(DecisionRow).where(DecisionRow.sent_at.is_not(None)))
            assert decision is not None
            assert decision.message_id == told["id"]


async def _predict(env: dict[str, str], folder: Path, customer_id: int) -> None:
    whole = os.environ | env | {"ZABOTA_VAR": str(folder), "ZABOTA_MODELS": str(folder)}
    arguments = (str(customer_id - 1), str(customer_id))
    child = await create_subprocess_exec(sys.executable, "-m", "bot.proactive", *arguments, env=whole)
    assert await child.wait() == 0


PASSWORD = "a long password"


async def test_from_the_rule_to_its_effect_in_three_browsers(tmp_path: Path, browser: Browser) -> None:
    async with running_product(
        tmp_path, trained_models(), site_secret="site", staff_secret="staff"
    ) as product:
        accounts = Accounts(product.db, SystemClock(), b"staff")
        await accounts.add("vera", "Вера", PASSWORD, frozenset({Role.ADMINISTRATOR}), "tests")
        await accounts.add("anna", "Анна", PASSWORD, frozenset({Role.AGENT}), "tests")
        windows = [await browser.new_context(locale="ru-RU", timezone_id="Europe/Moscow") for _ in range(3)]
        vera, dmitry, anna = [await window.new_page() for window in windows]

        await log_in(vera, product, "vera", PASSWORD, "/proactive")
        await writes_the_rule(vera, product)
        await simulates_it(vera)
        await switches_it_on(vera)

        chat = Chat(dmitry)
        await chat.opens(product, "Дмитрий")
        await the_parcel_becomes_late(product)
        await chat.hears(f"заказ № {NUMBER} не успеет")
        await chat.presses("Изменить адрес")
        await chat.hears(f"Куда доставить заказ {NUMBER}?")
        await chat.writes("ул. Лесная, 5, кв. 10")
        await chat.hears("Меняем?")
        await chat.presses("Да, изменить")
        await chat.hears(f"Готово, заказ {NUMBER} поедет")
        async with product.db.read() as session:
            place = await session.scalar(select(Order.delivery_place).where(Order.number == NUMBER))
        assert place == "ул. Лесная, 5, кв. 10"

        await chat.writes("позовите живого человека")
        await chat.hears("Позвала сотрудника")
        await log_in(anna, product, "anna", PASSWORD, "/desk")
        await anna.locator("#rows a").first.click()
        said = anna.locator("ol.log")
        await expect(said).to_contain_text("Почему написали: обещали к", timeout=PATIENCE)

        await vera.goto(f"{product.base}/proactive/effect")
        row = vera.get_by_role("row").filter(has=vera.get_by_role("link", name="Посылка задержалась"))
        await expect(row.get_by_role("cell").nth(1)).to_have_text("1")
        for window in windows:
            await window.close()
