"""A messenger in memory: the `Channel` protocol, with a provider behind it that limits, fails and lies."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bot.channels.inbound import ButtonPress, Inbound
from bot.channels.port import (
    Capabilities,
    Outgoing,
    Rate,
    Received,
    SendError,
    Sent,
    Uncertain,
)
from core.clock import Clock

ROOMY = Capabilities(
    text=4000,
    buttons=10,
    button_title=30,
    files=True,
    account_rate=Rate(100_000, timedelta(seconds=1)),
    chat_rate=None,
)


@dataclass
class Lost(Exception):
    """To be raised by `send`: the provider delivered, and its answer was lost on the way."""


@dataclass(frozen=True)
class Got:
    """What a customer's phone shows."""

    at: datetime
    address: str
    text: str
    key: str
    part: int


@dataclass
class Pocket:
    """One account at one messenger. `faults` are raised by the next sends, in turn; None: it works."""

    clock: Clock
    name: str = "telegram"
    account: str = "main"
    capabilities: Capabilities = ROOMY
    faults: list[Exception | None] = field(default_factory=list)
    blocked: dict[str, SendError] = field(default_factory=dict)  # by address
    shown: list[Got] = field(default_factory=list)
    asked: list[Outgoing] = field(default_factory=list)

    def able(self, **changes: Any) -> "Pocket":
        """The same account with other capabilities."""
        self.capabilities = replace(self.capabilities, **changes)
        return self

    async def send(self, outgoing: Outgoing) -> Sent:
        self.asked.append(outgoing)
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None and not isinstance(fault, Lost):
            raise fault
        if outgoing.address in self.blocked:
            raise self.blocked[outgoing.address]
        pieces = self._pieces(outgoing.text)
        known = any((each.key, each.part) == (outgoing.key, outgoing.part) for each in self.shown)
        if not (known and self.capabilities.idempotent):
            text = pieces[outgoing.part]
            self.shown.append(Got(self.clock.now(), outgoing.address, text, outgoing.key, outgoing.part))
        if isinstance(fault, Lost):
            raise Uncertain("no answer")
        return Sent(f"{self.name}-{outgoing.key}-{outgoing.part}", len(pieces))

    def _pieces(self, text: str) -> list[str]:
        size = self.capabilities.text
        return [text[start : start + size] for start in range(0, len(text), size)] or [""]

    def read_by(self, address: str) -> list[str]:
        """What one customer has on their phone, in order."""
        return [each.text for each in self.shown if each.address == address]

    def verify(self, received: Received) -> None: ...

    def handshake(self, received: Received) -> str | None:
        return None

    def parse(self, received: Received) -> Sequence[Inbound]:
        return ()

    def answer(self, received: Received) -> str:
        return "ok"

    async def acknowledge(self, press: ButtonPress) -> None: ...

    async def fetch(self, file: str, limit: int) -> AsyncIterator[bytes]:
        yield b""

    async def open(self, url: str) -> None: ...

    async def close(self) -> None: ...
