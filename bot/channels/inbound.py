"""What a customer did, whichever channel it came through. Nothing inside sees a provider's own format."""

import unicodedata
from dataclasses import dataclass
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

    def as_json(self) -> dict[str, Any]:
        return {"kind": "press", "press_id": self.press_id}


Content = Text | ButtonPress


@dataclass(frozen=True)
class Inbound:
    """One event. `event_id` is unique within the channel account: a repeat is recognised by it."""

    channel: str
    account: str
    event_id: str
    sender: str
    content: Content
    language: str | None = None


def content_of(stored: dict[str, Any]) -> Content:
    """The inverse of `as_json`."""
    if stored["kind"] == "press":
        return ButtonPress(stored["press_id"])
    return Text(stored["text"])


def clean(text: str) -> str:
    """Text without what no customer types: control characters (line breaks stay), lone surrogates."""
    kept = (c for c in text.replace("\r\n", "\n") if c == "\n" or unicodedata.category(c) not in _UNWANTED)
    return unicodedata.normalize("NFC", "".join(kept)).strip().strip(_INVISIBLE).strip()


_UNWANTED = frozenset({"Cc", "Cs", "Co", "Cn"})
_INVISIBLE = "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff"
