"""What a customer did, whichever channel it came through. Nothing inside sees a provider's own format."""

import unicodedata
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


@dataclass(frozen=True)
class Text:
    """Free text: never a command."""

    text: str

    def as_json(self) -> dict[str, Any]:
        return {"kind": "text", "text": self.text}


@dataclass(frozen=True)
class ButtonPress:
    """A press of a button that we issued."""

    press_id: str
    callback: str = ""  # the provider waits for an acknowledgement under this id

    def as_json(self) -> dict[str, Any]:
        return {"kind": "press"} | asdict(self)


class FileKind(StrEnum):
    """What a file is to people."""

    PHOTO = "photo"
    DOCUMENT = "document"
    VOICE = "voice"
    VIDEO = "video"


@dataclass(frozen=True)
class Attachment:
    """A file at the provider. Name, type and size are what the sender says."""

    kind: FileKind
    file: str  # what `Channel.fetch` takes
    name: str = ""
    type: str = ""  # MIME
    size: int | None = None  # bytes


@dataclass(frozen=True)
class Files:
    """Photos, documents, voice, with what was written under them."""

    files: tuple[Attachment, ...]
    text: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"kind": "files", "text": self.text, "files": [asdict(file) for file in self.files]}


@dataclass(frozen=True)
class Location:
    """A place on the map, in degrees."""

    latitude: float
    longitude: float
    title: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"kind": "location"} | asdict(self)


@dataclass(frozen=True)
class SharedContact:
    """A phone number sent as a contact. `own`: the provider vouches that it is the sender's."""

    phone: str  # as the provider wrote it
    own: bool

    def as_json(self) -> dict[str, Any]:
        return {"kind": "contact"} | asdict(self)


@dataclass(frozen=True)
class Start:
    """The customer opened the chat, perhaps by a deep link with a one-time key."""

    key: str = ""
    greeted: bool = False  # the channel has said the welcome already, and may say no more until they write

    def as_json(self) -> dict[str, Any]:
        return {"kind": "start"} | asdict(self)


@dataclass(frozen=True)
class Blocked:
    """We may not write to this address any more: the provider would refuse."""

    def as_json(self) -> dict[str, Any]:
        return {"kind": "blocked"}


@dataclass(frozen=True)
class Unblocked:
    """We may write again."""

    def as_json(self) -> dict[str, Any]:
        return {"kind": "unblocked"}


@dataclass(frozen=True)
class Stop:
    """The customer wants no mailings here. `text` is what they wrote, empty when they pressed a link."""

    text: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"kind": "stop"} | asdict(self)


@dataclass(frozen=True)
class Edited:
    """The customer changed an earlier message of theirs."""

    ref: str  # the provider's id of that message: its `Origin.ref`
    text: str

    def as_json(self) -> dict[str, Any]:
        return {"kind": "edited"} | asdict(self)


class ReceiptState(StrEnum):
    """How far the provider has brought a message of ours; only ever forward, and FAILED is final."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


@dataclass(frozen=True)
class Receipt:
    """What became of a message of ours. Receipts come twice and in any order."""

    ref: str  # the provider's id: a `Sent.ref`
    state: ReceiptState
    reason: str = ""  # of a failure: a `port.Reason`, or empty
    key: str = ""  # our idempotency key, where the provider echoes it
    up_to: bool = False  # it speaks of every earlier message of the chat too

    def as_json(self) -> dict[str, Any]:
        return {"kind": "receipt"} | asdict(self)


Content = (
    Text
    | ButtonPress
    | Files
    | Location
    | SharedContact
    | Start
    | Blocked
    | Unblocked
    | Stop
    | Edited
    | Receipt
)


@dataclass(frozen=True)
class Origin:
    """The place of a customer's message at its provider: what a reply to it, or an edit of it, names."""

    ref: str  # the provider's id of the message
    quotes: str = ""  # the provider's id of the message of ours that it answers
    subject: str = ""  # e-mail
    references: tuple[str, ...] = ()  # e-mail: Message-IDs of the thread, oldest first

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"references": list(self.references)}

    @classmethod
    def of(cls, stored: dict[str, Any] | None) -> "Origin | None":
        """The inverse of `as_json`."""
        return cls(**{**stored, "references": tuple(stored["references"])}) if stored else None


@dataclass(frozen=True)
class Inbound:
    """One event. `event_id` is unique within the channel account: a repeat is recognised by it."""

    channel: str
    account: str
    event_id: str
    sender: str
    content: Content
    language: str | None = None
    origin: Origin | None = None
    name: str = field(default="", repr=False)  # how the sender calls themselves there

    def as_json(self) -> dict[str, Any]:
        """What the inbox keeps as content; `content_of` and `Origin.of(stored.get("origin"))` read it."""
        kept = {**self.content.as_json(), "language": self.language}
        if self.origin:
            kept["origin"] = self.origin.as_json()
        if self.name:
            kept["name"] = self.name
        return kept


_PLAIN: dict[str, type[Any]] = {
    "text": Text,
    "press": ButtonPress,
    "location": Location,
    "contact": SharedContact,
    "start": Start,
    "blocked": Blocked,
    "unblocked": Unblocked,
    "stop": Stop,
    "edited": Edited,
}


def content_of(stored: dict[str, Any]) -> Content:
    """The inverse of `as_json`."""
    kind = stored["kind"]
    if kind == "files":
        files = tuple(Attachment(**{**file, "kind": FileKind(file["kind"])}) for file in stored["files"])
        return Files(files, stored["text"])
    if kind == "receipt":
        state = ReceiptState(stored["state"])
        return Receipt(stored["ref"], state, stored["reason"], stored["key"], stored["up_to"])
    shape = _PLAIN[kind]
    content: Content = shape(**{key: stored[key] for key in shape.__dataclass_fields__ if key in stored})
    return content


def clean(text: str) -> str:
    """Text without what no customer types: control characters (line breaks stay), lone surrogates."""
    kept = (c for c in text.replace("\r\n", "\n") if c == "\n" or unicodedata.category(c) not in _UNWANTED)
    return unicodedata.normalize("NFC", "".join(kept)).strip().strip(_INVISIBLE).strip()


_UNWANTED = frozenset({"Cc", "Cs", "Co", "Cn"})
_INVISIBLE = "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff"

_STOP_WORDS = frozenset({"стоп", "stop", "/stop", "отписаться", "отписка", "unsubscribe"})


def written(text: str) -> Text | Stop:
    """What a customer typed, already `clean`: an opt-out when it is nothing but the agreed word."""
    if text.strip(" .!«»\"'").casefold() in _STOP_WORDS:
        return Stop(text)
    return Text(text)
