"""The engine's door: the gateway's turns and parses over signed HTTP on loopback.

The protocol is described in `docs/architecture.md`, section «Engine protocol».
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from rasa.core.channels.channel import InputChannel, UserMessage
from rasa.core.processor import MessageProcessor
from sanic import Blueprint, Sanic
from sanic.exceptions import PayloadTooLarge
from sanic.request import Request
from sanic.response import HTTPResponse, raw

from bot.engine import turn, wire
from bot.engine.conversations import Conversations, process_wide
from bot.engine.swap import Swap
from bot.engine.turns import Turns
from bot.engine.wire import EngineError

__all__ = ["SIGNATURE_HEADER", "ZabotaChannel"]

logger = logging.getLogger(__name__)

SIGNATURE_HEADER = "X-Zabota-Signature"
SECRET_LENGTH = 16  # characters, at least

Handler = Callable[[Request], Awaitable[dict[str, Any]]]


class ZabotaChannel(InputChannel):
    """`bot.engine.channel.ZabotaChannel: {secret: …}` in credentials.yml."""

    def __init__(self, secret: str, conversations: Conversations | None = None) -> None:
        if len(secret) < SECRET_LENGTH:
            raise ValueError(
                f"the secret of the engine's channel must have at least {SECRET_LENGTH} characters"
            )
        self._secret = secret
        self._conversations = process_wide() if conversations is None else conversations

    @classmethod
    def name(cls) -> str:
        """Part of the address: `/webhooks/zabota/…`."""
        return turn.CHANNEL

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> ZabotaChannel:
        """Made by Rasa from credentials.yml."""
        secret = (credentials or {}).get("secret")
        if not secret:
            cls.raise_missing_credentials_exception()
        return cls(str(secret))

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """The routes. Rasa's own handler is not used: it hides failures."""
        blueprint = Blueprint("zabota_channel")
        turns: dict[str, Turns] = {}
        swap = Swap()

        def turns_of(app: Sanic) -> Turns:
            return turns.setdefault(app.name, Turns(self._conversations, lambda: _processor(app)))

        async def answer_turn(request: Request) -> dict[str, Any]:
            self._verify(request)
            asked = wire.read_turn(request.body)
            _processor(request.app)
            return await turns_of(request.app).answer(asked)

        async def answer_parse(request: Request) -> dict[str, Any]:
            self._verify(request)
            asked = wire.read_parse(request.body)
            return {"nlu": await turn.parse(asked.text, asked.language, _processor(request.app))}

        async def answer_model(request: Request) -> dict[str, Any]:
            self._verify(request)
            path, sha256 = wire.read_model(request.body)
            return {"model": await swap.load(request.app, Path(path), sha256)}

        async def answer_health(request: Request) -> dict[str, Any]:
            agent = getattr(request.app.ctx, "agent", None)
            return {"model": agent.processor.model_filename if agent and agent.is_ready() else None}

        async def end(app: Sanic, _: Any) -> None:
            if app.name in turns:
                await turns.pop(app.name).close()

        blueprint.add_route(_answering(answer_turn), "/turn", methods=["POST"], name="turn")
        blueprint.add_route(_answering(answer_parse), "/parse", methods=["POST"], name="parse")
        blueprint.add_route(_answering(answer_model), "/model", methods=["POST"], name="model")
        blueprint.add_route(_answering(answer_health), "/health", methods=["GET"], name="health")
        blueprint.listener("before_server_stop")(end)
        return blueprint

    def _verify(self, request: Request) -> None:
        if len(request.body) > wire.BODY_LIMIT:
            raise wire.too_large(f"the body is over {wire.BODY_LIMIT} bytes")
        wire.check_signature(self._secret, request.body, request.headers.get(SIGNATURE_HEADER))


def too_large_answer(request: Request, error: PayloadTooLarge) -> HTTPResponse:
    """The answer to a body that the server did not even read to its end."""
    return _error(wire.too_large("the body is too large"))


def _processor(app: Sanic) -> MessageProcessor:
    agent = getattr(app.ctx, "agent", None)
    if agent is None or not agent.is_ready():
        raise EngineError(503, "no_model", "no model is loaded")
    processor: MessageProcessor = agent.processor
    return processor


def _answering(handler: Handler) -> Callable[[Request], Coroutine[Any, Any, HTTPResponse]]:
    async def answering(request: Request) -> HTTPResponse:
        try:
            return _json(200, await handler(request))
        except EngineError as error:
            return _error(error)
        except Exception as error:
            logger.error("request not answered: %s", type(error).__name__, exc_info=error)
            return _error(EngineError(500, "turn_failed", type(error).__name__))

    return answering


def _error(error: EngineError) -> HTTPResponse:
    return _json(error.status, error.body())


def _json(status: int, body: dict[str, Any]) -> HTTPResponse:
    content = json.dumps(body, ensure_ascii=False, default=str).encode()
    return raw(content, status=status, content_type="application/json")
