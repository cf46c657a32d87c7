"""The action server: `python -m actions.server`. Loopback only; the engine calls it with a shared secret."""

import hmac
import json
import logging
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from aiohttp import web
from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionExecutionRejection, ActionNotFoundException
from sqlalchemy import text

from actions.registry import executor_of
from actions.services import Services
from core import logs
from core.clock import Clock, SystemClock
from core.db import Database
from core.process import die_with_parent
from core.settings import Settings

HOST = "127.0.0.1"
SECRET_HEADER = "X-Zabota-Secret"  # noqa: S105 - the header's name
BODY_LIMIT = 4 * 1024 * 1024  # a tracker and the whole domain

_log = logs.get("actions")


class ActionServer:
    """Runs actions for the engine. Never repeats the request: it holds what a customer said."""

    def __init__(self, executor: ActionExecutor, db: Database, secret: bytes) -> None:
        self._executor = executor
        self._db = db
        self._secret = secret

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/webhook", self.webhook), web.get("/health", self.health)]

    async def webhook(self, request: web.Request) -> web.Response:
        """One action of one turn, as Rasa asks for it."""
        given = request.headers.get(SECRET_HEADER, "").encode()
        if not hmac.compare_digest(given, self._secret):
            return _error("bad_secret", HTTPStatus.UNAUTHORIZED)
        call = _call(await request.read())
        if call is None:
            # not 400: Rasa takes that for an action which rejected its execution
            return _error("bad_request", HTTPStatus.UNPROCESSABLE_ENTITY)
        name = str(call["next_action"])
        try:
            result = await self._executor.run(call)
        except ActionExecutionRejection as rejection:
            return _error("rejected", HTTPStatus.BAD_REQUEST, rejection.action_name)
        except ActionNotFoundException:
            _log.error("unknown action", action=name)
            return _error("unknown_action", HTTPStatus.NOT_FOUND, name)
        except Exception as error:
            _log.error("call failed", action=name, error=type(error).__name__)
            return _error("failed", HTTPStatus.INTERNAL_SERVER_ERROR, name)
        return web.json_response(result.model_dump() if result else {"events": [], "responses": []})

    async def health(self, _request: web.Request) -> web.Response:
        """Ready when it answers; without its database it still answers, and customers are told the truth."""
        return web.json_response({"ready": True, "database": await self._database_answers()})

    async def _database_answers(self) -> bool:
        try:
            async with self._db.read() as session:
                await session.execute(text("SELECT 1"))
        except Exception as error:
            _log.error("database does not answer", error=type(error).__name__)
            return False
        return True


def make_app(settings: Settings, db: Database, clock: Clock) -> web.Application:
    """The application over one database, which it closes at the end."""
    executor = executor_of(Services.over(settings, db, clock))
    app = web.Application(client_max_size=BODY_LIMIT)
    app.add_routes(ActionServer(executor, db, settings.actions_key).routes())

    async def close_database(_app: web.Application) -> AsyncIterator[None]:
        yield
        await db.close()

    app.cleanup_ctx.append(close_database)
    return app


def _call(raw: bytes) -> dict[str, Any] | None:
    try:
        call = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(call, dict) or not isinstance(call.get("tracker"), dict):
        return None
    if not call.get("next_action") or "sender_id" not in call["tracker"]:
        return None
    return call


def _error(code: str, status: HTTPStatus, action: str = "") -> web.Response:
    return web.json_response({"error": code, "action_name": action}, status=status)


def main() -> None:
    die_with_parent()
    settings = Settings()
    logs.set_up(settings.log_format, settings.log_level, process="actions")
    logging.getLogger("rasa_sdk").setLevel(logging.WARNING)
    app = make_app(settings, Database(settings.db_url), SystemClock())
    web.run_app(app, host=HOST, port=settings.actions_port, print=None, access_log=None)


if __name__ == "__main__":
    main()
