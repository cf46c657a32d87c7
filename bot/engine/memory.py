"""What the engine remembers of a conversation between two turns.

After a turn the events are cut to the last few turns behind a *snapshot*: the slots that differ from their
initial value and the active form, as they stood where the cut was made. Replaying snapshot and turns gives
the tracker that the whole history would give, so a turn costs the same at turn 5 and at turn 500.

The memory holds no words of the customer or the assistant: what drives the dialogue are intents, entities,
slots and actions.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from rasa.shared.core import events as rasa_events
from rasa.shared.core.constants import ACTION_LISTEN_NAME, REQUESTED_SLOT, SESSION_START_METADATA_SLOT
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActionReverted,
    ActiveLoop,
    AgentUttered,
    BotUttered,
    ConversationPaused,
    DefinePrevUserUtteredFeaturization,
    Event,
    ReminderCancelled,
    ReminderScheduled,
    Restarted,
    SessionStarted,
    SlotSet,
    StoryExported,
    UserUtteranceReverted,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker

from bot.engine.wire import bad_request

__all__ = ["MEMORY_LIMIT", "TURNS", "VERSION", "dump", "restore"]

logger = logging.getLogger(__name__)

VERSION = 1
#: Customer messages kept behind the snapshot. Rules look back one turn and MemoizationPolicy five states,
#: which are two or three turns.
TURNS = 6
#: Bytes. With a text, metadata and the rest, a request must stay below `wire.BODY_LIMIT`.
MEMORY_LIMIT = 24 * 1024

#: Without the text of a message the featurization is always by intent, so that event says nothing either.
_NEVER_KEPT = (
    AgentUttered,
    BotUttered,
    DefinePrevUserUtteredFeaturization,
    ReminderCancelled,
    ReminderScheduled,
    StoryExported,
)
_UNDOING = (UserUtteranceReverted, ActionReverted, Restarted)
_ENTITY_KEYS = ("entity", "value", "role", "group")

_CLASSES: dict[str, Any] = {
    vars(cls)["type_name"]: cls
    for cls in vars(rasa_events).values()
    if isinstance(cls, type) and issubclass(cls, Event) and "type_name" in vars(cls)
}


def dump(tracker: DialogueStateTracker, domain: Domain) -> bytes:
    """The memory of `tracker` as JSON, at most about `MEMORY_LIMIT` bytes.

    Turns are dropped, the oldest first, when entities or slots are unusually large.
    """
    for turns in (TURNS, TURNS // 2, 1):
        kept = _cut(tracker, domain, turns)
        document = {"v": VERSION, "events": [_compact(event) for event in kept]}
        blob = json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=_plain).encode()
        if len(blob) <= MEMORY_LIMIT:
            break
    return blob


def restore(
    memory: bytes | dict[str, Any] | None, conversation_id: str, domain: Domain
) -> DialogueStateTracker:
    """The tracker that `memory` describes; an empty one for None or for a version this engine does not know.

    Slots and forms that the present model no longer has are left out, so a new model can continue an old
    conversation.

    Raises:
        EngineError: 400 `bad_request` when the memory is not what `dump` writes.
    """
    tracker = DialogueStateTracker(conversation_id, domain.slots)
    document = json.loads(memory) if isinstance(memory, bytes) else memory
    if document is None:
        return tracker
    if document.get("v") != VERSION:
        logger.warning("memory of an unknown version: the conversation starts anew")
        return tracker
    try:
        for event in _events(document["events"]):
            if not isinstance(event, SlotSet) or event.key in tracker.slots:
                tracker.update(event, domain)
    except Exception:
        raise bad_request("memory is not what the engine wrote") from None
    _leave_unknown_form(tracker, domain)
    return tracker


def _plain(value: Any) -> Any:
    """A number of numpy, as classifiers and extractors give them, as Python's own."""
    return value.item() if hasattr(value, "item") else str(value)


def _leave_unknown_form(tracker: DialogueStateTracker, domain: Domain) -> None:
    name = tracker.active_loop_name
    if name is not None and name not in domain.action_names_or_texts:
        tracker.update(ActiveLoop(None), domain)
        tracker.update(SlotSet(REQUESTED_SLOT, None), domain)


