"""The web chat's own wire format: JSON frames, described in docs/architecture.md."""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.channels.inbound import ButtonPress, Content, Text, clean

CHANNEL = "webchat"
FRAME_LIMIT = 256 * 1024  # bytes
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VISITOR = re.compile(r"[A-Za-z0-9_-]{32,64}")


class Refused(Exception):
    """The frame cannot be taken; `code` is one of the protocol's."""

    def __init__(self, code: str, client_id: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.client_id = client_id


@dataclass(frozen=True)
class Said:
    """The customer wrote something or pressed a button."""

    client_id: str
    content: Content


@dataclass(frozen=True)
class Hello:
    """First frame of a socket."""

    visitor: str
    after: int


@dataclass(frozen=True)
class Seen:
    """Everything up to this sequence number was shown."""

    seq: int


@dataclass(frozen=True)
class Signal:
    """A frame without content: `typing` or `ping`."""

    kind: str


Frame = Said | Hello | Seen | Signal


def parse(raw: str | bytes, text_limit: int) -> Frame:
    """Read one frame.

    Raises:
        Refused: it is no frame, or its text is empty or longer than `text_limit` characters.
    """
    frame = _object(raw)
    match frame.get("type"):
        case "text":
            return _said(frame, lambda: _text(frame, text_limit))
        case "press":
            return _said(frame, lambda: ButtonPress(_string(frame, "press_id")))
        case "hello":
            return Hello(visitor(frame.get("visitor")) or "", _number(frame, "after"))
        case "seen":
            return Seen(_number(frame, "seq"))
        case "typing" | "ping" as kind:
            return Signal(kind)
    raise Refused("bad_frame")


def visitor(value: object) -> str | None:
    """The visitor's secret if it looks like one."""
    return value if isinstance(value, str) and _VISITOR.fullmatch(value) else None


def client_id(value: object) -> str:
    """The id under which the browser repeats a message.

    Raises:
        Refused: it is none.
    """
    if not isinstance(value, str) or not _CLIENT_ID.fullmatch(value):
        raise Refused("bad_frame")
    return value


def sender_of(visitor: str) -> str:
    """What is stored of a visitor's secret: its hash, so that a leaked database opens nobody's chat."""
    return hashlib.sha256(visitor.encode()).hexdigest()


def message_frame(
    *,
    seq: int,
    id: str,
    author: str,
    text: str,
    buttons: list[Any] | None,
    at: datetime,
    details: dict[str, Any],
) -> dict[str, Any]:
    """A message as the browser gets it."""
    frame: dict[str, Any] = {
        "type": "message",
        "seq": seq,
        "id": id,
        "author": author,
        "text": text,
        "buttons": buttons or [],
        "at": at.isoformat().replace("+00:00", "Z"),
    }
    files = [file for file in details.get("files", ()) if file.get("id")]
    if files:
        frame["text"] = "" if details.get("wordless") else text  # the files speak for themselves
        frame["files"] = [{key: file.get(key) for key in ("id", "name", "type", "size")} for file in files]
    return frame | {key: details[key] for key in ("client_id", "press_id") if details.get(key)}


def _object(raw: str | bytes) -> dict[str, Any]:
    if isinstance(raw, bytes) or len(raw) > FRAME_LIMIT:
        raise Refused("bad_frame")
    try:
        frame = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused("bad_frame") from None
    if not isinstance(frame, dict):
        raise Refused("bad_frame")
    return frame


def _said(frame: dict[str, Any], content: Any) -> Said:
    named = client_id(frame.get("client_id"))
    try:
        return Said(named, content())
    except Refused as refused:
        raise Refused(refused.code, named) from None


def _text(frame: dict[str, Any], limit: int) -> Text:
    text = clean(_string(frame, "text"))
    if not text:
        raise Refused("empty")
    if len(text) > limit:
        raise Refused("too_long")
    return Text(text)


def _string(frame: dict[str, Any], key: str) -> str:
    value = frame.get(key)
    if not isinstance(value, str):
        raise Refused("bad_frame")
    return value


def _number(frame: dict[str, Any], key: str) -> int:
    value = frame.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise Refused("bad_frame")
    return value
