"""The demo company in a real database, and the action server on a loopback port."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from actions.server import make_app
from core.clock import ManualClock
from core.db import Database
from core.settings import Settings
from crm_bridge.demo import load
from crm_bridge.models import Conversation, Customer, Identity, Proof
from tests.actions.chat import Chat, Engine
from tests.conftest import NOON

Open = Callable[..., Awaitable[Chat]]


@pytest.fixture(scope="session")
async def stocked(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo company, loaded once."""
    path = tmp_path_factory.mktemp("demo") / "stocked.db"
    shutil.copy(migrated_sqlite, path)
    database = Database(f"sqlite+aiosqlite:///{path}")
    await load(database, NOON)
    await database.close()
    return path


@pytest.fixture
async def shop(stocked: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """A database of its own with the demo company."""
    path = tmp_path / "zabota.db"
    shutil.copy(stocked, path)
    database = Database(f"sqlite+aiosqlite:///{path}")
    yield database
    await database.close()


@pytest.fixture
def action_timeout() -> timedelta:
    """Of one action; a busy machine is slow."""
    return timedelta(minutes=1)


@pytest.fixture
def settings(tmp_path: Path, action_timeout: timedelta) -> Settings:
    return Settings(
        _env_file=None,
        var=tmp_path,
        actions_secret="secret-of-the-tests",
        code_pepper="pepper",
        action_timeout=action_timeout,
    )


@pytest.fixture
async def engine(settings: Settings, shop: Database, clock: ManualClock) -> AsyncIterator[Engine]:
    server = TestServer(make_app(settings, shop, clock))
    await server.start_server()
    async with aiohttp.ClientSession() as http:
        yield Engine(http, str(server.make_url("")).rstrip("/"))
    await server.close()


@pytest.fixture
def chats(shop: Database, clock: ManualClock, engine: Engine) -> Open:
    """Opens a chat: `await chats("demo-1001")` of a verified customer, `await chats()` of a stranger."""
    count = 0

    async def open_chat(ref: str | None = None, language: str = "ru") -> Chat:
        nonlocal count
        count += 1
        async with shop.write() as session:
            visitor = Identity(channel="web", account="main", external_id=f"v{count}", created_at=clock.now())
            if ref:
                known = select(Customer.id).where(Customer.external_ref == ref)
                visitor.customer_id = (await session.execute(known)).scalar_one()
                visitor.method, visitor.verified_at = Proof.SIGNED_USER, clock.now()
            session.add(visitor)
            await session.flush()
            session.add(
                Conversation(
                    id=f"chat-{count}",
                    identity_id=visitor.id,
                    channel="web",
                    account="main",
                    language=language,
                    created_at=clock.now(),
                    updated_at=clock.now(),
                )
            )
        return Chat(engine, f"chat-{count}", language)

    return open_chat
