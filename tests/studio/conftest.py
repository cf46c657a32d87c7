"""A studio with customers who wrote something."""

import difflib
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import func, select

from bot.gateway.tables import Inbox as Arrived
from bot.registry import Registry
from bot.studio.collecting import Collector, drawn
from bot.studio.gate import Answer, Answers, compare
from bot.studio.inbox import Inbox
from bot.studio.tables import Run, RunState
from bot.web.app import make_app
from bot.web.staff.accounts import Accounts, Staff
from bot.web.staff.roles import Role
from core.clock import ManualClock
from core.db import Database
from core.settings import ROOT, Settings
from crm_bridge.models import Author, Conversation, Customer, Identity, Message, MessageState, Proof

PASSWORD = "a long password"
VERA = Staff(7, "vera", "Вера", frozenset({Role.ADMINISTRATOR}), "ru", second_factor=False)
ANNA = Staff(8, "anna", "Анна", frozenset({Role.AGENT}), "ru", second_factor=False)


def changed_lines(before: Path, after: Path) -> list[str]:
    old, new = (path.read_text(encoding="utf-8").splitlines() for path in (before, after))
    found = difflib.unified_diff(old, new, lineterm="", n=0)
    return [line for line in found if line[:1] in "+-" and line[:3] not in ("+++", "---")]


@dataclass
class Town:
    """Customers who write, as the gateway stores it."""

    db: Database
    clock: ManualClock
    inbox: Inbox
    collector: Collector
    talks: dict[str, str] = field(default_factory=dict)

    async def says(
        self,
        text: str,
        *,
        who: str = "guest",
        intent: str = "out_of_scope",
        ranking: tuple[tuple[str, float], ...] = (("track_order", 0.4),),
        done: bool = True,
        **details: Any,
    ) -> str:
        """One message of a customer that the assistant answered; the message's id."""
        async with self.db.write() as session:
            talk = self.talks.get(who) or await self._talk(session, who)
            free = (await session.scalar(select(func.max(Arrived.id))) or 0) + 1
            while drawn(f"m{free}"):  # the random draw has a test of its own
                free += 1
            session.add(
                Arrived(
                    id=free, channel="webchat", account="main", event_id=f"e{free}", sender=who, content={},
                    received_at=self.clock.now(), processed_at=self.clock.now() if done else None,
                )
            )  # fmt: skip
            nlu = {
                "intent": {"name": intent, "confidence": 0.9},
                "ranking": [{"name": name, "confidence": share} for name, share in ranking],
                "language": "ru",
            }
            session.add(
                Message(
                    id=f"m{free}", conversation_id=talk, seq=free, author=Author.CUSTOMER, text=text,
                    details={"nlu": nlu} | details if done else details, state=MessageState.RECEIVED,
                    created_at=self.clock.now(),
                )
            )  # fmt: skip
            return f"m{free}"

    async def _talk(self, session: Any, who: str) -> str:
        customer = Customer(
            given_name="Марина", family_name="Лебедева", language="ru", time_zone="Europe/Moscow",
            created_at=self.clock.now(),
        )  # fmt: skip
        session.add(customer)
        await session.flush()
        identity = Identity(
            channel="webchat", account="main", external_id=who, customer_id=customer.id,
            created_at=self.clock.now(), method=Proof.SIGNED_USER, verified_at=self.clock.now(),
        )  # fmt: skip
        session.add(identity)
        await session.flush()
        talk = Conversation(
            id=f"talk-{who}", identity_id=identity.id, channel="webchat", account="main", language="ru",
            created_at=self.clock.now(), updated_at=self.clock.now(),
        )  # fmt: skip
        session.add(talk)
        await session.flush()
        self.talks[who] = talk.id
        return talk.id


@pytest.fixture
def town(db: Database, clock: ManualClock) -> Town:
    return Town(db, clock, Inbox(clock), Collector(db, clock))


@dataclass
class Office:
    """A running studio and somebody's browser."""

    url: str
    http: aiohttp.ClientSession
    town: Town
    db: Database
    clock: ManualClock
    project: Path
    registry: Registry
    csrf: str = ""

    async def logs_in(self, login: str) -> None:
        self.http.cookie_jar.clear()
        form = {"login": login, "password": PASSWORD}
        async with self.http.post(f"{self.url}/staff/login", data=form, allow_redirects=False) as answer:
            assert answer.status == 303
        _, page = await self.get("/staff/account")
        found = re.search(r'name="csrf" value="(\w+)"', page)
        assert found
        self.csrf = found[1]

    async def get(self, path: str) -> tuple[int, str]:
        async with self.http.get(self.url + path, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, **form: str) -> tuple[int, str]:
        async with self.http.post(
            self.url + path, data=form, headers={"X-CSRF-Token": self.csrf}, allow_redirects=False
        ) as answer:
            return answer.status, await answer.text()

    async def run(self, model: str, live: str, outcome_of: tuple[int, int]) -> int:
        """A finished training; `outcome_of`: held-out messages that only the live, only the new one knew."""
        lost, gained = outcome_of
        rows = [
            Answer(f"<b>{n}</b>", "track_order", "track_order", "track_order", 0.97, 0.1, 1.0)
            for n in range(99)
        ]
        wrong = partial(replace, intent="complaint", best="complaint")
        old = [wrong(row) if n < gained else row for n, row in enumerate(rows)]
        new = [wrong(row) if gained <= n < gained + lost else row for n, row in enumerate(rows)]
        async with self.db.write() as session:
            made = Run(
                state=RunState.DONE, began_at=self.clock.now(), ended_at=self.clock.now(), model=model,
                live=live,
                comparison=compare(Answers(old, 0.5), Answers(new, 0.5)), origin={"seed": 7}, log="learnt\n",
            )  # fmt: skip
            session.add(made)
            await session.flush()
            return made.id


@pytest.fixture
async def office(sqlite: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Office]:
    project = tmp_path / "project"
    shutil.copytree(ROOT / "data", project / "data")
    for name in ("domain.yml", "config.yml"):
        shutil.copy(ROOT / name, project / name)
    settings = Settings(
        _env_file=None, var=tmp_path, models=tmp_path / "models", project=project, demo=False,
        engine_secret="engine",  # type: ignore[arg-type, call-arg]
    )  # fmt: skip
    app = await make_app(settings, sqlite, clock)
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
    ):
        accounts = Accounts(sqlite, clock, settings.staff_key)
        roles = {"anna": Role.AGENT, "boris": Role.SUPERVISOR, "vera": Role.ADMINISTRATOR}
        for login, role in roles.items():
            await accounts.add(login, login.title(), PASSWORD, frozenset({role}), "tests")
        town = Town(sqlite, clock, Inbox(clock), Collector(sqlite, clock))
        registry = Registry(settings.models, settings.models_key)
        office = Office(str(server.make_url("")).rstrip("/"), http, town, sqlite, clock, project, registry)
        await office.logs_in("vera")
        yield office
