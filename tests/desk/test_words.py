"""People at the desk read words, in both languages, and never the keys that the code has for them."""

import ast
from enum import StrEnum

import pytest
from sqlalchemy import insert

from bot.desk.shell import texts
from bot.desk.summary import QUIET
from core import yml
from core.settings import ROOT
from crm_bridge.models import (
    AppointmentState,
    Decision,
    LoyaltyReason,
    Operation,
    Order,
    OrderState,
    Payment,
    PaymentMethod,
    PaymentState,
    Purpose,
    RefundState,
    SubscriptionState,
    TicketKind,
    TicketPriority,
    TicketState,
)
from crm_bridge.timeline import EventKind
from tests.desk.conftest import Browser, Console

RUNS = {"run", "_run", "_change", "once"}  # what carries an operation out, under a name
INNER = {"answer"}  # the intent of words that answer a question of the bot's


def operations() -> set[str]:
    """The names of all operations that may be carried out in a dialogue."""
    files = [file for file in (ROOT / "crm_bridge").rglob("*.py") if file.parent.name != "demo"]
    files.append(ROOT / "bot/desk/work.py")
    calls = [
        node for file in files for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)
    ]
    named = [call for call in calls if getattr(call.func, "attr", getattr(call.func, "id", "")) in RUNS]
    words = [word.value for call in named for word in call.args if isinstance(word, ast.Constant)]
    return {word for word in words if isinstance(word, str)}


def test_every_deed_has_words_for_the_summary() -> None:
    found = operations()
    assert len(found) > 25
    assert {"cancel_order", "compensate_delay", "change_plan", "message_times"} <= found
    assert [name for name in sorted(found - QUIET) if not texts.find(f"operation.{name}", "ru")] == []


def test_every_topic_has_words() -> None:
    domain = yml.parse((ROOT / "domain.yml").read_text(encoding="utf-8"))
    intents = {name if isinstance(name, str) else next(iter(name)) for name in domain["intents"]}
    assert [name for name in sorted(intents - INNER) if not texts.find(f"topic.{name}", "ru")] == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        *(("is", one) for one in (OrderState, RefundState, SubscriptionState, AppointmentState, TicketState)),
        ("payment", PaymentState),
        ("kind", TicketKind),
        ("priority", TicketPriority),
        ("event", EventKind),
        ("purpose", Purpose),
        ("consent", Decision),
        ("points", LoyaltyReason),
    ],
)
def test_every_state_has_words(kind: str, words: type[StrEnum]) -> None:
    assert [one.value for one in words if not texts.find(f"{kind}.{one.value}", "ru")] == []


async def test_sums_and_deeds_beside_a_dialogue(console: Console, agent: Browser) -> None:
    chat, now = await console.waiting("Мария"), console.clock.now()
    async with console.db.write() as session:
        order = Order(
            customer_id=1, number="1001", state=OrderState.SHIPPED, placed_at=now, total_minor=799_000,
            currency="RUB", delivery_method="courier", delivery_city="Москва",
        )  # fmt: skip
        session.add(order)
        await session.flush()
        paid = {"state": PaymentState.PAID, "amount_minor": 799_050, "currency": "RUB", "created_at": now}
        session.add(Payment(order_id=order.id, method=PaymentMethod.CARD, **paid))
        done = {"key": f"{chat}:m{chat}:points", "name": "compensate_delay", "result": {}, "created_at": now}
        await session.execute(insert(Operation).values(done))
    anna = await agent("anna")
    _, page = await anna.get(f"/desk/c/{chat}")
    read = page.replace("\u00a0", " ")
    assert "7 990 ₽" in read
    assert "7 990,50 ₽" in read
    assert "RUB" not in read
    assert "Уже сделано: компенсация за опоздание" in read, "under the message that brought it"
    _, history = await anna.get(f"/desk/c/{chat}/history")
    assert "7 990,50 ₽" in history.replace("\u00a0", " ")
    _, summary = await anna.get(f"/desk/c/{chat}/help")
    assert "компенсация за опоздание" in summary
