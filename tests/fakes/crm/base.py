"""What all fake CRMs have in common: people, orders, tickets, notes, and the ways in which servers fail."""

import asyncio
import json
import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum, auto
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web

from core.clock import ManualClock
from crm_bridge.adapters import AnyAccount, Received, Values
from crm_bridge.adapters.values import Field

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Json = dict[str, Any]
Kept = TypeVar("Kept")


class Fault(StrEnum):
    """How one request goes wrong."""

    ERROR = auto()  # 500, and nothing was done
    ERROR_AFTER = auto()  # 500, and it was done
    LIMIT = auto()  # the provider's own «too many requests»
    EXPIRED = auto()  # the provider's own «your token has expired»
    LOST = auto()  # done, and the connection ends without an answer
    CUT = auto()  # done, and half of the answer comes
    SILENT = auto()  # done, and no answer comes until the client gives up
    GARBLED = auto()  # a page of HTML with status 200


@dataclass
class Person:
    """A contact as the fakes hold it."""

    id: str
    given: str
    family: str
    phones: list[str]
    emails: list[str]
    updated_at: datetime
    patronymic: str = ""


@dataclass
class Order:
    """A deal as the fakes hold it."""

    id: str
    title: str
    stage: str
    amount: str
    contact_id: str
    updated_at: datetime


@dataclass
class Made:
    """A ticket or a note that somebody made, through the API or at a screen."""

    id: str
    owner_id: str
    subject: str
    text: str
    at: datetime  # when it was made
    updated_at: datetime
    author: str = ""
    is_open: bool = True
    priority: str = "normal"  # in our words


