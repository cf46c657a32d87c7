"""What the gateway and the engine say to each other: checking the request, building the answer.

The protocol is described in `docs/architecture.md`, section «Engine protocol». Nothing here knows Rasa.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "BODY_LIMIT",
    "TEXT_LIMIT",
    "EngineError",
    "ParseRequest",
    "Press",
    "TurnRequest",
    "bad_request",
    "check_signature",
    "read_candidate",
    "read_model",
    "read_parse",
    "read_turn",
    "signature",
    "too_large",
]

BODY_LIMIT = 64 * 1024  # bytes of a request's body
TEXT_LIMIT = 4_000  # characters of a customer's message
METADATA_LIMIT = 8 * 1024  # bytes of `metadata` as JSON
ENTITY_LIMIT = 32  # entities of one press
VALUE_LIMIT = 1_000  # characters of one entity's value

LANGUAGES = ("ru", "en")

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAME = re.compile(r"[A-Za-z0-9_.+-]{1,64}")
_SIGNATURE_PREFIX = "sha256="


class EngineError(Exception):
    """An answer other than 200.

    Attributes:
        status: HTTP status.
        code: `error.code` of the protocol.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def body(self) -> dict[str, Any]:
        """The JSON body of the answer. The message is for logs: it never holds what a customer wrote."""
        return {"error": {"code": self.code, "message": str(self)}}


def bad_request(message: str) -> EngineError:
    """The body is not what the protocol says."""
    return EngineError(400, "bad_request", message)


def too_large(message: str) -> EngineError:
    """The body or the text is over its limit."""
    return EngineError(413, "too_large", message)


@dataclass(frozen=True)
class Press:
    """A button which the server had issued and the customer pressed."""

    intent: str
    entities: Mapping[str, Any] = field(default_factory=dict)  # name → JSON scalar or list of scalars


@dataclass(frozen=True)
class TurnRequest:
    """One message of a customer; exactly one of `text` and `press` is set."""

    conversation_id: str
    message_id: str
    after: str | None  # message id of the last committed turn; None: a new conversation
    memory: dict[str, Any] | None  # the engine's own memory of that turn, when it asked for it
    text: str | None
    press: Press | None
    language: str | None  # a hint: `ru`, `en`
    metadata: dict[str, Any]


@dataclass(frozen=True)
class ParseRequest:
    """A text to classify outside of any conversation."""

    text: str
    language: str | None
    candidate: bool = False  # asks the candidate model instead of the live one


def signature(secret: str, body: bytes) -> str:
    """Value of `X-Zabota-Signature` for `body`: `sha256=` and the hex HMAC-SHA256 of the raw bytes."""
    return _SIGNATURE_PREFIX + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def check_signature(secret: str, body: bytes, given: str | None) -> None:
    """Compare in constant time.

    Raises:
        EngineError: 401 `bad_signature`.
    """
    expected = signature(secret, body).encode()
    if not hmac.compare_digest(expected, (given or "").encode("utf-8", "replace")):
        raise EngineError(401, "bad_signature", "X-Zabota-Signature is missing or does not match the body")


def read_model(body: bytes) -> tuple[str, str]:
    """Parse the body of `POST /model`: path of an archive on this machine, and its SHA-256 in hex.

    Raises:
        EngineError: 400.
    """
    try:
        asked = json.loads(body)
    except ValueError:
        asked = None
    if not isinstance(asked, dict) or set(asked) != {"file", "sha256"}:
        raise bad_request('the body must be {"file": …, "sha256": …}')
    if not all(isinstance(value, str) and value for value in asked.values()):
        raise bad_request("file and sha256 must be texts")
    return asked["file"], asked["sha256"]


def read_candidate(body: bytes) -> tuple[str, str, int] | None:
    """Parse the body of `POST /candidate`: archive, SHA-256 and share in percent; None: there shall be none.

    Raises:
        EngineError: 400.
    """
    data = _object(body)
    if not data:
        return None
    _no_others(data, {"file", "sha256", "share"})
    file, sha256, share = data.get("file"), data.get("sha256"), data.get("share")
    if not (isinstance(file, str) and file and isinstance(sha256, str) and sha256):
        raise bad_request("file and sha256 must be texts")
    if not isinstance(share, int) or isinstance(share, bool) or not 0 <= share <= 100:
        raise bad_request("share must be a whole number from 0 to 100")
    return file, sha256, share


