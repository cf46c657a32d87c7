"""Starts the engine: `python -m bot.engine.launcher`, set up by environment variables only.

| variable | meaning |
|---|---|
| `ZABOTA_ENGINE_MODEL` | path of the model archive, or of the folder of the registry; required |
| `ZABOTA_MODELS_SECRET` | the registry's entries are signed with it; required for a folder |
| `ZABOTA_ENGINE_SECRET` | key of the signed channel, at least 16 characters; required |
| `ZABOTA_ENGINE_PORT` | loopback port, 5005 |
| `ZABOTA_ENGINE_TOKEN` | token of Rasa's HTTP interface; random when unset |
| `ZABOTA_ACTIONS_URL` | the action server's webhook; `http://127.0.0.1:5055/webhook` |
| `ZABOTA_ACTIONS_SECRET` | sent to the action server as `X-Zabota-Secret`; required |
| `ZABOTA_ENGINE_WORKDIR` | the engine's own directory; a temporary one when unset |
| `ZABOTA_PARENT_PID` | end together with this process, which must be the parent |

Exit codes: 2 when the settings or the model are refused, 1 when the server could not start.
"""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import logging
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from bot.engine import parent, slim, tf_absent
from bot.engine.nlu.blas import choose_kernels

__all__ = ["Refused", "Settings", "main"]

logger = logging.getLogger("bot.engine.launcher")

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
READ_LIMIT = 256 * 1024  # bytes Sanic reads before it refuses; the channel's own limit is lower
KEEP_ALIVE = 75  # seconds; longer than the gateway's client keeps an idle connection
_SECRET_LENGTH = 16  # characters
_FIRST_WORDS = "Здравствуйте, где мой заказ 1001? Hello, where is my order?"


class Refused(Exception):
    """The engine does not start; the message is one sentence for an administrator."""