@dataclass
class FakeCrm(ABC):
    """One CRM on loopback. Tests move its clock, edit its records and break its answers."""

    clock: ManualClock
    seed: int = 0
    people: dict[str, Person] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    tickets: list[Made] = field(default_factory=list)
    notes: list[Made] = field(default_factory=list)
    faults: deque[Fault | None] = field(default_factory=deque)
    down: bool = False  # 503 to everything
    shuffled: bool = False  # pages come in a wrong order
    asked: list[str] = field(default_factory=list)  # "METHOD path" of every request
    released: asyncio.Event = field(default_factory=asyncio.Event)  # ends silent answers

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._numbers = 0

    @abstractmethod
    def account(self, address: str) -> AnyAccount:
        """What an administrator would write to connect to it."""

    @abstractmethod
    def routes(self, router: web.UrlDispatcher) -> None: ...

    @abstractmethod
    def limit_answer(self) -> web.Response: ...

    @abstractmethod
    def expired_answer(self) -> web.Response: ...

    @abstractmethod
    def webhook(self, remote_id: str, event: str = "update", kind: str = "contact") -> Received:
        """What the CRM posts to us, signed the way it signs."""

    @abstractmethod
    def authorised(self, request: web.Request, body: Any) -> bool: ...

    @property
    def now(self) -> datetime:
        return self.clock.now().replace(microsecond=0)

    def next_id(self) -> str:
        self._numbers += 1
        return str(self._numbers)

    def add(self, given: str = "", family: str = "", phone: str = "", email: str = "") -> str:
        """Somebody in the company enters a person."""
        remote_id = self.next_id()
        phones, emails = [phone] if phone else [], [email] if email else []
        self.people[remote_id] = Person(remote_id, given, family, phones, emails, self.now)
        return remote_id

    def edit(self, remote_id: str, **change: Any) -> None:
        """Somebody in the company changes a person."""
        self.people[remote_id] = replace(self.people[remote_id], **change, updated_at=self.now)

    def sell(
        self, contact_id: str, title: str = "Чайник", amount: str = "1499.00", stage: str = "NEW"
    ) -> str:
        remote_id = self.next_id()
        self.orders[remote_id] = Order(remote_id, title, stage, amount, contact_id, self.now)
        return remote_id

    def file(self, owner_id: str, subject: str, text: str, author: str = "api@example.com") -> Made:
        """A ticket or a note, stamped with the CRM's clock."""
        return Made(self.next_id(), owner_id, subject, text, self.now, self.now, author)

    def complain(self, contact_id: str, name: str) -> str:
        """Somebody in the company enters a ticket."""
        self.tickets.append(self.file(contact_id, name, f"{name}\nЗвонок", "olga@example.com"))
        return self.tickets[-1].id

    def write_note(self, owner_id: str, text: str, kind: str = "contacts") -> str:
        """Somebody in the company writes a note beside a contact or a ticket."""
        self.notes.append(self.file(owner_id, kind, text, "olga@example.com"))
        return self.notes[-1].id

    def ticket(self, remote_id: str) -> Made:
        """A ticket as people see it."""
        return next(each for each in self.tickets if each.id == remote_id)

    def handle(self, remote_id: str, **change: Any) -> None:
        """Somebody in the company changes a ticket."""
        for name, value in (change | {"updated_at": self.now}).items():
            setattr(self.ticket(remote_id), name, value)

    def values(self, remote_id: str) -> Values:
        """What a person looking at the record sees."""
        who = self.people[remote_id]
        return {
            Field.GIVEN_NAME: who.given,
            Field.PATRONYMIC: who.patronymic,
            Field.FAMILY_NAME: who.family,
            Field.PHONE: who.phones[0] if who.phones else "",
            Field.EMAIL: who.emails[0] if who.emails else "",
        }

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._middleware])
        self.routes(app.router)
        return app

    def page(self, records: Sequence[Kept], start: int, size: int) -> list[Kept]:
        """A page, in the order that the fake is told to give."""
        page = list(records[start : start + size])
        if self.shuffled:
            self.chance.shuffle(page)
        return page

    def changed(self, records: dict[str, Kept], since: datetime | None) -> list[Kept]:
        return [each for each in records.values() if since is None or each.updated_at >= since]  # type: ignore[attr-defined]

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if self.down:
            return web.Response(status=503, text="<html>maintenance</html>")
        fault = self.faults.popleft() if self.faults else None
        if fault is Fault.ERROR:
            return web.Response(status=500, text="<html>oops</html>")
        if fault is Fault.GARBLED:
            return web.Response(text="<html>please log in</html>", content_type="text/html")
        if fault is Fault.LIMIT:
            return self._stamped(self.limit_answer())
        if fault is Fault.EXPIRED or not self.authorised(request, await _body(request)):
            return self._stamped(self.expired_answer())
        answer = await handler(request)
        assert isinstance(answer, web.Response)
        return self._stamped(answer) if fault is None else await self._spoil(request, answer, fault)

    def _stamped(self, answer: web.Response) -> web.Response:
        answer.headers["Date"] = format_datetime(self.clock.now(), usegmt=True)
        return answer

    async def _spoil(self, request: web.Request, answer: web.Response, fault: Fault) -> web.StreamResponse:
        """It was done; now let the answer be lost."""
        if fault is Fault.ERROR_AFTER:
            return web.Response(status=500, text="<html>oops</html>")
        if fault is Fault.SILENT:
            await self.released.wait()
        assert request.transport is not None
        if fault is Fault.CUT and isinstance(answer.body, bytes):
            half = web.StreamResponse(status=answer.status, headers=answer.headers)
            half.content_length = len(answer.body)
            await half.prepare(request)
            await half.write(answer.body[: len(answer.body) // 2])
            request.transport.close()
            return half
        request.transport.close()
        return answer


async def _body(request: web.Request) -> Any:
    raw = await request.read()
    return json.loads(raw) if raw else None


def query(text: str) -> dict[str, str]:
    return dict(parse_qsl(text))


def made_with(records: Sequence[Made], text: str) -> list[Made]:
    """The newest first, those that contain a text."""
    return [each for each in reversed(records) if text in each.text or text in each.subject]
