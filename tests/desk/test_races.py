"""Whatever happens at the same moment: one owner, one voice, nothing twice. On both databases."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from bot.desk.lists import View, listed
from bot.desk.shell import texts
from bot.desk.work import NotYours, Recipient, Work
from bot.gateway.app import Gateway
from bot.gateway.engine import TurnAnswer, TurnRequest
from bot.gateway.handoffs import Handoff, Place
from bot.gateway.ownership import EpochPassed
from bot.gateway.tables import Inbox
from bot.web.staff.accounts import Accounts, Staff
from bot.web.staff.roles import Role
from core.clock import ManualClock
from core.db import Database
from core.jobs import Job
from core.settings import Settings
from crm_bridge.models import Author, Conversation, Identity, Message, MessageState, Owner

INTERLEAVINGS = 1000
TOGETHER = 20


class Stage:
    """A gateway without HTTP: customers write, the engine thinks for a while, agents press buttons."""

    def __init__(self, gateway: Gateway, anna: Staff, boris: Staff) -> None:
        self.gateway = gateway
        self.anna, self.boris = anna, boris
        self.work = Work(
            gateway.db, gateway.clock, gateway.ownership, gateway.outbox, gateway.watchdog, texts
        )

    async def customer(self, name: str) -> tuple[str, Job]:
        """A conversation of the bot, and the job that serves the customer's message."""
        now = self.gateway.clock.now()
        async with self.gateway.db.write() as session:
            visitor = Identity(channel="webchat", account="main", external_id=name, created_at=now)
            session.add(visitor)
            await session.flush()
            conversation = await self.gateway.conversations.current(
                session, visitor.id, "webchat", "main", "ru"
            )
            row = Inbox(
                channel="webchat", account="main", event_id=f"{name}:1", sender=name,
                content={"kind": "text", "text": "где мой заказ?", "language": "ru"}, received_at=now,
            )  # fmt: skip
            session.add(row)
            await session.flush()
            return conversation.id, Job(row.id, "turn", {"inbox_id": row.id}, name, 1, 0)

    async def log(self, conversation_id: str) -> list[Message]:
        async with self.gateway.db.read() as session:
            query = select(Message).where(Message.conversation_id == conversation_id)
            return list(await session.scalars(query.order_by(Message.seq)))

    async def conversation(self, conversation_id: str) -> Conversation:
        async with self.gateway.db.read() as session:
            return await session.get_one(Conversation, conversation_id)


@pytest.fixture
async def stage(db: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Stage]:
    settings = Settings(_env_file=None, var=tmp_path, demo=False, engine_secret="engine")  # type: ignore[arg-type]
    accounts = Accounts(db, clock, settings.staff_key)
    anna, boris = [
        await accounts.add(login, login, "a long password", frozenset({Role.AGENT}), "tests")
        for login in ("anna", "boris")
    ]
    async with aiohttp.ClientSession() as http:
        gateway = Gateway(settings, db, clock, http)
        await gateway.queue.open()
        yield Stage(gateway, anna, boris)
        await gateway.queue.close()


