"""The engine's client: one signed call a turn. Protocol: docs/architecture.md."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp


class EngineAway(Exception):
    """No answer, or a failure that may pass: try again with the same message id."""


class EngineRefused(Exception):
    """The engine will never take this request."""


class UnknownConversation(Exception):
    """The engine does not hold the conversation at the named turn: send its memory."""


@dataclass(frozen=True)
class TurnRequest:
    """One customer message. Exactly one of `text` and `press` is set."""

    conversation_id: str
    message_id: str
    after: str | None
    language: str | None
    metadata: dict[str, Any]
    text: str | None = None
    press: dict[str, Any] | None = None

    def as_json(self, memory: dict[str, Any] | None) -> dict[str, Any]:
        body = {key: value for key, value in vars(self).items() if key not in ("text", "press")}
        return body | ({"press": self.press} if self.press else {"text": self.text}) | {"memory": memory}


@dataclass(frozen=True)
class TurnAnswer:
    """What the assistant says, what it understood, and what it must be told to go on from here."""

    replies: list[dict[str, Any]]
    nlu: dict[str, Any]
    actions: list[str]
    memory: dict[str, Any]
    repeated: bool


class EngineClient:
    """Talks to one engine process."""

    def __init__(self, http: aiohttp.ClientSession, port: int, key: bytes, timeout: timedelta) -> None:
        self._http = http
        self._base = f"http://127.0.0.1:{port}/webhooks/zabota"
        self._key = key
        self._timeout = aiohttp.ClientTimeout(total=timeout.total_seconds(), connect=2)

    async def turn(self, request: TurnRequest, memory: dict[str, Any] | None) -> TurnAnswer:
        """Ask for the replies to one message; `memory` is sent only when the engine asks for it.

        Raises:
            EngineAway, EngineRefused.
        """
        try:
            answer = await self._call("turn", request.as_json(None))
        except UnknownConversation:
            answer = await self._call("turn", request.as_json(memory or {}))
        return TurnAnswer(
            replies=answer["replies"],
            nlu=answer["nlu"],
            actions=answer["actions"],
            memory=answer["memory"],
            repeated=answer["repeated"],
        )

    async def model(self) -> str | None:
        """The file name of the model in use, or None: no engine, or no model."""
        try:
            async with self._http.get(
                f"{self._base}/health", timeout=aiohttp.ClientTimeout(total=2)
            ) as response:
                return (await response.json())["model"] if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None

    async def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        raw = json.dumps(body, ensure_ascii=False).encode()
        signature = "sha256=" + hmac.new(self._key, raw, hashlib.sha256).hexdigest()
        headers = {"X-Zabota-Signature": signature, "Content-Type": "application/json"}
        try:
            async with self._http.post(
                f"{self._base}/{path}", data=raw, headers=headers, timeout=self._timeout
            ) as response:
                answer: dict[str, Any] = await response.json()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise EngineAway(type(error).__name__) from error
        if status == 200:
            return answer
        code = answer.get("error", {}).get("code", "")
        if status == 409:
            raise UnknownConversation
        if status >= 500:
            raise EngineAway(code or str(status))
        raise EngineRefused(code or str(status))
