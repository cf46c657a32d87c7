"""What all fake providers share: people, faults, limits, and webhooks pushed as stubbornly as real ones."""

import asyncio
import contextlib
import json
import time
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

Json = dict[str, Any]
MODES = ("429", "500", "timeout", "drop_after_accept", "drop_before_accept", "dup_webhook", "reorder")
WEBHOOK_MODES = ("dup_webhook", "reorder")


@dataclass
class Heard:
    """One message as a person has it on their screen."""

    ref: str
    text: str = ""
    buttons: list[tuple[str, str]] = field(default_factory=list)  # title, what a press sends
    file: bytes | None = None
    raw: Json = field(default_factory=dict)


@dataclass(eq=False)
class Person:
    """Somebody with an account in the messenger."""

    provider: "FakeProvider"
    id: str
    name: str = "Пётр"
    language: str = "ru"
    heard: list[Heard] = field(default_factory=list)
    blocked: bool = False
    gone: bool = False
    last_wrote: float | None = None  # time.time()
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _read: int = 0

    def gets(self, message: Heard) -> None:
        self.heard.append(message)
        self._news.set()

    async def hears(self, seconds: float = 60) -> Heard:
        """The next message that was not looked at yet."""
        async with asyncio.timeout(seconds):
            while self._read >= len(self.heard):
                self._news.clear()
                await self._news.wait()
        self._read += 1
        return self.heard[self._read - 1]

    async def says(self, text: str) -> None:
        await self.provider.push(self.id, self.provider.text_event(self, text))

    async def presses(self, title: str) -> None:
        """Press a button of the newest message that has it."""
        for message in reversed(self.heard):
            for shown, data in message.buttons:
                if shown == title:
                    await self.provider.push(self.id, self.provider.press_event(self, message, shown, data))
                    return
        raise LookupError(title)

    async def does(self, event: Any) -> None:
        """Anything else, as the provider would push it."""
        await self.provider.push(self.id, event)


@dataclass
class Fault:
    """What goes wrong with the next `n` requests or webhooks."""

    mode: str
    n: int


class FakeProvider(ABC):
    """One provider with one account of ours."""

    name = ""
    account_limit: tuple[int, float] | None = None  # so many in so many seconds
    chat_limit: tuple[int, float] | None = None

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.requests: list[tuple[str, Any]] = []  # path, body
        self.faults: list[Fault] = []
        self.over_limit = 0  # sends beyond a limit; all of them refused
        self.enforce = False
        self.pushed = 0
        self.attempts = 0  # of pushing
        self.hook = ""  # our address
        self.patience = 0.02  # seconds that stand for one second of the provider's retry schedule
        self.hours = 0.0  # how long it goes on after that, every minute
        self.hang = 30.0  # seconds of a timeout
        self.stopping = asyncio.Event()
        self.url = ""
        self._numbers = 1000
        self._windows: dict[str, deque[float]] = defaultdict(deque)
        self._chats: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._held: list[tuple[str, Any]] = []
        self._pushing: set[asyncio.Task[None]] = set()
        self.session: aiohttp.ClientSession | None = None

    # ---- what each provider has of its own ----

    @abstractmethod
    def routes(self, router: web.UrlDispatcher) -> None: ...

    @abstractmethod
    def text_event(self, person: Person, text: str) -> Any: ...

    @abstractmethod
    def press_event(self, person: Person, message: Heard, title: str, data: str) -> Any: ...

    @abstractmethod
    def sign(self, body: bytes) -> Mapping[str, str]:
        """Headers of a webhook."""

    @abstractmethod
    def too_many(self) -> web.Response: ...

    def broken(self) -> web.Response:
        """A failure in which nothing was done."""
        return web.Response(status=500, text="<html>Internal Server Error</html>")

    def accepted(self, status: int, body: str) -> bool:
        """Whether our answer satisfies the provider."""
        return 200 <= status < 300

    def delays(self) -> list[float]:
        """Seconds before each repetition of a webhook."""
        return [0, 2, 4, 8, 16, 32, 60, 60, 60, 60]

    # ---- shared ----

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def person(self, id_: str, name: str = "Пётр", language: str = "ru") -> Person:
        if id_ not in self.people:
            self.people[id_] = Person(self, id_, name, language)
        return self.people[id_]

    def fail(self, mode: str, n: int = 1) -> None:
        assert mode in MODES, mode
        self.faults.append(Fault(mode, n))

    def _fault(self, *modes: str) -> str:
        for fault in self.faults:
            if fault.mode in modes and fault.n > 0:
                fault.n -= 1
                return fault.mode
        return ""

    async def trouble(self, request: web.Request) -> web.StreamResponse | None:
        """What goes wrong before the request is looked at."""
        match self._fault("429", "500", "timeout", "drop_before_accept"):
            case "429":
                return self.too_many()
            case "500":
                return self.broken()
            case "timeout":
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stopping.wait(), self.hang)
                return _closed(request)
            case "drop_before_accept":
                return _closed(request)
        return None

    def dropped(self, request: web.Request) -> web.StreamResponse | None:
        """The message was taken, and the answer is lost."""
        return _closed(request) if self._fault("drop_after_accept") else None

    def within_limits(self, chat: str) -> bool:
        """Count a send; False when it is one too many."""
        if not self.enforce:
            return True
        now = time.monotonic()
        windows = [("", self.account_limit), (chat, self.chat_limit)]
        for key, limit in windows:
            if limit is None:
                continue
            count, seconds = limit
            window = self._windows[key]
            while window and window[0] <= now - seconds:
                window.popleft()
            if len(window) >= count:
                self.over_limit += 1
                return False
        for key, limit in windows:
            if limit is not None:
                self._windows[key].append(now)
        return True

    # ---- webhooks ----

    async def push(self, chat: str, event: Any) -> None:
        """Deliver an event to our webhook, now and in the order of the chat, whatever it takes."""
        if self._fault("reorder"):
            self._held.append((chat, event))
            return
        copies = 2 if self._fault("dup_webhook") else 1
        for _ in range(copies):
            self._begin(chat, event)
        held, self._held = self._held, []
        for late_chat, late in held:
            self._begin(late_chat, late)

    def _begin(self, chat: str, event: Any) -> None:
        task = asyncio.create_task(self._deliver(chat, event))
        self._pushing.add(task)
        task.add_done_callback(self._pushing.discard)

    async def settled(self) -> None:
        """Wait until every webhook was accepted or given up."""
        for chat, event in self._held:
            self._begin(chat, event)
        self._held = []
        while self._pushing:
            await asyncio.gather(*self._pushing)

    async def _deliver(self, chat: str, event: Any) -> None:
        body = self.body(event)
        async with self._chats[chat]:
            for delay in [0.0, *self.delays(), *[60.0] * int(60 * self.hours)]:
                await asyncio.sleep(delay * self.patience)
                self.attempts += 1
                if await self.post(body):
                    self.pushed += 1
                    return

    def body(self, event: Any) -> bytes:
        return json.dumps(event, ensure_ascii=False).encode()

    async def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> bool:
        """One attempt; whether we answered as the provider wants."""
        assert self.session is not None, "the fake is not running"
        sent = {"Content-Type": self.content_type} | dict(self.sign(body) if headers is None else headers)
        try:
            async with self.session.post(self.hook, data=body, headers=sent) as answer:
                return self.accepted(answer.status, await answer.text())
        except (aiohttp.ClientError, TimeoutError):
            return False

    content_type = "application/json"


def _closed(request: web.Request) -> web.StreamResponse:
    """The connection ends without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