async def steps(count: int) -> None:
    """Let everybody else go on so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_bot_never_speaks_after_a_takeover(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(7)

    async def thinks(request: TurnRequest, memory: dict[str, Any] | None) -> TurnAnswer:
        await steps(chance.randrange(400))
        return TurnAnswer(
            replies=[{"text": "Ваш заказ в пути."}],
            nlu={"intent": {"name": "track_order", "confidence": 0.9}},
            actions=[],
            memory={},
            repeated=False,
        )

    monkeypatch.setattr(stage.gateway.engine, "turn", thinks)
    order: Counter[str] = Counter()

    async def one(number: int) -> None:
        chat, job = await stage.customer(f"visitor{number}")

        async def take() -> None:
            # From the first step to long after the answer, however many steps the database's threads take.
            await steps(int(10_000 ** chance.random()))
            await stage.work.take(stage.anna, chat, 0)

        await asyncio.gather(stage.gateway.turns.run(job), take())
        said = [one.author for one in await stage.log(chat) if one.seq is not None]
        assert said.count(Author.SYSTEM) == 1
        assert Author.ASSISTANT not in said[said.index(Author.SYSTEM) :], chat
        found = await stage.conversation(chat)
        assert (found.owner, found.agent_id, found.epoch) == (Owner.AGENT, stage.anna.id, 1)
        order["bot first" if Author.ASSISTANT in said else "agent first"] += 1

    for start in range(0, INTERLEAVINGS, TOGETHER):
        await asyncio.gather(*(one(start + number) for number in range(TOGETHER)))
    assert sum(order.values()) == INTERLEAVINGS
    assert min(order["bot first"], order["agent first"]) > INTERLEAVINGS / 50, order


async def test_of_two_agents_one_gets_it(stage: Stage) -> None:
    for number in range(30):
        chat, _ = await stage.customer(f"visitor{number}")
        results = await asyncio.gather(
            stage.work.take(stage.anna, chat, 0),
            stage.work.take(stage.boris, chat, 0),
            return_exceptions=True,
        )
        assert sorted(type(one).__name__ for one in results) == ["EpochPassed", "NoneType"]
        assert [one.author for one in await stage.log(chat)] == [Author.SYSTEM], "the customer hears one name"


async def test_however_often_the_button_is_pressed_it_is_said_once(stage: Stage) -> None:
    chat, _ = await stage.customer("visitor")
    await stage.work.take(stage.anna, chat, 0)
    await asyncio.gather(*(stage.work.answer(stage.anna, chat, 1, "Слушаю", "one") for _ in range(10)))
    assert [one.text for one in await stage.log(chat) if one.author is Author.AGENT] == ["Слушаю"]


async def test_an_answer_and_a_transfer_at_once_leave_one_voice(stage: Stage) -> None:
    heard: Counter[str] = Counter()
    for number in range(30):
        chat, _ = await stage.customer(f"visitor{number}")
        await stage.work.take(stage.anna, chat, 0)
        passed, *answers = await asyncio.gather(
            stage.work.transfer(stage.anna, chat, 1, Recipient(staff_id=stage.boris.id), ""),
            *(stage.work.answer(stage.anna, chat, 1, f"{turn}", f"{turn}") for turn in range(3)),
            return_exceptions=True,
        )
        assert passed is None
        log = await stage.log(chat)
        said = [one.author for one in log]
        gone = max(at for at, author in enumerate(said) if author is Author.SYSTEM)
        assert Author.AGENT not in said[gone:], "nobody speaks after giving it away"
        refused = [one for one in answers if isinstance(one, EpochPassed | NotYours)]
        assert said.count(Author.AGENT) + len(refused) == 3
        assert all(one.state is MessageState.SENT for one in log)
        heard[str(said.count(Author.AGENT))] += 1
    assert heard


async def test_a_customer_who_writes_while_it_is_put_aside_is_owed_an_answer(stage: Stage) -> None:
    """Either the word comes after the snooze and wakes it, or before, and the snooze holds: never lost."""
    for number in range(20):
        chat, _ = await stage.customer(f"visitor{number}")
        await stage.work.take(stage.anna, chat, 0)
        until = stage.gateway.clock.now() + timedelta(hours=1)

        async def writes(chat: str = chat) -> None:
            async with stage.gateway.db.write() as session:
                await stage.gateway.handoffs.customer_wrote(session, chat)

        await asyncio.gather(stage.work.snooze(stage.anna, chat, 1, until), writes())
        async with stage.gateway.db.read() as session:
            row = await session.get_one(Handoff, chat)
        assert row.asked_at is not None
        assert row.place in (Place.ANSWER, Place.SNOOZED)
        assert (row.snoozed_until is not None) == (row.place is Place.SNOOZED)


async def test_how_the_message_sounds_that_calls_people_counts_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the engine understood is in the log before people are called, for they are sorted by it."""

    async def hands_over(request: TurnRequest, memory: dict[str, Any] | None) -> TurnAnswer:
        return TurnAnswer(
            replies=[{"text": "Зову сотрудника.", "custom": {"handoff": {"reason": "asked"}}}],
            nlu={"intent": {"name": "track_order", "confidence": 0.9}, "sentiment": -0.8},
            actions=[],
            memory={},
            repeated=False,
        )

    monkeypatch.setattr(stage.gateway.engine, "turn", hands_over)
    chat, job = await stage.customer("visitor")
    await stage.gateway.turns.run(job)
    async with stage.gateway.db.read() as session:
        row = await session.get_one(Handoff, chat)
        [waiting] = await listed(session, View.QUEUE, stage.anna.id, stage.gateway.clock.now())
    assert (row.sentiment, row.topic) == (-0.8, "track_order")
    assert waiting.upset
    assert row.due_at
    assert row.rank_at == row.due_at - stage.gateway.handoffs.rules.upset_ahead
