"""An hour at a busy company, and everything that can go wrong in it; then, what became of each message."""

import asyncio
import contextlib
import itertools
import random
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from bot.gateway.app import Gateway
from bot.gateway.outbox import Line
from bot.gateway.tables import Inbox, LineState, Outbox
from core.clock import SystemClock
from core.db import Database
from core.jobs.port import PROACTIVE
from core.settings import Settings
from crm_bridge.models import Author, Conversation, Identity, Message, Owner
from tests.channels.shop import _plain
from tests.fakes.messengers import FakeProvider, Messengers
from tests.faults.processes import PYTHON, Mortal, Restarts
from tests.ports import free_port

WRITTEN_IN = ("telegram", "max", "vk", "whatsapp", "viber")  # customers do not write by SMS
FAULTS = ("429", "500", "timeout", "drop_after_accept", "drop_before_accept", "dup_webhook", "reorder")
AGAIN = "Повторяю:"
VISITORS = 50  # one address may not open more chats in a minute
_NUMBER = re.compile(r"вопрос (\d+)\.")


@dataclass
class World:
    """The company's processes, its providers and its customers."""

    messengers: Messengers
    db: Database
    gateways: list[Mortal]
    engine: Mortal
    bases: list[str]  # of the gateways
    restarts: Restarts
    http: aiohttp.ClientSession
    own: Gateway  # in this process: only to begin conversations from our side
    chance: random.Random
    injected: Counter[str] = field(default_factory=Counter)
    asked: dict[int, str] = field(default_factory=dict)  # channel by number of the question
    reminders: dict[int, str] = field(default_factory=dict)  # channel by number
    visitors: list[tuple[str, str]] = field(default_factory=list)  # secret, conversation

    async def live(self, messages: int, a_second: float, chats: int) -> None:
        """Customers write, reminders go out, and things break."""
        await self._open_web_chats(chats)
        seconds = messages / a_second
        breaking = asyncio.create_task(self._break_things(seconds))
        tasks = []
        for number in range(messages):
            channel = self.chance.choice((*WRITTEN_IN, "webchat"))
            tasks.append(asyncio.create_task(self._write(channel, self.chance.randrange(chats), number)))
            if number % 20 == 19:
                tasks.append(asyncio.create_task(self._remind(number)))
            await asyncio.sleep(1 / a_second)  # the traffic itself
        await asyncio.gather(*tasks)
        await breaking

    async def _write(self, channel: str, chat: int, number: int) -> None:
        self.asked[number] = channel
        text = f"вопрос {number}."
        if channel == "webchat":
            await self._write_on_site(chat, number, text)
        else:
            provider = self.messengers.all[channel]
            await provider.person(_address(channel, chat)).says(text)

    async def _write_on_site(self, chat: int, number: int, text: str) -> None:
        """As the widget does: the same id until it is acknowledged."""
        visitor, _ = self.visitors[chat % len(self.visitors)]
        frame = {"type": "text", "client_id": f"q{number}", "text": text}
        headers = {"Authorization": f"Bearer {visitor}"}
        while True:
            for base in self.bases:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with self.http.post(
                        f"{base}/chat/v1/send", json=frame, headers=headers
                    ) as response:
                        if response.status == 200 and (await response.json())["type"] == "ack":
                            return
            await asyncio.sleep(0.2)

    async def _open_web_chats(self, chats: int) -> None:
        for _ in range(min(chats, VISITORS)):
            async with self.http.post(f"{self.bases[0]}/chat/v1/session", json={"language": "ru"}) as opened:
                session = await opened.json()
                self.visitors.append((session["visitor"], session["conversation_id"]))

    async def _remind(self, number: int) -> None:
        """We begin: somebody who wrote before is reminded of something."""
        with contextlib.suppress(Exception):  # the database is away: the reminder was never stored
            async with self.db.write() as session:
                query = select(Conversation).where(
                    Conversation.channel.in_(("telegram", "max", "viber")), Conversation.owner == Owner.BOT
                )
                conversation = await session.scalar(query.order_by(func.random()).limit(1))
                if conversation is None:
                    return
                await self.own.outbox.say(
                    session,
                    conversation.id,
                    [Line(f"Напоминание {number}.")],
                    author=Author.ASSISTANT,
                    epoch=conversation.epoch,
                    priority=PROACTIVE,
                )
            self.reminders[number] = conversation.channel

    async def _break_things(self, seconds: float) -> None:
        """Faults all the time; every process is killed in turn, and the database goes away."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._inject(seconds))
            tasks.create_task(self._kill(seconds))

    async def _inject(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            channel, mode = self.chance.choice(WRITTEN_IN), self.chance.choice(FAULTS)
            self.messengers.all[channel].fail(mode)
            self.injected[mode] += 1
            await asyncio.sleep(self.chance.uniform(0.1, 0.5))

    async def _kill(self, seconds: float) -> None:
        """One after the other; whoever was killed is back before the next one goes."""
        loop = asyncio.get_running_loop()
        end, pause = loop.time() + seconds, min(6.0, seconds / 4)
        victims = itertools.cycle([*self.gateways, self.engine, self.restarts])
        while loop.time() < end:
            await asyncio.sleep(pause / 2)
            victim = next(victims)
            if isinstance(victim, Mortal):
                victim.kill()
                await victim.answers(self.http)
            else:
                await victim.once()
            await asyncio.sleep(pause / 2)

    async def settle(self, seconds: float = 120) -> None:
        """Nothing goes wrong any more: wait until everything that was accepted is done with."""
        for provider in self.messengers.all.values():
            provider.faults.clear()
        for mortal in (*self.gateways, self.engine):
            await mortal.answers(self.http)
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(provider.settled() for provider in self.messengers.all.values()))
            while await self._unfinished():  # noqa: ASYNC110
                await asyncio.sleep(0.5)  # other processes: there is no event to wait for

    async def _unfinished(self) -> int:
        waiting = select(func.count()).select_from(Inbox).where(Inbox.processed_at.is_(None))
        going = select(func.count()).select_from(Outbox)
        going = going.where(Outbox.state.in_((LineState.READY, LineState.SENDING)))
        async with self.db.read() as session:
            return (await session.scalar(waiting) or 0) + (await session.scalar(going) or 0)

    async def verdict(self) -> "Verdict":
        """What became of every message."""
        verdict = Verdict(asked=len(self.asked), reminders=len(self.reminders))
        log = await self._log()
        for name in WRITTEN_IN:
            for person in self.messengers.all[name].people.values():
                verdict.look(name, [heard.text for heard in person.heard], log)
        verdict.look_at_web_chat(log, self.asked)
        verdict.count_missing(self.asked, log)
        verdict.over_limit = sum(provider.over_limit for provider in self.messengers.all.values())
        return verdict

    async def _log(self) -> "Log":
        log = Log()
        query = (
            select(Message, Conversation.owner, Identity.channel, Inbox.outcome)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .join(Identity, Identity.id == Message.identity_id)
            .outerjoin(Inbox, ("m" + func.cast(Inbox.id, Message.id.type)) == Message.id)
            .order_by(Message.conversation_id, Message.seq)
        )
        async with self.db.read() as session:
            for message, owner, channel, outcome in await session.execute(query):
                log.add(message, owner, channel, outcome)
        return log

    def show(self, verdict: "Verdict", title: str) -> None:
        """What was injected, and what was survived."""
        table = Table("what went wrong", "times", title=title)
        for mode, times in sorted(self.injected.items()):
            table.add_row(f"provider: {mode}", str(times))
        for mortal in (*self.gateways, self.engine):
            table.add_row(f"kill -9 of {mortal.name}", str(mortal.deaths))
        table.add_row("the database went away", str(self.restarts.count))
        again = sum(each.attempts - each.pushed for each in self.messengers.all.values())
        table.add_row("webhooks that were refused and came again", str(again))
        table.add_section()
        for name, value in vars(verdict).items():
            if isinstance(value, int):
                table.add_row(name.replace("_", " "), str(value))
        Console(width=100).print(table)


@dataclass
class Log:
    """What the database knows."""

    questions: dict[int, Message] = field(default_factory=dict)
    to_people: set[int] = field(default_factory=set)
    order: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # by conversation
    replies: Counter[str] = field(default_factory=Counter)  # published lines by the message they answer
    states: dict[str, str] = field(default_factory=dict)  # of replies
    conversation_of: dict[int, str] = field(default_factory=dict)

    def add(self, message: Message, owner: Owner, channel: str, outcome: str | None) -> None:
        if message.author is Author.CUSTOMER and (found := _NUMBER.search(message.text)):
            number = int(found[1])
            self.questions[number] = message
            self.order[message.conversation_id].append(number)
            self.conversation_of[number] = message.conversation_id
            if outcome in ("silent", "apologised", "dropped") and owner is not Owner.BOT:
                self.to_people.add(number)
        elif message.reply_to:
            self.states[message.reply_to] = message.state
            if message.seq is not None:
                self.replies[message.reply_to] += 1


@dataclass
class Verdict:
    """Counted over all messages. What must be zero says so in `wrong`."""

    asked: int
    reminders: int
    answered_once: int = 0
    said_again_and_marked: int = 0
    handed_to_people: int = 0
    said_twice_without_a_mark: int = 0
    never_accepted: int = 0  # the provider gave up before it got its 2xx
    lost: int = 0
    out_of_order: int = 0
    over_limit: int = 0
    reminders_twice: int = 0
    _answered: set[int] = field(default_factory=set)

    def look(self, channel: str, heard: list[str], log: Log) -> None:
        """One person's screen."""
        plain, marked, first = Counter[int](), Counter[int](), list[int]()
        for text in heard:
            if found := _NUMBER.search(text):
                number = int(found[1])
                if number not in plain and number not in marked:
                    first.append(number)
                (marked if AGAIN in text else plain)[number] += 1
        self.reminders_twice += sum(
            times > 1 for text, times in Counter(heard).items() if text.startswith("Напоминание")
        )
        self.said_twice_without_a_mark += sum(times > 1 for times in plain.values())
        self.said_again_and_marked += len(marked)
        self._answered |= set(first)
        if first:
            expected = [n for n in log.order[log.conversation_of[first[0]]] if n in set(first)]
            self.out_of_order += first != expected

    def look_at_web_chat(self, log: Log, asked: dict[int, str]) -> None:
        for number, channel in asked.items():
            if channel == "webchat" and number in log.questions:
                times = log.replies[log.questions[number].id]
                self.said_twice_without_a_mark += times > 1
                if times:
                    self._answered.add(number)

    def count_missing(self, asked: dict[int, str], log: Log) -> None:
        for number in asked:
            if number in self._answered:
                self.answered_once += 1
            elif number not in log.questions:
                self.never_accepted += 1
            elif number in log.to_people or self._left_to_people(number, log):
                self.handed_to_people += 1
            else:
                self.lost += 1

    def _left_to_people(self, number: int, log: Log) -> bool:
        """The answer was there, and nobody knows whether it arrived: people were told to look."""
        question = log.questions.get(number)
        return question is not None and log.states.get(question.id) in ("uncertain", "failed", "dropped")

    @property
    def wrong(self) -> dict[str, int]:
        zero = ("said_twice_without_a_mark", "lost", "out_of_order", "over_limit", "reminders_twice")
        return {name: getattr(self, name) for name in zero if getattr(self, name)}


