"""The providers' fakes, and our channels connected to them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.channels.accounts import ChannelsConfig
from bot.channels.connect import connect
from bot.channels.port import Channel, Outgoing
from core.db import Database
from tests.channels.shop import Shop, open_shop
from tests.fakes.messengers import FakeProvider, Messengers
from tests.gateway.conftest import ScriptedEngine, engine

__all__ = ["engine"]

ADDRESSES = {
    "telegram": "42",
    "max": "42",
    "vk": "2042",
    "whatsapp": "79161234567",
    "viber": "01234567890A=",
    "sms": "+79161234567",
}


class NoMarks:
    """Nothing is read here."""

    async def get(self, channel: str, account: str) -> str | None:
        return None

    async def set(self, channel: str, account: str, mark: str) -> None:
        return None


@pytest.fixture
async def messengers() -> AsyncIterator[Messengers]:
    async with Messengers() as running:
        yield running


@pytest.fixture
async def channels(messengers: Messengers) -> AsyncIterator[dict[str, Channel]]:
    """A channel at every provider; the account is called `shop`."""
    accounts = [provider.account() for provider in messengers.all.values()]  # type: ignore[attr-defined]
    made = [connect(ChannelsConfig(accounts={"shop": account}), NoMarks())[0] for account in accounts]
    yield {channel.name: channel for channel in made}
    for channel in made:
        await channel.close()


@pytest.fixture(params=["telegram", "max", "vk", "whatsapp", "viber", "sms"])
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def provider(messengers: Messengers, name: str) -> FakeProvider:
    return messengers.all[name]


@pytest.fixture
def channel(channels: dict[str, Channel], name: str) -> Channel:
    return channels[name]


@pytest.fixture
async def shop(
    db: Database, engine: ScriptedEngine, messengers: Messengers, tmp_path: Path
) -> AsyncIterator[Shop]:
    async with open_shop(db, engine, messengers, tmp_path) as running:
        yield running


@pytest.fixture
async def small_shop(
    sqlite: Database, engine: ScriptedEngine, messengers: Messengers, tmp_path: Path
) -> AsyncIterator[Shop]:
    """The same on SQLite, where the database is not the matter."""
    async with open_shop(sqlite, engine, messengers, tmp_path) as running:
        yield running


def line(name: str, text: str = "Заказ 1001 отправлен.", **more: object) -> Outgoing:
    """Something to say to the person of `ADDRESSES`."""
    return Outgoing(**({"key": "5512", "address": ADDRESSES[name], "text": text} | more))  # type: ignore[arg-type]