def read_turn(body: bytes) -> TurnRequest:
    """Parse the body of `POST /turn`.

    Raises:
        EngineError: 400 `bad_request` or 413 `too_large`.
    """
    data = _object(body)
    allowed = {"conversation_id", "message_id", "after", "memory", "text", "press", "language", "metadata"}
    _no_others(data, allowed)
    text, press = data.get("text"), data.get("press")
    if (text is None) == (press is None):
        raise bad_request("exactly one of text and press is required")
    return TurnRequest(
        conversation_id=_id(data, "conversation_id"),
        message_id=_id(data, "message_id"),
        after=None if data.get("after") is None else _id(data, "after"),
        memory=_memory(data.get("memory"), data.get("after")),
        text=None if text is None else _text(text),
        press=None if press is None else _press(press),
        language=_language(data.get("language")),
        metadata=_metadata(data.get("metadata")),
    )


def read_parse(body: bytes) -> ParseRequest:
    """Parse the body of `POST /parse`.

    Raises:
        EngineError: 400 `bad_request` or 413 `too_large`.
    """
    data = _object(body)
    _no_others(data, {"text", "language", "candidate"})
    return ParseRequest(
        text=_text(data.get("text")),
        language=_language(data.get("language")),
        candidate=data.get("candidate") is True,
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
        # A lone surrogate («\ud800») is valid JSON and cannot be written as UTF-8 afterwards.
        json.dumps(data, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise bad_request("the body is not valid JSON in UTF-8") from None
    if not isinstance(data, dict):
        raise bad_request("the body is not a JSON object")
    return data


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _no_others(data: Mapping[str, Any], allowed: set[str]) -> None:
    unknown = sorted(set(data) - allowed)
    if unknown:
        raise bad_request(f"{len(unknown)} unknown field(s) in the body")


def _id(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise bad_request(f"{name} must match [A-Za-z0-9_-]{{1,64}}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise bad_request("text must be a string")
    if len(value) > TEXT_LIMIT:
        raise too_large(f"text is longer than {TEXT_LIMIT} characters")
    if not value.strip():
        raise bad_request("text is empty")
    return value


def _press(value: Any) -> Press:
    if not isinstance(value, dict) or set(value) - {"intent", "entities"}:
        raise bad_request("press must be an object of intent and entities")
    intent, entities = value.get("intent"), value.get("entities") or {}
    if not isinstance(intent, str) or not _NAME.fullmatch(intent):
        raise bad_request("press.intent must be an intent's name")
    if not isinstance(entities, dict) or len(entities) > ENTITY_LIMIT:
        raise bad_request(f"press.entities must be an object of at most {ENTITY_LIMIT} names")
    for name, entity in entities.items():
        if not _NAME.fullmatch(name) or not _is_value(entity):
            raise bad_request("press.entities: a name or a value is not allowed")
    return Press(intent=intent, entities=entities)


def _is_value(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= ENTITY_LIMIT and all(
            not isinstance(item, list) and _is_value(item) for item in value
        )
    if isinstance(value, str):
        return len(value) <= VALUE_LIMIT
    return value is None or isinstance(value, (bool, int, float))


def _language(value: Any) -> str | None:
    if value is None:
        return None
    if value not in LANGUAGES:
        raise bad_request("language must be ru, en or null")
    return str(value)


def _metadata(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_request("metadata must be an object")
    if len(json.dumps(value, ensure_ascii=False).encode()) > METADATA_LIMIT:
        raise too_large(f"metadata is over {METADATA_LIMIT} bytes")
    return value


def _memory(value: Any, after: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise bad_request("memory must be an object")
    if after is None:
        raise bad_request("memory without after: a new conversation has none")
    return value
