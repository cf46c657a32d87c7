"""An hour at a busy company, and everything that can go wrong in it; then, what became of each message."""

import asyncio
import contextlib
import itertools
import json
import random
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
from sqlalchemy.exc import SQLAlchemyError

from bot.gateway.app import Gateway
from bot.gateway.marks import Marks
from bot.gateway.outbox import Line
from bot.gateway.tables import Inbox, LineState, Outbox
from core.clock import SystemClock
from core.db import Database
from core.jobs.port import PROACTIVE
from core.settings import Settings
from crm_bridge.models import Author, Conversation, Identity, Message, Owner
from tests.channels.shop import _plain
from tests.fakes.messengers import FakeProvider, Messengers
from tests.fakes.messengers.mail import FakeMail
from tests.faults.processes import PYTHON, Mortal, Restarts
from tests.faults.verdict import Log, Verdict
from tests.ports import free_port

WRITTEN_IN = ("telegram", "max", "vk", "whatsapp", "viber")  # by webhook; besides, by letter and on the site
REMINDED_IN = ("telegram", "max", "viber", "sms")  # nobody writes to us by SMS
FAULTS = ("429", "500", "timeout", "drop_after_accept", "drop_before_accept", "dup_webhook", "reorder")
LOST, LATER = "drop_after_accept", "451 4.7.1 Try again later"  # of the mail provider
UNDER_WAY = (
    300  # webhooks not taken yet, and messages not answered: customers have time, slow machines need it
)
STALLED = 240.0  # seconds in which nothing more was done with: something is wrong
VISITORS = 50  # one address may not open more chats in a minute
KILL_EVERY = 6.0  # seconds, at least


