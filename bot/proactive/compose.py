"""The words: in the customer's language and time, with buttons that know what they are about."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time

from bot.channels.port import Template
from bot.gateway.outbox import Button, Line
from bot.proactive.rules import Rule
from bot.proactive.signals.base import Signal
from core.settings import ROOT
from core.texts import Texts
from crm_bridge.models import Purpose

texts = Texts(ROOT / "bot/proactive/texts.yml")
OPT_OUT = "notifications_opt_out"
DATES = ("promised", "expected", "date", "moment", "opened")  # words that are moments
EXAMPLE: Mapping[str, Any] = {
    "order": "1002", "promised": "2026-11-20T09:00:00+00:00", "expected": None, "carrier": "СДЭК",
    "place": "Казань", "title": "Кофемашина", "date": "2026-12-01T12:00:00+00:00", "card": "4242",
    "points": 350, "service": "обслуживание", "moment": "2026-11-21T07:00:00+00:00",
    "number": "T-00042", "subject": "Не работает", "what": {"ru": "…", "en": "…"}, "days": 40,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads it."""

    name: str
    language: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Composed:
    """A message, ready for the outbox; `template` instead where free text may not go."""

    line: Line
    template: Template | None


def compose(rule: Rule, signal: Signal, reader: Reader, channel: str) -> Composed:
    """What this customer is told by this rule."""
    words = in_words(signal.words, reader)
    text = rule.text.to(reader.language).format_map(words)
    buttons = [
        Button(button.title.to(reader.language), button.intent, entities_of(signal))
        for button in rule.buttons
    ]
    everything = {} if rule.purpose is Purpose.MARKETING else {"value": "everything"}
    buttons.append(Button(texts("button.opt_out", reader.language), OPT_OUT, everything))
    return Composed(Line(text, buttons), _template(rule, words, reader.language, channel))


def entities_of(signal: Signal) -> dict[str, str]:
    """What a dialogue is told of the subject. It comes from us, and no text can change it."""
    kind, _, rest = signal.subject.partition(":")
    id_ = rest.partition(":")[0]
    if order := signal.words.get("order"):
        return {"order_id": str(order)}
    if kind == "appointment":
        return {"value": id_}
    if kind in ("asset", "warranty"):
        return {"value": f"asset:{id_}"}
    if kind == "subscription":
        return {"value": f"status:{id_}"}
    return {"product": str(signal.words["title"])} if signal.kind == "restock_due" else {}


def in_words(words: Mapping[str, Any], reader: Reader) -> dict[str, str]:
    """Values as people read them: dates of their own day, in their own language."""
    said = {key: _said(key, value, reader) for key, value in words.items()}
    return said | {"name": reader.name}


def _said(key: str, value: Any, reader: Reader) -> str:
    if isinstance(value, dict):
        return str(value.get(reader.language) or value.get("ru") or "")
    if key in DATES and isinstance(value, str) and value:
        return _date(datetime.fromisoformat(value), reader, with_time=key == "moment")
    if key == "place" and not value:
        return "—"
    return "" if value is None else str(value)


def _date(moment: datetime, reader: Reader, *, with_time: bool) -> str:
    locale = "en_GB" if reader.language == "en" else "ru"
    try:
        local = moment.astimezone(ZoneInfo(reader.time_zone))
    except (KeyError, ValueError, OSError):
        local = moment
    day = format_date(local.date(), "d MMMM", locale=locale)
    return f"{day}, {format_time(local, 'HH:mm', locale=locale)}" if with_time else day


def _template(rule: Rule, words: Mapping[str, str], language: str, channel: str) -> Template | None:
    approved = rule.template(channel, language)
    if approved is None:
        return None
    return Template(approved.name, language, tuple(words.get(word, "") for word in approved.values))


def preview(rule: Rule, language: str, channel: str) -> Composed:
    """A message of this rule with example values."""
    name = "Anna" if language == "en" else "Анна"
    signal = Signal(
        rule.predictor, 0, "example", datetime.fromisoformat("2026-11-20T09:00:00+00:00"), 1.0, "", EXAMPLE
    )
    return compose(rule, signal, Reader(name, language, "Europe/Moscow"), channel)
