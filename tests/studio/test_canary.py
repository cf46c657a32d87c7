"""Shadow and canary in the whole product: real engine, real model, real conversations."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest
from sqlalchemy import select

from bot.studio.tables import Difference, Trial
from crm_bridge.models import Author, Message
from tests.studio.shop import SECOND, Shop, running_shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # starts the product, trains, kills: minutes
PATIENCE = 120  # seconds; a busy machine is slow
ENGINE = "bot.engine.launcher"


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with running_shop(tmp_path_factory.mktemp("canary")) as running:
        yield running


def megabytes(shop: Shop) -> float:
    """Private memory of the engine."""
    return float(psutil.Process(shop.product.process(ENGINE).pid).memory_full_info().uss) / 2**20


async def holds(shop: Shop, candidate: dict[str, Any] | None) -> None:
    """Wait until the engine has this candidate."""
    async with asyncio.timeout(PATIENCE):
        while await shop.candidate() != candidate:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)


async def by_model(shop: Shop, text: str) -> dict[str, set[str]]:
    """Conversations in which this was said, by the model that answered."""
    query = select(Message.conversation_id, Message.details).where(
        Message.author == Author.CUSTOMER, Message.text == text
    )
    found: dict[str, set[str]] = {}
    async with shop.product.db.read() as session:
        for conversation, details in await session.execute(query):
            found.setdefault(details["model"]["file"], set()).add(conversation)
    return found


async def test_a_model_is_tried_on_real_conversations_and_leaves_no_trace(shop: Shop) -> None:
    live = shop.registry.live_model()
    assert live is not None
    shadowed = "какие есть способы доставки?"
    assert await (await shop.product.customer()).says(shadowed)  # an engine that has worked before
    ordinary = megabytes(shop)
    assert await shop.posts("/studio/trials", model=SECOND, stage="shadow") == 303
    await holds(shop, {"file": SECOND, "share": 0})
    for _ in range(3):
        assert await (await shop.product.customer()).says(shadowed)
    async with asyncio.timeout(PATIENCE):
        while (await last(shop)).scored < 3:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.5)
    trial = await last(shop)
    assert (trial.scored, trial.agreed) == (3, 3)  # it is the same model under another name
    assert set(await by_model(shop, shadowed)) == {live.file}

    reason = "проверяем канарейку на нескольких разговорах"
    assert await shop.posts("/studio/trials", model=SECOND, stage="canary", share="50", reason=reason) == 303
    await holds(shop, {"file": SECOND, "share": 50})
    tried = megabytes(shop)
    first, again = "как можно оплатить?", "где ваши магазины?"
    for _ in range(12):
        customer = await shop.product.customer()
        for text in (first, again):
            assert await customer.says(text)
    answered = await by_model(shop, first)
    assert set(answered) == {live.file, SECOND}
    assert await by_model(shop, again) == answered  # a conversation stays with its model

    assert await shop.posts("/studio/trials/stop") == 303
    await holds(shop, None)
    assert await (await shop.product.customer()).says("после проверки как оплатить?")
    after = megabytes(shop)
    print(f"engine {ordinary:.0f} MB, with a candidate {tried:.0f} MB, afterwards {after:.0f} MB")
    assert after < ordinary + 40
    async with shop.product.db.read() as session:
        assert list(await session.scalars(select(Difference))) == []


async def test_a_canary_comes_back_after_its_engine_was_killed(shop: Shop) -> None:
    reason = "проверяем канарейку на нескольких разговорах"
    assert await shop.posts("/studio/trials", model=SECOND, stage="canary", share="10", reason=reason) == 303
    await holds(shop, {"file": SECOND, "share": 10})
    shop.product.kill(ENGINE)
    customer = await shop.product.customer()
    assert await customer.says("какие есть способы доставки?")
    await holds(shop, {"file": SECOND, "share": 10})
    await shop.settled()
    assert await shop.posts("/studio/trials/stop") == 303
    await holds(shop, None)


async def last(shop: Shop) -> Trial:
    async with shop.product.db.read() as session:
        found = await session.scalar(select(Trial).order_by(Trial.id.desc()).limit(1))
    assert found is not None
    return found