@dataclass
class World:
    """The company's processes, its providers and its customers."""

    messengers: Messengers
    mail: FakeMail
    db: Database
    gateways: list[Mortal]
    others: list[Mortal]  # engines and processes that only deliver
    bases: list[str]  # of the gateways
    joins: Mortal | None  # an engine that is started when half of them have written
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
        await self._open_sms_chats(chats)
        breaking = asyncio.create_task(self._break_things())
        tasks = []
        for number in range(messages):
            if number == messages // 2 and self.joins:
                await self.joins.start()
            channel = self.chance.choice((*WRITTEN_IN, "webchat", "email"))
            tasks.append(asyncio.create_task(self._write(channel, self.chance.randrange(chats), number)))
            if number % 20 == 19:
                tasks.append(asyncio.create_task(self._remind(number)))
            await asyncio.sleep(1 / a_second)  # the traffic itself
            while number % 50 == 0 and await self._too_much():  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.5)
        await asyncio.gather(*tasks)
        if breaking.done():
            breaking.result()  # whoever was killed did not come back
        breaking.cancel()
        await asyncio.gather(breaking, return_exceptions=True)

    async def _too_much(self) -> bool:
        pushed = sum(len(provider._pushing) for provider in self.messengers.all.values())
        with contextlib.suppress(SQLAlchemyError):  # the database is away just now
            return max(pushed, await self._unfinished()) > UNDER_WAY
        return pushed > UNDER_WAY

    async def _write(self, channel: str, chat: int, number: int) -> None:
        self.asked[number] = channel
        text = f"вопрос {number}."
        if channel == "webchat":
            await self._write_on_site(chat, number, text)
        elif channel == "email":
            self.mail.write(text, sender=f"c{chat}@mail.example")
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

    async def _open_sms_chats(self, chats: int) -> None:
        """They never wrote: the company knows their numbers."""
        async with self.db.write() as session:
            for chat in range(min(chats, VISITORS)):
                phone = f"7926{chat:07}"
                self.messengers.sms.person(phone)
                account = await self.own.identities.get_or_create(session, "sms", "sms", phone)
                await self.own.conversations.current(session, account.id, "sms", "sms", "ru")

    async def _remind(self, number: int) -> None:
        """We begin: somebody who wrote before is reminded of something."""
        with contextlib.suppress(SQLAlchemyError):  # the database is away: the reminder was never stored
            async with self.db.write() as session:
                query = select(Conversation).where(
                    Conversation.channel == self.chance.choice(REMINDED_IN),
                    Conversation.owner == Owner.BOT,
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

    async def _break_things(self) -> None:
        """Faults all the time; every process is killed in turn, and the database goes away."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._inject())
            tasks.create_task(self._kill())

    async def _inject(self) -> None:
        while True:
            channel = self.chance.choice((*WRITTEN_IN, "sms", "email"))
            mode = self.chance.choice(FAULTS)
            if channel == "email":
                mode = self._break_mail()
            else:
                self.messengers.all[channel].fail(mode)
            self.injected[mode] += 1
            await asyncio.sleep(self.chance.uniform(0.1, 0.5))

    def _break_mail(self) -> str:
        if self.chance.random() < 0.5:
            self.mail.answers.append(LATER)
            return LATER
        self.mail.drop_after_accept += 1
        return LOST

    async def _kill(self) -> None:
        """One after the other; whoever was killed is back before the next one goes."""
        await asyncio.sleep(KILL_EVERY / 2)
        victims: list[Mortal | Restarts] = [*self.gateways, *self.others, self.restarts]
        loop = asyncio.get_running_loop()
        for victim in itertools.cycle(victims):
            began = loop.time()
            if not isinstance(victim, Mortal):
                await victim.once()
            elif victim.lives:
                victim.kill()
                await victim.answers(self.http)
            # Most of the time everything lives, however slowly this machine starts a process.
            await asyncio.sleep(max(KILL_EVERY, 2 * (loop.time() - began)))

    async def settle(self) -> None:
        """Nothing goes wrong any more: wait until everything that was accepted is done with."""
        for provider in self.messengers.all.values():
            provider.faults.clear()
        self.mail.answers.clear()
        self.mail.drop_after_accept = 0
        for mortal in (*self.gateways, *self.others):
            await mortal.answers(self.http)
        await asyncio.gather(*(provider.settled() for provider in self.messengers.all.values()))
        loop = asyncio.get_running_loop()
        left, since = -1, loop.time()
        while (now := await self._unfinished() + await self._letters_not_read()) > 0:
            if now != left:
                left, since = now, loop.time()
            assert loop.time() - since < STALLED, f"{now} messages are stuck"
            await asyncio.sleep(0.5)  # other processes: there is no event to wait for

    async def _letters_not_read(self) -> int:
        letters = select(func.count()).select_from(Inbox).where(Inbox.channel == "email")
        async with self.db.read() as session:
            return len(self.mail.letters) - (await session.scalar(letters) or 0)

    async def _unfinished(self) -> int:
        waiting = select(func.count()).select_from(Inbox).where(Inbox.processed_at.is_(None))
        going = select(func.count()).select_from(Outbox)
        going = going.where(Outbox.state.in_((LineState.READY, LineState.SENDING)))
        async with self.db.read() as session:
            return (await session.scalar(waiting) or 0) + (await session.scalar(going) or 0)

    async def verdict(self) -> Verdict:
        """What became of every message."""
        verdict = Verdict(asked=len(self.asked), reminders=len(self.reminders))
        log = await self._log()
        for name in (*WRITTEN_IN, "sms"):
            for person in self.messengers.all[name].people.values():
                verdict.look([heard.text for heard in person.heard], log)
        for letters in self._letters().values():
            verdict.look(letters, log)
        verdict.look_at_web_chat(log, self.asked)
        verdict.count_missing(self.asked, log)
        verdict.over_limit = sum(provider.over_limit for provider in self.messengers.all.values())
        return verdict

    def _letters(self) -> dict[str, list[str]]:
        """What people have in their mailboxes: a mail program shows a letter that comes twice once."""
        mailboxes: dict[str, dict[str, str]] = defaultdict(dict)
        for letter in self.mail.sent:
            mailboxes[letter["To"]].setdefault(letter["Message-ID"], letter.get_content())
        return {address: list(letters.values()) for address, letters in mailboxes.items()}

    async def _log(self) -> Log:
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

    def show(self, verdict: Verdict, title: str) -> None:
        """What was injected, and what was survived."""
        table = Table("what went wrong", "times", title=title)
        for mode, times in sorted(self.injected.items()):
            table.add_row(f"provider: {mode}", str(times))
        for mortal in (*self.gateways, *self.others):
            table.add_row(f"kill -9 of {mortal.name}", str(mortal.deaths))
        table.add_row("an engine joined", str(int(self.joins is not None)))
        table.add_row("the database went away", str(self.restarts.count))
        again = sum(each.attempts - each.pushed for each in self.messengers.all.values())
        table.add_row("webhooks that were refused and came again", str(again))
        table.add_section()
        for name, value in vars(verdict).items():
            if isinstance(value, int):
                table.add_row(name.replace("_", " "), str(value))
        Console(width=100).print(table, *verdict.traces, sep="\n")


def _address(channel: str, chat: int) -> str:
    return {"whatsapp": f"7916{chat:07}", "viber": f"{chat:010}AB="}.get(channel, str(1000 + chat))


@dataclass(frozen=True)
class Size:
    """How many processes the company runs."""

    gateways: int = 1
    engines: int = 1
    deliveries: int = 0  # none: the gateways send themselves


@asynccontextmanager
async def open_world(
    url: str, folder: Path, restarts: Restarts, size: Size, seed: int = 7, **settings: str
) -> AsyncIterator[World]:
    """Start everything, with an account at every messenger, a mailbox and SMS."""
    engine_ports = [free_port() for _ in range(size.engines)]
    ports = [free_port() for _ in range(size.gateways)]
    async with Messengers() as messengers, FakeMail() as mail, aiohttp.ClientSession() as http:
        _write_accounts(folder, messengers, mail)
        env = {
            "VAR": str(folder),
            "DATABASE_URL": url,
            "DEMO": "false",
            "ENGINE_URLS": json.dumps([f"http://127.0.0.1:{port}" for port in engine_ports]),
            "ENGINE_SECRET": "engine",
            "MESSAGES_PER_MINUTE": "100000",
            "QUEUE_PATIENCE": "86400",  # what people were given stays with them until we have counted
            "LOG_LEVEL": "warning",
            "ROLES": '["turns"]' if size.deliveries else '["turns", "delivery"]',
        } | {name.upper(): value for name, value in settings.items()}
        env = {f"ZABOTA_{name}": value for name, value in env.items()}
        engines = [_engine(number, port, folder) for number, port in enumerate(engine_ports)]
        joins = engines[-1] if size.engines > 1 else None
        gateways = [_gateway(number, port, env, folder) for number, port in enumerate(ports)]
        deliveries = [_delivery(number, env, folder) for number in range(size.deliveries)]
        for index, (name, provider) in enumerate(messengers.all.items()):
            port = ports[index % size.gateways]
            _let_write(provider, f"http://127.0.0.1:{port}/hooks/{name}/{name}", messengers)
        db = Database(url)
        world = World(
            messengers=messengers,
            mail=mail,
            db=db,
            gateways=gateways,
            others=[*deliveries, *engines],
            joins=joins,
            bases=[f"http://127.0.0.1:{port}" for port in ports],
            restarts=restarts,
            http=http,
            own=Gateway(Settings(_env_file=None, var=folder), db, SystemClock(), http),
            chance=random.Random(seed),
        )
        every = (*engines, *gateways, *deliveries)
        at_once = [each for each in every if each is not joins]
        try:
            for mortal in at_once:
                await mortal.start()
            for mortal in at_once:
                await mortal.answers(http)
            await _mailbox_read(db)
            yield world
        finally:
            for mortal in reversed(every):
                await mortal.stop()
            await db.close()


def _write_accounts(folder: Path, messengers: Messengers, mail: FakeMail) -> None:
    accounts = {name: _plain(each.account()) for name, each in messengers.all.items()}  # type: ignore[attr-defined]
    accounts["email"] = _plain(mail.account())
    accounts["email"]["imap"]["every_seconds"] = 1.0
    (folder / "channels.yml").write_text(yaml.safe_dump({"accounts": accounts}))


def _engine(number: int, port: int, folder: Path) -> Mortal:
    return Mortal(
        f"engine {number}",
        [PYTHON, "-m", "tests.faults.engine", str(port)],
        {},
        f"http://127.0.0.1:{port}/webhooks/zabota/health",
        folder / f"engine{number}.log",
    )


def _gateway(number: int, port: int, env: dict[str, str], folder: Path) -> Mortal:
    return Mortal(
        f"gateway {number}",
        [PYTHON, "-m", "bot.web"],
        env | {"ZABOTA_PORT": str(port), "ZABOTA_PROCESS_NAME": f"gateway{number}"},
        f"http://127.0.0.1:{port}/health",
        folder / f"gateway{number}.log",
    )


def _delivery(number: int, env: dict[str, str], folder: Path) -> Mortal:
    own = {"ZABOTA_ROLES": '["delivery"]', "ZABOTA_PROCESS_NAME": f"delivery{number}"}
    name = f"delivery {number}"
    return Mortal(name, [PYTHON, "-m", "bot.gateway"], env | own, "", folder / f"delivery{number}.log")


async def _mailbox_read(db: Database) -> None:
    """Letters that lie there before we looked for the first time are not answered."""
    marks = Marks(db)
    while await marks.get("email", "email") is None:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.1)


def _let_write(provider: FakeProvider, hook: str, messengers: Messengers) -> None:
    """The provider knows our address, limits us, and repeats for as long as a process may be dead."""
    provider.hook, provider.enforce, provider.patience, provider.hang = hook, True, 0.25, 1.0
    provider.hours = 1.0
    if provider is messengers.telegram:
        messengers.telegram.secret = messengers.telegram.account().hook_secret
    if provider is messengers.max:
        secret = messengers.max.account().hook_secret
        messengers.max.subscriptions = [{"url": hook, "secret": secret}]
