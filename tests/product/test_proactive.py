"""On the running product: a parcel becomes late, its customer reads it, presses, and the dialogue knows."""

import os
import sys
from asyncio import create_subprocess_exec
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update

from bot.proactive.book import RuleBook
from bot.proactive.explaining import why
from bot.proactive.rules import FOLDER
from bot.proactive.tables import DecisionRow, RuleState
from bot.proactive.working import SEND
from core.clock import SystemClock
from core.jobs import EmbeddedQueue
from crm_bridge.identity import user_hash
from crm_bridge.models import Customer, Order
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
