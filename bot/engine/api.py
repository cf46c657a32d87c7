"""What of Rasa's HTTP interface the engine offers, and to whom.

Offered, with the token: status, the model swap, parsing, the domain, reading a conversation. Everything else
(training inside the server, tests that write files, appending events, loading a model from any URL) has no
use here and would be a way in.
"""

from __future__ import annotations

import asyncio
import gc
import hmac
import re
from pathlib import Path
from typing import Any

from sanic import Sanic
from sanic.request import Request
from sanic.response import BaseHTTPResponse, HTTPResponse, json

from bot.engine.archive import ArchiveRefused, check_archive

__all__ = ["protect"]

_OPEN = re.compile(r"/webhooks/zabota/[a-z]+")  # signed requests; the health check needs no signature
_WITH_TOKEN = {
    "GET": re.compile(r"/(status|version|domain|conversations/[A-Za-z0-9_-]{1,64}/tracker)"),
    "PUT": re.compile(r"/model"),
    "POST": re.compile(r"/model/parse"),
}
_SWAP = ("PUT", "/model")


def protect(app: Sanic, token: str) -> None:
    """Let through what is offered; check a model before it is swapped in."""

    async def admit(request: Request) -> HTTPResponse | None:
        if _OPEN.fullmatch(request.path):
            return None
        offered = _WITH_TOKEN.get(request.method)
        if offered is None or not offered.fullmatch(request.path):
            return _refusal(404, "NotFound", "the engine does not offer this")
        given = str(request.args.get("token") or "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), token.encode()):
            return _refusal(401, "NotAuthenticated", "the token is missing or wrong")
        return await _check_swap(request) if (request.method, request.path) == _SWAP else None

    async def tidy(request: Request, response: BaseHTTPResponse) -> None:
        if (request.method, request.path) == _SWAP and response.status == 204:
            # The first model was frozen out of the collector's sight; let go of it and freeze the new one.
            settle()

    app.register_middleware(admit, "request")
    app.register_middleware(tidy, "response")


def settle() -> None:
    """After a model was loaded: collect once, then spare the collector what lives as long as the model."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


async def _check_swap(request: Request) -> HTTPResponse | None:
    body = _body(request)
    if set(body) != {"model_file"} or not isinstance(body["model_file"], str):
        return _refusal(400, "BadRequest", 'the body must be {"model_file": path of an archive}')
    try:
        await asyncio.get_running_loop().run_in_executor(None, check_archive, Path(body["model_file"]))
    except ArchiveRefused as error:
        return _refusal(400, "BadRequest", str(error))
    return None


def _body(request: Request) -> dict[str, Any]:
    try:
        body = request.json
    except Exception:  # sanic's own InvalidUsage, or a decoding error of the bytes
        return {}
    return body if isinstance(body, dict) else {}


def _refusal(status: int, reason: str, message: str) -> HTTPResponse:
    return json({"status": "failure", "code": status, "reason": reason, "message": message}, status=status)
