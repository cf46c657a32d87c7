"""A company with the proactive service over its gateway; the clock stands still until a test moves it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from bot.gateway.app import GATEWAY, Gateway, make_app
from bot.proactive.book import RuleBook
from bot.proactive.console import sender_of
from bot.proactive.deciding import Counted
from bot.proactive.effect import Evaluation
from bot.proactive.rules import read_limits
from bot.proactive.send import Sender
from bot.proactive.service import Predicting, allowed_by
from bot.proactive.signals.base import Range
from bot.proactive.tables import DecisionRow, RuleState
from core.clock import ManualClock
from core.db import Base, Database
from core.settings import Settings
from crm_bridge.models import (
    Conversation,
    Customer,
    DeliveryMethod,
    Identity,
    Message,
    Order,
    OrderState,
    Proof,
    Shipment,
)
from tests.gateway.conftest import Running, ScriptedEngine, engine

__all__ = ["engine"]  # a fixture of the gateway's tests


@dataclass
class Shop:
    """Puts rows where a story needs them, and runs the service."""

    db: Database
    clock: ManualClock
    gateway: Gateway
    running: Running
    models: Path
    numbers: int = field(default=0)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def book(self) -> RuleBook:
        return RuleBook(self.clock)

    async def add(self, row: Any) -> Any:
        async with self.db.write() as session:
            session.add(row)
        return row

    async def customer(self, name: str = "Мария", *, chat: bool = True, **given: Any) -> int:
        """Somebody who has signed in on the shop's page, unless `chat` is False."""
        values = {"language": "ru", "time_zone": "Europe/Moscow"} | given
        since = self.now - timedelta(days=400)
        row = await self.add(Customer(given_name=name, family_name="Соколова", created_at=since, **values))
        if chat:
            await self.add(
                Identity(
                    channel="webchat", account="main", external_id=f"visitor-{row.id}", customer_id=row.id,
                    method=Proof.SIGNED_USER, verified_at=since, created_at=since, language=row.language,
                )
            )  # fmt: skip
        id_: int = row.id
        return id_

    async def order(self, customer_id: int, number: str = "1002", **given: Any) -> Order:
        """One on its way, promised for yesterday."""
        values: dict[str, Any] = {
            "state": OrderState.SHIPPED,
            "total_minor": 149900,
            "currency": "RUB",
            "delivery_method": DeliveryMethod.COURIER,
            "delivery_city": "Казань",
            "placed_at": self.now - timedelta(days=5),
            "promised_at": self.now - timedelta(days=1),
        }
        order: Order = await self.add(Order(customer_id=customer_id, number=number, **values | given))
        self.numbers += 1
        await self.add(
            Shipment(
                order_id=order.id,
                carrier="СДЭК",
                tracking_number=f"T{self.numbers}",
                created_at=order.placed_at,
            )
        )
        return order

    async def live(self, *names: str, **texts: str) -> None:
        """The product's own rules, switched on; `texts` replace parts of them."""
        async with self.db.write() as session:
            await self.book.read_files(session)
            for name in names:
                if texts:
                    kept = await self.book.one(session, name)
                    text = kept.text
                    for old, new in texts.items():
                        text = "\n".join(
                            f"{old}: {new}" if line.startswith(f"{old}:") else line
                            for line in text.splitlines()
                        )
                    await self.book.write(session, text, "tests")
                await self.book.move(session, name, RuleState.SIMULATED, "vera")
                await self.book.move(session, name, RuleState.LIVE, "vera")

    def predicting(self) -> Predicting:
        return Predicting(
            self.db, self.clock, self.book, read_limits(), allowed_by(self.gateway.policy), (), self.models
        )

    async def decide(self) -> Counted:
        return await self.predicting().run(Range())

    def sender(self) -> Sender:
        return sender_of(self.gateway, self.book)

    def evaluation(self) -> Evaluation:
        return Evaluation(self.db, self.clock, self.book)

    async def decisions(self) -> list[DecisionRow]:
        async with self.db.read() as session:
            return list(await session.scalars(select(DecisionRow).order_by(DecisionRow.id)))

    async def lines(self, customer_id: int) -> list[str]:
        """What the company said to a customer."""
        query = (
            select(Message.text)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .join(Identity, Identity.id == Message.identity_id)
            .where(Identity.customer_id == customer_id)
            .order_by(Message.created_at, Message.id)
        )
        async with self.db.read() as session:
            return list(await session.scalars(query))

    async def all(self, table: type[Base]) -> list[Any]:
        async with self.db.read() as session:
            return list(await session.scalars(select(table)))


@pytest.fixture
async def shop(
    db: Database, clock: ManualClock, engine: ScriptedEngine, tmp_path: Path
) -> AsyncIterator[Shop]:
    scripted = web.Application()
    scripted.router.add_post("/webhooks/zabota/turn", engine.turn)
    async with TestServer(scripted) as engine_server:
        settings = Settings(
            _env_file=None,  # type: ignore[call-arg]
            var=tmp_path,
            models=tmp_path / "models",
            demo=False,
            engine_port=engine_server.port or 0,
            engine_secret="engine",  # type: ignore[arg-type]
            site_secret="site",  # type: ignore[arg-type]
            messages_per_minute=1000,
        )
        app = await make_app(settings, db, clock)
        async with TestServer(app) as server, aiohttp.ClientSession() as http:
            gateway = app[GATEWAY]
            running = Running(gateway, http, str(server.make_url("")).rstrip("/"))
            yield Shop(db, clock, gateway, running, settings.models / "proactive")
