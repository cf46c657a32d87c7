"""Lines that wait to go out, in numbers, and providers that take as many as come."""

import asyncio
import os
import time
from dataclasses import replace
from datetime import timedelta

from pydantic import SecretStr
from sqlalchemy import func, insert, select, text

from bench.places import CHATS
from bot.channels.accounts import VkAccount
from bot.channels.port import Channel, Outgoing, Rate, Sent
from bot.channels.vk import CAPABILITIES, Vk
from bot.gateway.sending import kind_of
from bot.gateway.tables import LineState, Outbox
from core.clock import Clock, SystemClock
from core.db import Database
from core.jobs.embedded import JobRow
from crm_bridge.models import Author, Conversation, Identity, Message, MessageState
from tests.gateway.pocket import Pocket

UNLIMITED = Rate(100_000, timedelta(seconds=1))
PROVIDER = timedelta(milliseconds=5)  # what a provider takes to answer, where none is asked over HTTP


class Slow(Pocket):
    """A provider in memory that takes its time to answer."""

    def __init__(self, clock: Clock, name: str) -> None:
        super().__init__(clock, name)
        self.sent_at: list[float] = []

    async def send(self, outgoing: Outgoing) -> Sent:
        await asyncio.sleep(PROVIDER.total_seconds())
        self.sent_at.append(time.perf_counter())
        return Sent(outgoing.key)


def in_memory() -> Slow:
    slow = Slow(SystemClock(), "vk")
    slow.capabilities = replace(slow.capabilities, account_rate=UNLIMITED)
    return slow


class UnlimitedVk(Vk):
    """The real channel; our account there has no limit."""

    capabilities = replace(CAPABILITIES, account_rate=UNLIMITED)


def over_http(url: str) -> Channel:
    return UnlimitedVk(
        "main",
        VkAccount(
            kind="vk",
            token=SecretStr("vk1.a.token"),
            group_id=77,
            secret=SecretStr("vk-secret-key"),
            confirmation="x",
            api=url,
        ),
    )


async def fill(db: Database, lines: int) -> None:
    """Lines that wait to go out, in many chats."""
    now = SystemClock().now()
    async with db.write() as session:
        await session.execute(
            insert(Identity),
            [
                {"channel": "vk", "account": "main", "external_id": str(2000 + n), "created_at": now}
                for n in range(CHATS)
            ],
        )
        ids = list(await session.scalars(select(Identity.id).order_by(Identity.id)))
        shared = {"channel": "vk", "account": "main", "language": "ru", "created_at": now, "updated_at": now}
        await session.execute(
            insert(Conversation),
            [{"id": f"c{n}", "identity_id": id_} | shared for n, id_ in enumerate(ids)],
        )
    if lines:
        await add_lines(db, lines)


async def add_lines(db: Database, lines: int) -> None:
    now, batch = SystemClock().now(), os.urandom(4).hex()
    async with db.write() as session:
        ids = list(await session.scalars(select(Identity.id).order_by(Identity.id)))
        said = {"author": Author.ASSISTANT, "state": MessageState.PENDING, "created_at": now, "buttons": []}
        messages = [
            {"id": f"{batch}{n}", "conversation_id": f"c{n % CHATS}", "text": "Заказ в пути."} | said
            for n in range(lines)
        ]
        await session.execute(insert(Message), messages)
        place = {"epoch": 0, "state": "ready", "channel": "vk", "account": "main", "created_at": now}
        rows = [
            {
                "message_id": message["id"],
                "conversation_id": message["conversation_id"],
                "identity_id": ids[n % CHATS],
                "tried": [],
            }
            | place
            for n, message in enumerate(messages)
        ]
        await session.execute(insert(Outbox), rows)
        query = select(Outbox.id, Outbox.conversation_id).where(Outbox.state == LineState.READY)
        jobs = [
            {
                "kind": kind_of("vk", "main"),
                "payload": {"outbox_id": id_},
                "partition_key": f"out:{conversation}",
                "priority": 0,
                "due_at": now,
                "state": "ready",
                "attempts": 0,
                "failures": 0,
                "created_at": now,
            }
            for id_, conversation in await session.execute(query.order_by(Outbox.id))
        ]
        await session.execute(insert(JobRow), jobs)


async def add_later(db: Database, count: int) -> None:
    """Rows that wait for later dates, spread over as many customers."""
    now = SystemClock().now()
    row = {"kind": kind_of("vk", "main"), "payload": {"outbox_id": 0}, "priority": 6, "state": "later"}
    row |= {"attempts": 0, "failures": 0, "created_at": now}
    for start in range(0, count, 10_000):
        async with db.write() as session:
            await session.execute(
                insert(JobRow),
                [
                    row
                    | {
                        "partition_key": f"out:later{n}",
                        "due_at": now + timedelta(days=1, seconds=n % 1_000_000),
                    }
                    for n in range(start, min(start + 10_000, count))
                ],
            )
    async with db.write() as session:
        await session.execute(text("ANALYZE"))
    async with db.engine.connect() as connection:  # what was added is not written out while lines are counted
        settle = "PRAGMA wal_checkpoint(TRUNCATE)" if db.is_sqlite else "CHECKPOINT"
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text(settle))


async def unsent(db: Database) -> int:
    async with db.read() as session:
        query = select(func.count()).select_from(Outbox).where(Outbox.state.in_(("ready", "sending")))
        return await session.scalar(query) or 0
