"""Dialogues beside the company's own CRM: it hears what changed, and its silence is told."""

import pytest
from sqlalchemy import select

from core.clock import ManualClock
from core.db import Database
from core.jobs.embedded import JobRow
from core.settings import Settings
from crm_bridge.models import Customer
from crm_bridge.sync.tables import CrmLink, CrmState, LinkState
from tests.actions.conftest import Open

CONFIG = """
accounts:
  shop:
    crm: {kind: amocrm, address: "http://127.0.0.1:9/", token: t, webhook_secret: open-sesame-0123456789}
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """An installation with a CRM."""
    (settings.var / "crm.yml").write_text(CONFIG)
    return settings


async def linked(shop: Database, clock: ManualClock, ref: str, *, answers: bool) -> None:
    async with shop.write() as session:
        customer = await session.scalar(select(Customer.id).where(Customer.external_ref == ref))
        session.add(
            CrmLink(
                account="shop",
                remote_id="7",
                customer_id=customer,
                state=LinkState.LIVE,
                seen_at=clock.now(),
                created_at=clock.now(),
            )
        )
        state = CrmState(account="shop", fresh_as_of=clock.now())
        state.failing_since = None if answers else clock.now()
        session.add(state)


async def test_while_the_crm_is_silent_the_customer_hears_from_when_the_data_is(
    chats: Open, shop: Database, clock: ManualClock
) -> None:
    await linked(shop, clock, "demo-1001", answers=False)
    maria = await chats("demo-1001")
    said = await maria.says("где мой заказ", "track_order")
    assert "по данным на сегодня в 12:00" in said
    assert "Заказ 1001" in said


async def test_while_it_answers_nothing_is_said_about_it(
    chats: Open, shop: Database, clock: ManualClock
) -> None:
    await linked(shop, clock, "demo-1001", answers=True)
    maria = await chats("demo-1001")
    assert "по данным" not in await maria.says("где мой заказ", "track_order")


async def test_the_crm_hears_of_what_a_dialogue_changed(
    chats: Open, shop: Database, clock: ManualClock
) -> None:
    await linked(shop, clock, "demo-1006", answers=True)
    dmitry = await chats("demo-1006")
    await dmitry.says("отменить заказ 1008", "cancel_order", order_id="1008")
    await dmitry.says("да", "affirm")
    async with shop.read() as session:
        kinds = (await session.scalars(select(JobRow.kind))).all()
    assert any("push" in kind for kind in kinds), kinds
