"""What the gateway asks of a messenger, whichever it is.

Towards the customer: `Outgoing` → `Channel.send` → `Sent`, or one of the errors below. Towards us: `Received`
→ `verify` → `parse` → `Inbound` events. A channel knows its wire format and nothing of dialogue.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, runtime_checkable

from bot.channels.inbound import ButtonPress, FileKind, Inbound, Origin

# ---- what goes out ----


@dataclass(frozen=True)
class OutgoingButton:
    """A quick reply. `id` comes back as `ButtonPress.press_id`."""

    id: str  # at most 64 bytes of ASCII
    title: str


@dataclass(frozen=True)
class OutgoingFile:
    """A file of ours, read into memory just before it is sent."""

    kind: FileKind
    name: str
    type: str  # MIME
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Template:
    """A text the provider approved beforehand (WhatsApp): the only thing allowed outside its window."""

    name: str
    language: str
    values: tuple[str, ...] = ()  # in place of {{1}}, {{2}} …


@dataclass(frozen=True)
class Outgoing:
    """One line to one customer.

    A line may need several messages there (a long text, a text and files). `send` delivers one of them,
    number `part`; each is one request in the sense of the rates. Keep `Sent.ref` and go on with `part + 1`
    until `Sent.parts` are out: what was delivered before an error is then not said again.
    """

    key: str  # idempotency key: the outbox row's id; the same at every attempt
    address: str  # `Inbound.sender`
    text: str  # may hold **bold**, _italic_, `code` and [title](https://…) when `markup`
    buttons: Sequence[OutgoingButton] = ()
    files: Sequence[OutgoingFile] = ()
    language: str = "ru"
    markup: bool = False
    reply_to: Origin | None = None  # the customer's message it answers; e-mail threads by it
    last_inbound: datetime | None = None  # when they last wrote; decides the service window
    template: Template | None = None
    proactive: bool = False  # we begin: e-mail offers to unsubscribe
    part: int = 0


@dataclass(frozen=True)
class Sent:
    """One message is with the provider."""

    ref: str  # the provider's id of it; receipts name it
    parts: int = 1  # how many messages the line needs altogether


# ---- what goes wrong ----


class SendError(Exception):
    """Any of the below. The text is for administrators and holds no secret and no personal data."""


class Transient(SendError):
    """It was not delivered, and a later attempt may succeed."""


class RateLimited(SendError):
    """Not delivered: too much at once. `whole_account`: every chat of the account must wait."""

    def __init__(self, why: str, retry_after: timedelta, *, whole_account: bool = True) -> None:
        super().__init__(why)
        self.retry_after = retry_after
        self.whole_account = whole_account


class Reason(StrEnum):
    """Why a message will never be delivered this way."""

    BLOCKED = "blocked"  # the customer does not want us there; until they write again
    DEAD_ADDRESS = "dead_address"  # there is nobody at this address
    REFUSED = "refused"  # the provider does not take this message; others may go
    TOO_OLD = "too_old"  # the provider's window for free answers is over
    ACCOUNT = "account"  # our key or account is refused: nothing goes out until a person acts


class Permanent(SendError):
    """It was not delivered, and trying again is useless."""

    def __init__(self, why: str, reason: Reason) -> None:
        super().__init__(why)
        self.reason = reason


class Uncertain(SendError):
    """The request left and no answer came: it may have been delivered."""


class Forged(Exception):
    """A webhook that does not prove where it comes from."""


class Unreadable(Exception):
    """A file that cannot be had: too large, or gone."""


# ---- what a channel is able to do ----


@dataclass(frozen=True)
class Rate:
    """So many messages in this time."""

    sends: float
    per: timedelta


@dataclass(frozen=True)
class Capabilities:
    """What a provider allows."""

    text: int  # longest message, in the provider's own units; longer lines become several parts
    buttons: int  # at most so many under a message; 0: none. More become numbered choices
    button_title: int  # characters
    files: bool  # photos and documents of ours can go out
    account_rate: Rate  # all chats of the account together
    chat_rate: Rate | None  # one chat
    text_with_buttons: int | None = None  # where it is shorter than `text`
    window: timedelta | None = None  # free answers only so long after the customer's last message
    idempotent: bool = False  # a repeated `send` with the same key and part is delivered once
    receipts: bool = False  # tells what was delivered or read
    inbound: bool = True  # customers can write here


@dataclass(frozen=True)
class Received:
    """A request at our door, as it came."""

    method: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    query: Mapping[str, str] = field(default_factory=dict)


class Channel(Protocol):
    """One account at one messenger."""

    @property
    def name(self) -> str:
        """The channel: `telegram`, `max`, …; `Inbound.channel`."""
        ...

    @property
    def account(self) -> str:
        """Which of our accounts there; `Inbound.account`."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    def verify(self, received: Received) -> None:
        """Check over the raw bytes, in constant time, that the provider sent this.

        Raises:
            Forged
        """
        ...

    def handshake(self, received: Received) -> str | None:
        """What to answer when this is the provider's way of asking whether the address is ours; else None.

        Called before `verify`, since such a request may be signed differently.

        Raises:
            Forged
        """
        ...

    def parse(self, received: Received) -> Sequence[Inbound]:
        """What happened. Kinds we do not know give nothing: an error would only be repeated for days."""
        ...

    def answer(self, received: Received) -> str:
        """The body of our 2xx, once the events are in the database."""
        ...

    async def send(self, outgoing: Outgoing) -> Sent:
        """Deliver part `outgoing.part` of a line.

        Raises:
            SendError: one of its kinds.
        """
        ...

    async def acknowledge(self, press: ButtonPress) -> None:
        """Tell the messenger that a press arrived, so that its button stops spinning. Never raises."""
        ...

    def fetch(self, file: str, limit: int) -> AsyncIterator[bytes]:
        """A file that a customer sent, in chunks.

        Raises:
            Unreadable: it is gone, or larger than `limit` bytes.
            Transient
        """
        ...

    async def open(self, url: str) -> None:
        """See to it that the provider delivers to `url`; done at the start and every hour.

        Raises:
            SendError
        """
        ...

    async def close(self) -> None: ...


Accept = Callable[[Sequence[Inbound]], Awaitable[None]]  # returns when the events are in the database


@runtime_checkable
class Polled(Protocol):
    """A channel that no webhook serves (e-mail): it fetches by itself."""

    async def listen(self, accept: Accept) -> None:
        """Fetch for ever; what `accept` did not take is fetched again."""
        ...


class Channels:
    """The accounts that are connected, by channel and account."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, str], Channel] = {}

    def add(self, channel: Channel) -> None:
        self._all[channel.name, channel.account] = channel

    def get(self, name: str, account: str) -> Channel | None:
        return self._all.get((name, account))

    def all(self) -> Sequence[Channel]:
        return tuple(self._all.values())
