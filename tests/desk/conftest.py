"""The desk over real HTTP: a gateway with its pages, agents who are logged in, customers who wait."""

import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from bot.desk.console import ROUTING
from bot.desk.routing import Routing
from bot.gateway.app import GATEWAY, Gateway
from bot.gateway.handoffs import Handoff
from bot.web.app import make_app
from bot.web.staff.accounts import Accounts
from bot.web.staff.roles import Role
from core.audit import AuditRecord
from core.clock import ManualClock
from core.db import Database
from core.settings import Settings
from crm_bridge.models import Author, Conversation, Customer, Identity, Message, Proof

PASSWORD = "a long password"


@dataclass
class Console:
    """A running desk."""

    url: str
    gateway: Gateway
    accounts: Accounts
    db: Database
    clock: ManualClock
    routing: Routing
    app: web.Application

    async def waiting(
        self,
        name: str | None = None,
        says: str = "позовите человека",
        intent: str | None = None,
        *,
        vip: bool = False,
        urgent: bool = False,
        language: str = "ru",
    ) -> str:
        """A customer who waits for a person; the conversation's id."""
        async with self.db.write() as session:
            customer = Customer(
                given_name=name, family_name="Иванова", language=language,
                time_zone="Europe/Moscow", created_at=self.clock.now(), vip=vip,
            ) if name else None  # fmt: skip
            if customer:
                session.add(customer)
                await session.flush()
            visitor = Identity(
                channel="webchat", account="main", external_id=secrets.token_hex(8),
                customer_id=customer.id if customer else None, created_at=self.clock.now(),
                method=Proof.SIGNED_USER if customer else None,
                verified_at=self.clock.now() if customer else None,
            )  # fmt: skip
            session.add(visitor)
            await session.flush()
            conversation = await self.gateway.conversations.current(
                session, visitor.id, "webchat", "main", language
            )
            understood = {"intent": {"name": intent, "confidence": 0.9}}
            details = {"nlu": understood} if intent else {}
            await self.gateway.conversations.write_down(
                session, conversation.id, f"m{conversation.id}", says, self.clock.now(), details
            )
            await self.gateway.ownership.to_queue(session, conversation.id, 0, urgent=urgent)
            return conversation.id

    async def says(self, conversation_id: str, text: str) -> None:
        """The customer writes while people have the dialogue: as a turn puts it down."""
        async with self.db.write() as session:
            message_id = f"m{secrets.token_hex(6)}"
            await self.gateway.conversations.write_down(
                session, conversation_id, message_id, text, self.clock.now(), {}
            )
            await self.gateway.handoffs.customer_wrote(session, conversation_id)
        self.gateway.hub.publish(conversation_id)

    async def handoff(self, conversation_id: str) -> Handoff:
        async with self.db.read() as session:
            return await session.get_one(Handoff, conversation_id)

    async def audited(self) -> list[str]:
        async with self.db.read() as session:
            return list(await session.scalars(select(AuditRecord.action).order_by(AuditRecord.id)))

    async def lines(self, conversation_id: str, author: Author) -> list[str]:
        async with self.db.read() as session:
            query = select(Message.text).where(
                Message.conversation_id == conversation_id, Message.author == author
            )
            return list(await session.scalars(query.order_by(Message.created_at, Message.seq)))

    async def conversation(self, conversation_id: str) -> Conversation:
        async with self.db.read() as session:
            return await session.get_one(Conversation, conversation_id)


@dataclass
class Agent:
    """A browser of somebody who works here."""

    http: aiohttp.ClientSession
    url: str
    sent_to: str = ""  # where the last answer sent the browser

    async def get(self, path: str) -> tuple[int, str]:
        async with self.http.get(self.url + path, allow_redirects=False) as answer:
            self.sent_to = answer.headers.get("Location", "")
            return answer.status, await answer.text()

    async def post(self, path: str, *, csrf: str | None = None, **form: str) -> tuple[int, str]:
        token = csrf if csrf is not None else await self.csrf()
        headers = {"X-CSRF-Token": token}
        async with self.http.post(
            self.url + path, data=form, headers=headers, allow_redirects=False
        ) as answer:
            self.sent_to = answer.headers.get("Location", "")
            return answer.status, await answer.text()

    async def csrf(self) -> str:
        _, page = await self.get("/staff/account")
        found = re.search(r'name="csrf" value="(\w+)"', page)
        return found[1] if found else ""

    async def logs_in(self, login: str, password: str = PASSWORD) -> int:
        form = {"login": login, "password": password}
        async with self.http.post(f"{self.url}/staff/login", data=form, allow_redirects=False) as answer:
            return answer.status


@pytest.fixture
async def console(sqlite: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Console]:
    settings = Settings(_env_file=None, var=tmp_path, demo=False, engine_secret="engine")  # type: ignore[arg-type]
    app: web.Application = await make_app(settings, sqlite, clock)
    async with TestServer(app) as server:
        accounts = Accounts(sqlite, clock, settings.staff_key)
        for login, role in (("anna", Role.AGENT), ("boris", Role.SUPERVISOR), ("vera", Role.ADMINISTRATOR)):
            await accounts.add(login, login.title(), PASSWORD, frozenset({role}), "tests")
        yield Console(
            str(server.make_url("")).rstrip("/"), app[GATEWAY], accounts, sqlite, clock, app[ROUTING], app
        )


Browser = Callable[..., Awaitable[Agent]]


@pytest.fixture
async def agent(console: Console) -> AsyncIterator[Browser]:
    """Opens a browser: `await agent("anna")` is logged in, `await agent()` is not."""
    opened: list[aiohttp.ClientSession] = []

    async def open_browser(login: str | None = None) -> Agent:
        http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        opened.append(http)
        browser = Agent(http, console.url)
        if login:
            assert await browser.logs_in(login) == 303
        return browser

    yield open_browser
    for http in opened:
        await http.close()
