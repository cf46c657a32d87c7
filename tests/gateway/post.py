"""The company's side of the outbox: customers with accounts in channels, and the workers that deliver."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from sqlalchemy import select, update

from bot.channels.port import Channel
from bot.gateway.app import Gateway
from bot.gateway.outbox import Line
from bot.gateway.tables import Outbox
from core.clock import ManualClock
from core.db import Database
from core.jobs import Worker
from core.settings import Settings
from crm_bridge.models import Author, Conversation, Customer, Identity, Message, MessageState, Proof


@dataclass
class Chat:
    """A conversation of one account."""

    conversation_id: str
    identity_id: int
    address: str


class Post:
    """A gateway without its HTTP, and the customers who write to it."""

    def __init__(
        self, db: Database, clock: ManualClock, http: aiohttp.ClientSession, **settings: Any
    ) -> None:
        self.db = db
        self.clock = clock
        self.gateway = Gateway(Settings(_env_file=None, **settings), db, clock, http)
        self._workers: dict[str, Worker] = {}

    def connect(self, *channels: Channel) -> None:
        for channel in channels:
            self.gateway.channels.add(channel)
            worker = self.gateway.delivery_worker(channel, random.Random(7))
            self._workers[f"{channel.name}:{channel.account}"] = worker

    async def deliver(self) -> None:
        """Everything that is due now, in every channel, and what follows from it."""
        before = -1
        while before != (before := await self._unsettled()):
            for worker in self._workers.values():
                await worker.drain()

    async def _unsettled(self) -> int:
        async with self.db.read() as session:
            rows = await session.execute(select(Outbox.id, Outbox.channel, Outbox.state))
            return hash(tuple(sorted(tuple(row) for row in rows)))

    async def wait(self, seconds: float) -> None:
        """Time passes, and the post is delivered."""
        self.clock.advance(timedelta(seconds=seconds))
        await self.deliver()

    async def customer(self, **values: Any) -> int:
        async with self.db.write() as session:
            made = Customer(
                given_name="Мария",
                family_name="Соколова",
                language="ru",
                time_zone="Europe/Moscow",
                created_at=self.clock.now(),
                updated_at=self.clock.now(),
                **values,
            )
            session.add(made)
            await session.flush()
            return made.id

    async def chat(self, channel: str, address: str, customer_id: int | None = None) -> Chat:
        """Somebody writes from an account; it is theirs if `customer_id` is given."""
        now = self.clock.now()
        async with self.db.write() as session:
            account = await self.gateway.identities.get_or_create(session, channel, "main", address)
            if customer_id is not None:
                await self.gateway.identities.link(session, account.id, customer_id, Proof.SHARED_PHONE)
            conversation = await self.gateway.conversations.current(
                session, account.id, channel, "main", "ru"
            )
            number = conversation.last_seq + 1
            await self.gateway.conversations.write_down(
                session, conversation.id, f"{conversation.id[:8]}-{channel}{number}", "?", now, {}, account.id
            )
            return Chat(conversation.id, account.id, address)

    async def say(self, chat: Chat, *texts: str, author: Author = Author.ASSISTANT, **how: Any) -> None:
        async with self.db.write() as session:
            conversation = await session.get_one(Conversation, chat.conversation_id)
            lines = [Line(text) for text in texts]
            epoch = how.pop("epoch", conversation.epoch)
            await self.gateway.outbox.say(
                session, chat.conversation_id, lines, author=author, epoch=epoch, **how
            )

    async def line(self, text: str) -> tuple[Outbox, Message]:
        """How one line stands."""
        async with self.db.read() as session:
            query = select(Outbox, Message).join(Message, Message.id == Outbox.message_id)
            outbox, message = (await session.execute(query.where(Message.text == text))).one()
            return outbox, message

    async def state(self, text: str) -> MessageState:
        return (await self.line(text))[1].state

    async def conversation(self, chat: Chat) -> Conversation:
        async with self.db.read() as session:
            return await session.get_one(Conversation, chat.conversation_id)

    async def identity(self, chat: Chat) -> Identity:
        async with self.db.read() as session:
            return await session.get_one(Identity, chat.identity_id)

    async def mark_sending(self, text: str) -> None:
        """As a process leaves a line that dies with the request under way."""
        outbox, _ = await self.line(text)
        async with self.db.write() as session:
            await session.execute(update(Outbox).where(Outbox.id == outbox.id).values(state="sending"))


def after(start: datetime, **how: float) -> datetime:
    return start + timedelta(**how)