def _address(channel: str, chat: int) -> str:
    return {"whatsapp": f"7916{chat:07}", "viber": f"{chat:010}AB="}.get(channel, str(1000 + chat))


@asynccontextmanager
async def open_world(
    url: str, folder: Path, restarts: Restarts, gateways: int, seed: int = 7, **settings: str
) -> AsyncIterator[World]:
    """Start everything, with an account at every messenger."""
    engine_port, ports = free_port(), [free_port() for _ in range(gateways)]
    async with Messengers() as messengers, aiohttp.ClientSession() as http:
        accounts = {name: _plain(each.account()) for name, each in messengers.all.items()}  # type: ignore[attr-defined]
        (folder / "channels.yml").write_text(yaml.safe_dump({"accounts": accounts}))
        env = {
            "VAR": str(folder),
            "DATABASE_URL": url,
            "DEMO": "false",
            "ENGINE_PORT": str(engine_port),
            "ENGINE_SECRET": "engine",
            "MESSAGES_PER_MINUTE": "100000",
            "LOG_LEVEL": "warning",
        } | {name.upper(): value for name, value in settings.items()}
        env = {f"ZABOTA_{name}": value for name, value in env.items()}
        engine = Mortal(
            "the engine",
            [PYTHON, "-m", "tests.faults.engine", str(engine_port)],
            {},
            f"http://127.0.0.1:{engine_port}/webhooks/zabota/health",
            folder / "engine.log",
        )
        mortals = [
            Mortal(
                f"gateway {number}",
                [PYTHON, "-m", "bot.web"],
                env | {"ZABOTA_PORT": str(port), "ZABOTA_PROCESS_NAME": f"gateway{number}"},
                f"http://127.0.0.1:{port}/health",
                folder / f"gateway{number}.log",
            )
            for number, port in enumerate(ports)
        ]
        for index, (name, provider) in enumerate(messengers.all.items()):
            _let_write(
                provider, f"http://127.0.0.1:{ports[index % gateways]}/hooks/{name}/{name}", messengers
            )
        db = Database(url)
        own = Gateway(Settings(_env_file=None, var=folder), db, SystemClock(), http)
        world = World(
            messengers=messengers,
            db=db,
            gateways=mortals,
            engine=engine,
            bases=[f"http://127.0.0.1:{port}" for port in ports],
            restarts=restarts,
            http=http,
            own=own,
            chance=random.Random(seed),
        )
        try:
            for mortal in (engine, *mortals):
                await mortal.start()
            for mortal in (engine, *mortals):
                await mortal.answers(http)
            yield world
        finally:
            for mortal in (*mortals, engine):
                await mortal.stop()
            await db.close()


def _let_write(provider: FakeProvider, hook: str, messengers: Messengers) -> None:
    """The provider knows our address, limits us, and repeats for as long as a process may be dead."""
    provider.hook, provider.enforce, provider.patience, provider.hang = hook, True, 0.25, 1.0
    if provider is messengers.telegram:
        messengers.telegram.secret = messengers.telegram.account().hook_secret
    if provider is messengers.max:
        secret = messengers.max.account().hook_secret
        messengers.max.subscriptions = [{"url": hook, "secret": secret}]
