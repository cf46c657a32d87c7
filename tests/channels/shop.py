"""A company with an account at every messenger: the whole gateway, and a scripted engine."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr
from sqlalchemy import select

from bot.channels.accounts import ChannelsConfig, Strict
from bot.gateway.app import GATEWAY, Gateway
from bot.gateway.tables import Inbox
from bot.web.app import make_app
from core.clock import SystemClock
from core.db import Database
from core.settings import Settings
from crm_bridge.models import ContactKind, ContactPoint, Conversation, Customer, Identity, Message
from tests.fakes.messengers import FakeProvider, Messengers
from tests.gateway.conftest import ScriptedEngine
from tests.ports import free_port


@dataclass
class Shop:
    """The running gateway, and what a test wants to see of it."""

    gateway: Gateway
    url: str
    http: aiohttp.ClientSession

    async def customer(self, phone: str, name: str = "Мария") -> int:
        async with self.gateway.db.write() as session:
            now = self.gateway.clock.now()
            person = Customer(
                external_ref="u1" if name == "Мария" else None,
                given_name=name,
                family_name="Соколова",
                language="ru",
                time_zone="Europe/Moscow",
                created_at=now,
            )
            session.add(person)
            await session.flush()
            session.add(
                ContactPoint(customer_id=person.id, kind=ContactKind.PHONE, value=phone, created_at=now)
            )
            return person.id

    async def identity(self, channel: str) -> Identity:
        async with self.gateway.db.read() as session:
            found = await session.scalar(select(Identity).where(Identity.channel == channel))
        assert found is not None
        return found

    async def conversation(self, channel: str) -> Conversation:
        async with self.gateway.db.read() as session:
            found = await session.scalar(select(Conversation).where(Conversation.channel == channel))
        assert found is not None
        return found

    async def log(self, channel: str) -> list[Message]:
        """Every message of the channel's conversation, in order."""
        conversation = await self.conversation(channel)
        query = select(Message).where(Message.conversation_id == conversation.id).order_by(Message.seq)
        async with self.gateway.db.read() as session:
            return [each for each in await session.scalars(query) if each.seq is not None]

    async def inbox(self) -> list[Inbox]:
        async with self.gateway.db.read() as session:
            return list(await session.scalars(select(Inbox).order_by(Inbox.id)))


@asynccontextmanager
async def open_shop(
    db: Database,
    engine: ScriptedEngine,
    messengers: Messengers,
    folder: Path,
    besides: ChannelsConfig | None = None,
) -> AsyncIterator[Shop]:
    """Start everything; every provider knows our address when this returns."""
    accounts = {
        f"shop-{name}": _plain(provider.account())  # type: ignore[attr-defined]
        for name, provider in messengers.all.items()
    }
    if besides:
        accounts |= {name: _plain(account) for name, account in besides.accounts.items()}
    (folder / "channels.yml").write_text(yaml.safe_dump({"accounts": accounts}))
    engine_app = web.Application()
    engine_app.router.add_post("/webhooks/zabota/turn", engine.turn)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with TestServer(engine_app) as engine_server:
        settings = Settings(
            _env_file=None,
            var=folder,
            public_url=url,
            demo=False,
            engine_port=engine_server.port,
            engine_secret="engine",  # type: ignore[arg-type]
            site_secret="site",  # type: ignore[arg-type]
        )
        app = await make_app(settings, db, SystemClock())
        for name, provider in messengers.all.items():
            provider.hook = f"{url}/hooks/{name}/shop-{name}"
        messengers.sms.hook += f"?secret={messengers.sms.account().hook_secret}"
        messengers.telegram.secret = messengers.telegram.account().hook_secret
        async with TestServer(app, port=port), aiohttp.ClientSession() as http:
            await _subscribed(messengers)
            yield Shop(app[GATEWAY], url, http)


def _plain(account: Strict) -> dict[str, Any]:
    """As an administrator writes it."""

    def shown(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shown(each) for key, each in value.items()}
        return value.get_secret_value() if isinstance(value, SecretStr) else value

    kept: dict[str, Any] = shown(account.model_dump(exclude_none=True, exclude_defaults=True))
    return kept


async def until(what: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Wait for something to become true that lies in a database, and so cannot tell of itself."""
    async with asyncio.timeout(seconds):
        while not await what():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _subscribed(messengers: Messengers) -> None:
    """The gateway tells the providers its address by itself."""

    async def all_told() -> bool:
        return bool(messengers.max.subscriptions and messengers.telegram.webhook) and _told(messengers.viber)

    await until(all_told)


def _told(viber: FakeProvider) -> bool:
    return any(method == "set_webhook" for method, _ in viber.requests)
