"""The engine's log: one JSON object a line on standard error, without anything a customer wrote.

Rasa writes customers' texts, slot values and whole action responses into its messages, at every level. So of
foreign records only place and kind are kept once customers are served: level, logger, source line, the class
of the exception. Messages of `bot.engine` are ours and are kept.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import MutableMapping
from typing import Any

import structlog

__all__ = ["configure", "quote_nobody", "take_over_sanic"]

_OURS = "bot.engine"
_FIELDS = ("conversation_id", "message_id", "model", "port", "seconds")

_quoting = True


def configure(level: int = logging.INFO) -> None:
    """Send everything (logging, structlog, warnings) through one handler on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(_OURS).setLevel(level)
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").setLevel(logging.ERROR)
    structlog.configure(
        processors=[_name_only],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def take_over_sanic() -> None:
    """Undo the logging that Sanic sets up for itself when an application is made."""
    for name in ("sanic.root", "sanic.error", "sanic.access"):
        chatty = logging.getLogger(name)
        chatty.handlers, chatty.propagate = [], True
        chatty.setLevel(logging.WARNING)


def quote_nobody() -> None:
    """From now on messages of foreign loggers are left out: customers are served."""
    global _quoting
    _quoting = False


def _name_only(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
    """Of Rasa's structured events the name (a constant) without the values."""
    return str(event.get("event", ""))


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        ours = record.name.startswith(_OURS)
        if ours or _quoting:
            line["event"] = record.getMessage()
        if not ours:
            line["where"] = f"{record.module}:{record.lineno}"
        line.update({name: getattr(record, name) for name in _FIELDS if hasattr(record, name)})
        line.update(_error(record))
        return json.dumps(line, ensure_ascii=False, default=str)


def _error(record: logging.LogRecord) -> dict[str, str]:
    """Class of the exception and the line it came from; never its text."""
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if error is None:
        return {}
    described = {"error": type(error).__name__}
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is not None:
        described["raised"] = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
    return described
