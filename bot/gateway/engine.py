"""The engine's client: one signed call a turn. Protocol: docs/architecture.md."""

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp

AWAY = 2.0  # seconds for which an engine that could not be reached is asked last


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
    model: dict[str, Any] = field(default_factory=dict)  # {"file", "failed": candidate that could not, "ms"}


@dataclass(frozen=True)
class Serving:
    """What one engine answers with."""

    model: str
    candidate: str | None  # tried beside it
    share: int  # of all conversations that the candidate answers, in percent


class EngineClient:
    """Talks to the engines. Each conversation has one of its own, as long as that one lives.

    Which one follows from the conversation's id alone (rendezvous hashing), so every gateway chooses the
    same. When an engine is away, its conversations go to their next ones, which ask for their memory; when it
    is back, or another one joins, only those conversations move that now belong there.
    """

    def __init__(
        self, http: aiohttp.ClientSession, bases: Sequence[str], key: bytes, timeout: timedelta
    ) -> None:
        self._http = http
        self._engines = [f"{base.rstrip('/')}/webhooks/zabota" for base in bases]
        self._away: dict[str, float] = {}  # until when, of the loop's clock
        self._key = key
        self._timeout = aiohttp.ClientTimeout(total=timeout.total_seconds(), connect=2)

    async def turn(self, request: TurnRequest, memory: dict[str, Any] | None) -> TurnAnswer:
        """Ask for the replies to one message; `memory` is sent only when the engine asks for it.

        Raises:
            EngineAway, EngineRefused.
        """
        try:
            answer = await self._call(request.conversation_id, request.as_json(None))
        except UnknownConversation:
            answer = await self._call(request.conversation_id, request.as_json(memory or {}))
        return TurnAnswer(
            replies=answer["replies"],
            nlu=answer["nlu"],
            actions=answer["actions"],
            memory=answer["memory"],
            repeated=answer["repeated"],
            model=answer.get("model") or {},
        )

    async def parse(self, text: str, language: str | None, *, candidate: bool) -> dict[str, Any]:
        """What a model understands of a text, outside of any conversation; any engine is asked.

        Raises:
            EngineAway, EngineRefused.
        """
        body = {"text": text, "language": language, "candidate": candidate}
        for engine in self.of(text):
            try:
                answer: dict[str, Any] = (await self._ask(engine, body, "parse"))["nlu"]
                return answer
            except aiohttp.ClientConnectorError:
                self._not_there(engine)
        raise EngineAway("no engine can be reached")

    async def model(self) -> str | None:
        """The file name of the model in use, or None: no engine, or no model."""
        for engine in self._engines:
            try:
                timeout = aiohttp.ClientTimeout(total=2)
                async with self._http.get(f"{engine}/health", timeout=timeout) as response:
                    if response.status == 200 and (model := (await response.json())["model"]):
                        return str(model)
            except (aiohttp.ClientError, TimeoutError, ValueError):
                continue
        return None

    async def serving(self) -> dict[str, Serving | None]:
        """What every engine serves; None where none answers."""
        found: dict[str, Serving | None] = dict.fromkeys(self._engines)
        for engine in self._engines:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):
                timeout = aiohttp.ClientTimeout(total=2)
                async with self._http.get(f"{engine}/health", timeout=timeout) as response:
                    said = await response.json()
                if said.get("model"):
                    tried = said.get("candidate") or {}
                    found[engine] = Serving(said["model"], tried.get("file"), tried.get("share", 0))
        return found

    async def load(self, engine: str, archive: str, sha256: str) -> None:
        """Have one engine change its model; it answers turns meanwhile.

        Raises:
            EngineAway, EngineRefused: the old model stays.
        """
        await self._ask(engine, {"file": archive, "sha256": sha256}, "model")

    async def try_out(self, engine: str, candidate: tuple[str, str, int] | None) -> None:
        """Have one engine hold this candidate beside its model: archive, SHA-256, share; None: none.

        Raises:
            EngineAway, EngineRefused: nothing has changed.
        """
        named = dict(zip(("file", "sha256", "share"), candidate, strict=True)) if candidate else {}
        await self._ask(engine, named, "candidate")

    def of(self, conversation_id: str) -> list[str]:
        """The engines in the order in which a conversation goes to them; those that are away at the end."""

        def weight(engine: str) -> bytes:
            return hashlib.sha256(f"{engine} {conversation_id}".encode()).digest()

        now = asyncio.get_running_loop().time()
        ordered = sorted(self._engines, key=weight, reverse=True)
        return sorted(ordered, key=lambda engine: self._away.get(engine, 0) > now)

    async def _call(self, conversation_id: str, body: dict[str, Any]) -> dict[str, Any]:
        for engine in self.of(conversation_id):
            try:
                return await self._ask(engine, body)
            except aiohttp.ClientConnectorError:  # it never heard of it: the next one may be asked
                self._not_there(engine)
        raise EngineAway("no engine can be reached")

    def _not_there(self, engine: str) -> None:
        self._away[engine] = asyncio.get_running_loop().time() + AWAY

    async def _ask(self, engine: str, body: dict[str, Any], what: str = "turn") -> dict[str, Any]:
        raw = json.dumps(body, ensure_ascii=False).encode()
        signature = "sha256=" + hmac.new(self._key, raw, hashlib.sha256).hexdigest()
        headers = {"X-Zabota-Signature": signature, "Content-Type": "application/json"}
        try:
            async with self._http.post(
                f"{engine}/{what}", data=raw, headers=headers, timeout=self._timeout
            ) as response:
                answer: dict[str, Any] = await response.json()
                status = response.status
        except aiohttp.ClientConnectorError:
            raise
        except aiohttp.ServerDisconnectedError as error:  # it died, perhaps on this turn
            self._not_there(engine)
            raise EngineAway(type(error).__name__) from error
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
