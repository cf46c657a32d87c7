"""The engine's door: the gateway's turns and parses over signed HTTP on loopback.

The protocol is described in `docs/architecture.md`, section «Engine protocol».
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
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
from bot.engine.swap import Candidate, Swap, described, in_share
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
            return turns.setdefault(app.name, Turns(self._conversations, lambda id_: _processors(app, id_)))

        async def answer_turn(request: Request) -> dict[str, Any]:
            self._verify(request)
            asked = wire.read_turn(request.body)
            _processor(request.app)
            return await turns_of(request.app).answer(asked)

        async def answer_parse(request: Request) -> dict[str, Any]:
            self._verify(request)
            asked = wire.read_parse(request.body)
            model = _candidate(request.app) if asked.candidate else _processor(request.app)
            return {"nlu": await turn.parse(asked.text, asked.language, model)}

        async def answer_model(request: Request) -> dict[str, Any]:
            self._verify(request)
            path, sha256 = wire.read_model(request.body)
            return {"model": await swap.load(request.app, Path(path), sha256)}

        async def answer_candidate(request: Request) -> dict[str, Any]:
            self._verify(request)
            asked = wire.read_candidate(request.body)
            wanted = (Path(asked[0]), asked[1], asked[2]) if asked else None
            return {"candidate": await swap.try_out(request.app, wanted)}

        async def answer_health(request: Request) -> dict[str, Any]:
            agent = getattr(request.app.ctx, "agent", None)
            model = agent.processor.model_filename if agent and agent.is_ready() else None
            return {"model": model, "candidate": described(request.app)}

        async def end(app: Sanic, _: Any) -> None:
            if app.name in turns:
                await turns.pop(app.name).close()

        blueprint.add_route(_answering(answer_turn), "/turn", methods=["POST"], name="turn")
        blueprint.add_route(_answering(answer_parse), "/parse", methods=["POST"], name="parse")
        blueprint.add_route(_answering(answer_model), "/model", methods=["POST"], name="model")
        blueprint.add_route(_answering(answer_candidate), "/candidate", methods=["POST"], name="candidate")
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


def _processors(app: Sanic, conversation_id: str) -> Sequence[MessageProcessor]:
    """Who may answer a conversation, in this order."""
    live, tried = _processor(app), _tried(app)
    if tried is None or not in_share(conversation_id, tried.share):
        return (live,)
    return (tried.agent.processor, live)


def _candidate(app: Sanic) -> MessageProcessor:
    tried = _tried(app)
    if tried is None:
        raise EngineError(503, "no_model", "no candidate is loaded")
    processor: MessageProcessor = tried.agent.processor
    return processor


def _tried(app: Sanic) -> Candidate | None:
    tried: Candidate | None = app.ctx.candidate
    return tried


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
