"""Processes die in the middle of a turn: the customer gets exactly one answer."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientError
from sqlalchemy import func, select

from bot.gateway.tables import Inbox
from crm_bridge.models import Author, Message
from tests.product.customer import Customer
from tests.product.running import Product, running_product

CHANCE = random.Random(7)


@pytest.fixture(scope="module")
async def mortal(models: Path) -> AsyncIterator[Product]:
    """A product whose processes are going to be killed."""
    with tempfile.TemporaryDirectory() as folder:
        async with running_product(Path(folder), models, messages_per_minute="10000") as running:
            yield running


async def killed(product: Product, module: str) -> None:
    """Kill -9 and wait until the supervisor's next one answers."""
    pid = product.process(module).pid
    product.kill(module)
    async with asyncio.timeout(60):
        while True:
            await asyncio.sleep(0.1)  # another process: there is no event to wait for
            try:
                if product.process(module).pid == pid:
                    continue
                async with product.http.get(f"{product.base}/health") as response:
                    if response.status == 200:
                        return
            except (LookupError, ClientError):
                continue


async def answers(product: Product, customer: Customer) -> int:
    async with product.db.read() as session:
        said = select(func.count()).where(
            Message.conversation_id == customer.conversation_id,
            Message.author == Author.ASSISTANT,
            Message.seq.is_not(None),
        )
        return await session.scalar(said) or 0


@pytest.mark.parametrize("module", ["bot.engine.launcher", "actions.server", "bot.web"])
async def test_exactly_one_answer_whatever_dies(mortal: Product, module: str) -> None:
    for _ in range(3):
        customer = await mortal.customer()
        await customer.says("привет")
        before = await answers(mortal, customer)
        client_id = await customer.sends("где мой заказ 1001?")
        await asyncio.sleep(CHANCE.uniform(0, 0.06))  # a moment of the turn, any moment
        await killed(mortal, module)
        await customer.comes_back()
        if not await _accepted(mortal, client_id):  # never acknowledged: the browser sends it again
            await customer.ws.send_json(
                {"type": "text", "client_id": client_id, "text": "где мой заказ 1001?"}
            )
        assert "код" in await customer.hears(client_id)
        assert await answers(mortal, customer) == before + 1


async def _accepted(product: Product, client_id: str) -> bool:
    async with product.db.read() as session:
        row = await session.scalar(select(Inbox.id).where(Inbox.event_id.endswith(f":{client_id}")))
    return row is not None


async def test_a_dialogue_goes_on_after_the_engine_died(mortal: Product) -> None:
    """What was said before is remembered: the gateway gives the engine its memory again."""
    customer = await mortal.customer()
    await customer.says("где мой заказ 1001?")
    await customer.says("maria.sokolova@example.com")
    await killed(mortal, "bot.engine.launcher")
    assert "Заказ 1001 в пути" in await customer.says(await customer.code())