def _cut(tracker: DialogueStateTracker, domain: Domain, turns: int) -> list[Event]:
    events = list(tracker.events)
    if any(isinstance(event, _UNDOING) for event in events):
        # What was undone must not be able to undo more once the events before the cut are gone.
        events = tracker.applied_events()
    starts = [index for index, event in enumerate(events) if isinstance(event, UserUttered)]
    if len(starts) > turns:
        boundary = starts[-turns]
        events = [*_snapshot(events[:boundary], domain), *events[boundary:]]
    return [event for event in events if not isinstance(event, _NEVER_KEPT) and not _is_metadata(event)]


def _is_metadata(event: Event) -> bool:
    return isinstance(event, SlotSet) and event.key == SESSION_START_METADATA_SLOT


def _snapshot(head: Sequence[Event], domain: Domain) -> list[Event]:
    """The fewest events that bring a tracker into the state in which `head` leaves it."""
    tracker = DialogueStateTracker.from_events("", list(head), domain.slots)
    slots = {
        name: SlotSet(name, slot.value)
        for name, slot in tracker.slots.items()
        if slot.value != slot.initial_value
    }
    requested = slots.pop(REQUESTED_SLOT, None) if tracker.active_loop_name else None
    events: list[Event] = [SessionStarted(), *slots.values(), ActionExecuted(ACTION_LISTEN_NAME)]
    if tracker.active_loop_name:
        events += _form(tracker, requested)
    if tracker.is_paused():
        events.append(ConversationPaused())
    for event in events:
        event.timestamp = head[-1].timestamp
    return events


def _form(tracker: DialogueStateTracker, requested: SlotSet | None) -> list[Event]:
    """A form as if it had been started by its trigger message and asked for the requested slot just now."""
    loop = tracker.active_loop
    assert loop is not None
    assert loop.name is not None
    events: list[Event] = [ActionExecuted(loop.name), ActiveLoop(loop.name)]
    trigger = loop.trigger_message or {}
    if (trigger.get("intent") or {}).get("name"):
        events.insert(0, _user(trigger, timestamp=None))
    if requested is not None:
        events.append(requested)
    if loop.rejected:
        events.append(ActionExecutionRejected(loop.name))
    return [*events, ActionExecuted(ACTION_LISTEN_NAME)]


def _compact(event: Event) -> dict[str, Any]:
    """A Rasa event as a dictionary without words, metadata and defaults."""
    if isinstance(event, UserUttered):
        return _compact_user(event)
    if isinstance(event, ActionExecuted):
        described = {"event": event.type_name, "name": event.action_name, "action_text": event.action_text}
        described["hide_rule_turn"] = event.hide_rule_turn or None
    else:
        described = event.as_dict()
        for key in ("timestamp", "metadata", "policy", "confidence"):
            described.pop(key, None)
    return {key: value for key, value in described.items() if value is not None}


def _compact_user(event: UserUttered) -> dict[str, Any]:
    intent = event.intent or {}
    parsed: dict[str, Any] = {"intent": {"name": intent.get("name"), "confidence": _rounded(intent)}}
    entities = [{key: e[key] for key in _ENTITY_KEYS if e.get(key) is not None} for e in event.entities]
    if entities:
        parsed["entities"] = entities
    language = (event.parse_data or {}).get("language")
    if language is not None:
        parsed["language"] = language
    # The time decides whether a session has expired; the other events take it over.
    return {"event": event.type_name, "timestamp": round(event.timestamp, 3), "parse_data": parsed}


def _rounded(intent: dict[str, Any]) -> float:
    return round(float(intent.get("confidence") or 0.0), 4)


def _events(described: Iterable[dict[str, Any]]) -> list[Event]:
    events: list[Event] = []
    timestamp: float | None = None
    for item in described:
        timestamp = item.get("timestamp", timestamp)
        events.append(_event(item, timestamp))
    return events


def _event(item: dict[str, Any], timestamp: float | None) -> Event:
    if item["event"] == UserUttered.type_name:
        return _user(item["parse_data"], timestamp)
    # `Event.from_parameters` walks all subclasses for every event: half of the cost of a turn.
    event: Event | None = _CLASSES[item["event"]]._from_parameters({**item, "timestamp": timestamp})
    if event is None:
        raise ValueError("an event that cannot be rebuilt")
    return event


def _user(parsed: dict[str, Any], timestamp: float | None) -> UserUttered:
    entities = [dict(entity) for entity in parsed.get("entities", ())]
    kept = {"intent": dict(parsed["intent"]), "entities": entities}
    if "language" in parsed:
        kept["language"] = parsed["language"]
    return UserUttered(None, kept["intent"], [dict(e) for e in entities], kept, timestamp)
