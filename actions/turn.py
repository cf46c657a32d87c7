"""What an action needs of a turn, read once from the tracker that the engine sends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rasa_sdk import Tracker

from actions.wording import ENGLISH, RUSSIAN

NO_MATCH = frozenset({"out_of_scope", "nlu_fallback"})


@dataclass(frozen=True, slots=True)
class Guess:
    """An intent and how sure the classifier is of it."""

    intent: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One of several inquiries of a message."""

    intent: str
    text: str
    entities: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a customer, and what the dialogue remembers. Slots and entities are hints, no proof."""

    conversation_id: str
    message_id: str
    text: str
    intent: str
    ranking: tuple[Guess, ...]  # best first
    entities: Mapping[str, str]  # the first of each kind
    inquiries: tuple[Inquiry, ...]  # in order, when the message holds several
    attachments: tuple[Mapping[str, str], ...]  # files that came with it: `key`, `name` and `type`
    sentiment: float  # how it sounds: -1 angry to 1 delighted
    slots: Mapping[str, Any]
    language: str
    form: str | None  # the active one
    back_in_form: bool  # the form was interrupted by this message and goes on now

    @property
    def key(self) -> str:
        """The idempotency key of what this turn does."""
        return f"{self.conversation_id}:{self.message_id}"

    @property
    def sureness(self) -> float:
        """The probability of the intent."""
        return next((guess.confidence for guess in self.ranking if guess.intent == self.intent), 0.0)

    @property
    def requested(self) -> str | None:
        """The slot that the form has asked for."""
        return self.slots.get("requested_slot")

    @classmethod
    def of(cls, tracker: Tracker) -> "Turn":
        """Read a tracker."""
        message: dict[str, Any] = tracker.latest_message or {}
        metadata: dict[str, Any] = message.get("metadata") or {}
        form = (tracker.active_loop or {}).get("name")
        return cls(
            conversation_id=str(tracker.sender_id),
            message_id=str(metadata.get("message_id") or message.get("message_id") or ""),
            text=str(message.get("text") or ""),
            intent=str((message.get("intent") or {}).get("name") or "out_of_scope"),
            ranking=_ranking(message),
            entities=_entities(message),
            inquiries=_inquiries(message),
            attachments=_attachments(metadata),
            sentiment=float((message.get("sentiment") or {}).get("score") or 0),
            slots=tracker.slots,
            language=ENGLISH if tracker.slots.get("language") == ENGLISH else RUSSIAN,
            form=form,
            back_in_form=_was_rejected(tracker, form),
        )


def _ranking(message: dict[str, Any]) -> tuple[Guess, ...]:
    guesses = (
        Guess(str(guess.get("name")), float(guess.get("confidence") or 0))
        for guess in message.get("intent_ranking") or ()
    )
    return tuple(sorted(guesses, key=lambda guess: -guess.confidence))


def _inquiries(message: dict[str, Any]) -> tuple[Inquiry, ...]:
    return tuple(
        Inquiry(
            str((one.get("intent") or {}).get("name")),
            str(one.get("text")),
            _entities(message, int(one["start"]), int(one["end"])),
        )
        for one in message.get("inquiries") or ()
    )


def _attachments(metadata: dict[str, Any]) -> tuple[Mapping[str, str], ...]:
    files = metadata.get("attachments") or ()
    return tuple({name: str(value) for name, value in file.items()} for file in files if file.get("key"))


def _entities(message: dict[str, Any], start: int = 0, end: int | None = None) -> dict[str, str]:
    """The first entity of each kind, in the whole text or in a part of it."""
    found: dict[str, str] = {}
    for entity in message.get("entities") or ():
        at = int(entity.get("start") or 0)
        if at < start or (end is not None and at >= end):
            continue
        kind, value = str(entity.get("entity")), entity.get("value")
        if kind != "language" and isinstance(value, str | int | float) and not isinstance(value, bool):
            found.setdefault(kind, str(value))
    return found


def _was_rejected(tracker: Tracker, form: str | None) -> bool:
    for event in reversed(tracker.events or ()):
        if event.get("event") == "user":
            return False
        if event.get("event") == "action_execution_rejected" and event.get("name") == form:
            return True
    return False