@dataclass(frozen=True)
class Settings:
    """See the table at the head of this module."""

    model: Path
    secret: str
    port: int
    token: str
    actions_url: str
    actions_secret: str
    workdir: Path | None  # None: a temporary directory
    parent_pid: int | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read and check the settings.

        Raises:
            Refused: a required one is missing or one has an impossible value.
        """
        parent_pid = environment.get("ZABOTA_PARENT_PID")
        workdir = environment.get("ZABOTA_ENGINE_WORKDIR")
        return cls(
            model=_model(environment),
            secret=_secret(environment, "ZABOTA_ENGINE_SECRET"),
            port=_number(environment, "ZABOTA_ENGINE_PORT", 5005),
            token=environment.get("ZABOTA_ENGINE_TOKEN") or secrets.token_urlsafe(32),
            actions_url=environment.get("ZABOTA_ACTIONS_URL") or "http://127.0.0.1:5055/webhook",
            actions_secret=_secret(environment, "ZABOTA_ACTIONS_SECRET"),
            workdir=Path(workdir).resolve() if workdir else None,
            parent_pid=int(parent_pid) if parent_pid and parent_pid.isdigit() else None,
        )


def main() -> None:
    """Start the engine and serve until told to stop."""
    started = time.monotonic()
    _keep_small()
    slim.install()
    tf_absent.install()
    from bot.engine import logs

    logs.configure()
    try:
        settings = Settings.from_environment(os.environ)
        if settings.parent_pid is not None:
            parent.die_with(settings.parent_pid)
        _enter(settings)
        app = _build(settings)
    except (Refused, ProcessLookupError) as refusal:
        _exit(2, str(refusal))
    seconds = round(time.monotonic() - started, 2)
    logger.info(
        "engine starts", extra={"port": settings.port, "model": settings.model.name, "seconds": seconds}
    )
    _serve(app, settings)


def _build(settings: Settings) -> Any:
    """The Sanic application with the model loaded."""
    from bot.engine import api
    from bot.engine.archive import ArchiveRefused, check_archive

    try:
        check_archive(settings.model)
    except ArchiveRefused as error:
        raise Refused(str(error)) from error

    from rasa.core.agent import load_agent
    from rasa.core.run import configure_app
    from rasa.core.utils import AvailableEndpoints
    from sanic.exceptions import PayloadTooLarge

    from bot.engine import turn
    from bot.engine.channel import ZabotaChannel, too_large_answer
    from bot.engine.tracker_store import ConversationStore

    endpoints = AvailableEndpoints.read_endpoints(str(ROOT / "endpoints.yml"))
    if endpoints.tracker_store is None or endpoints.tracker_store.type != _path(ConversationStore):
        raise Refused(f"endpoints.yml must name {_path(ConversationStore)} as tracker_store")
    # An object instead of a name: Rasa would answer a failed import with its own unbounded store.
    endpoints.tracker_store = ConversationStore()
    app = configure_app([ZabotaChannel(settings.secret)], None, settings.token, endpoints=endpoints)
    app.config.KEEP_ALIVE_TIMEOUT = KEEP_ALIVE
    app.error_handler.add(PayloadTooLarge, too_large_answer)

    def load(model: Path) -> Any:
        """An agent that is ready to answer; takes a second, and may run beside turns in a thread."""
        agent = asyncio.run(load_agent(str(model), endpoints=endpoints))
        if agent.is_ready():
            # What components load at their first message is loaded now: no customer waits for it.
            asyncio.run(turn.parse(_FIRST_WORDS, None, agent.processor))
        return agent

    app.ctx.load = load
    app.ctx.candidate = None
    app.ctx.agent = load(settings.model)
    if not app.ctx.agent.is_ready():
        raise Refused(f"the model {settings.model.name} could not be loaded")
    api.protect(app, settings.token)
    api.settle()
    return app


def _serve(app: Any, settings: Settings) -> None:
    from bot.engine import logs

    logs.take_over_sanic()
    logs.quote_nobody()
    _give_back_memory()
    listening: list[bool] = []
    app.register_listener(lambda *_: listening.append(True), "after_server_start")
    asyncio.set_event_loop(asyncio.new_event_loop())
    app.run(host=HOST, port=settings.port, workers=1, access_log=False, motd=False, backlog=100)
    if not listening:  # Sanic only logs it and returns
        _exit(1, f"the engine cannot listen on port {settings.port}: is it in use?")


def _enter(settings: Settings) -> None:
    """The environment which Rasa and endpoints.yml read, and a directory of our own."""
    os.environ.update(
        RASA_TELEMETRY_ENABLED="false",
        SANIC_ACCESS_LOG="false",
        SANIC_REQUEST_MAX_SIZE=str(READ_LIMIT),
        TICKET_LOCK_LIFETIME="120",
        ZABOTA_ACTIONS_URL=settings.actions_url,
        ZABOTA_ACTIONS_SECRET=settings.actions_secret,
    )
    workdir = settings.workdir or _temporary()
    unpacked = workdir / "tmp"
    unpacked.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(unpacked)
    # Rasa unpacks models relative to nothing but checks them against the working directory.
    os.chdir(workdir)


def _temporary() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="zabota-engine-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _keep_small() -> None:
    """Before numpy and the first thread: the processor's own BLAS kernels, one BLAS thread, two malloc
    arenas.
    """
    choose_kernels()
    for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    _libc("mallopt", -8, 2)  # M_ARENA_MAX


def _give_back_memory() -> None:
    _libc("malloc_trim", 0)


def _libc(function: str, *arguments: int) -> None:
    """Call a function of glibc, where there is one."""
    try:
        getattr(ctypes.CDLL(None), function)(*arguments)
    except (OSError, AttributeError):
        return


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__name__}"


def _model(environment: Mapping[str, str]) -> Path:
    """The archive itself, or the live one of a registry, checked."""
    from bot.engine.archive import ArchiveRefused, live_archive

    path = Path(_required(environment, "ZABOTA_ENGINE_MODEL")).resolve()
    if not path.is_dir():
        return path
    try:
        return live_archive(path, _secret(environment, "ZABOTA_MODELS_SECRET"))
    except ArchiveRefused as error:
        raise Refused(str(error)) from error


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise Refused(f"{name} is not set")
    return value


def _secret(environment: Mapping[str, str], name: str) -> str:
    value = _required(environment, name)
    if len(value) < _SECRET_LENGTH:
        raise Refused(f"{name} must have at least {_SECRET_LENGTH} characters")
    return value


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    value = environment.get(name) or str(default)
    if not value.isdigit() or not 0 < int(value) < 65536:
        raise Refused(f"{name} must be a port number")
    return int(value)


def _exit(code: int, message: str) -> NoReturn:
    logger.error(message)
    logging.shutdown()
    sys.exit(code)


if __name__ == "__main__":
    main()
