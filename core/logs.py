"""Structured logs without personal data.

Events name things by id. Whatever looks like personal data in a value is masked as a last resort: phones,
e-mail addresses and long digit runs such as card numbers; keys that hold what a person said never get out.
"""

import logging
import re
import sys
from typing import Any

import structlog

SAID = frozenset({"text", "body", "contact", "code", "name", "phone", "email", "payload", "title"})
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_DIGITS = re.compile(r"\+?\d(?:[\s().-]?\d){8,18}")
_NAMED = frozenset({"timestamp", "level"})


def redact(text: str) -> str:
    """Mask phones, e-mail addresses and long numbers."""
    return _DIGITS.sub("<number>", _EMAIL.sub("<email>", text))


def _without_personal_data(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    for key, value in event.items():
        if key in SAID:
            event[key] = "<hidden>"
        elif isinstance(value, str) and key not in _NAMED:
            event[key] = redact(value)
    return event


def set_up(log_format: str = "console", level: str = "info", process: str = "") -> None:
    """Configure logging of this process, the libraries' logs included."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _without_personal_data,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_plain)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for noisy in ("aiosqlite", "alembic", "asyncio", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(process=process)


def _plain(stream: Any, exc_info: Any) -> None:
    structlog.dev.plain_traceback(stream, exc_info)


def get(name: str) -> Any:
    """A logger; `name` is the noun that speaks."""
    return structlog.get_logger(name)
