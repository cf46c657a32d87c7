"""What is kept of a conversation, and that nothing that matters is lost by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActiveLoop,
    BotUttered,
    ConversationPaused,
    Event,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUtteranceReverted,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker

from bot.engine import memory
from bot.engine.conversations import Conversations, RecordedTurn
from bot.engine.wire import EngineError

from .conftest import PROJECT


@pytest.fixture(scope="module")
def domain() -> Domain:
    return Domain.load(str(PROJECT / "domain.yml"))


def user(intent: str, **entities: Any) -> UserUttered:
    described = [{"entity": name, "value": value} for name, value in entities.items()]
    said = UserUttered("words of the customer", {"name": intent, "confidence": 1.0}, described)
    said.use_text_for_featurization = False  # as the policies decide for every message that has an intent
    return said


def turn(intent: str, *events: Event, **entities: Any) -> list[Event]:
    said = BotUttered("words of the assistant")
    return [user(intent, **entities), *events, said, ActionExecuted("action_listen")]


def through_turns(events: list[Event], domain: Domain) -> DialogueStateTracker:
    """Cut and restored after every turn, as the engine does it."""
    tracker = DialogueStateTracker("c1", domain.slots)
    for event in events:
        tracker.update(event, domain)
        if isinstance(event, ActionExecuted) and event.action_name == "action_listen":
            tracker = memory.restore(memory.dump(tracker, domain), "c1", domain)
    return tracker


def at_once(events: list[Event], domain: Domain) -> DialogueStateTracker:
    return DialogueStateTracker.from_events("c1", events, domain.slots)


def state(tracker: DialogueStateTracker) -> dict[str, Any]:
    loop = tracker.active_loop
    trigger = (loop.trigger_message or {}).get("intent") if loop else None
    return {
        "slots": tracker.current_slot_values(),
        "loop": tracker.active_loop_name,
        "rejected": tracker.is_active_loop_rejected,
        "trigger": trigger,
        "paused": tracker.is_paused(),
        "latest": tracker.latest_action_name,
    }


START: list[Event] = [
    ActionExecuted("action_session_start"),
    SessionStarted(),
    ActionExecuted("action_listen"),
]
FORM = [
    ActionExecuted("order_form"),
    ActiveLoop("order_form"),
    SlotSet("requested_slot", "order_form_number"),
]
DIGRESSION = [
    ActionExecutionRejected("order_form"),
    ActionExecuted("utter_greet"),
    ActionExecuted("order_form"),
]


@pytest.mark.parametrize("length", [0, 1, 5, 6, 7, 8, 30])
@pytest.mark.parametrize(
    "beginning",
    [
        turn("track_order", SlotSet("order_id", "1001"), SlotSet("language", "ru"), order_id="1001"),
        turn("ask_name", *FORM),
        turn("ask_name", *FORM) + turn("greet", *DIGRESSION),
        turn("ask_name", *FORM) + turn("greet", *DIGRESSION[:2]),
        turn("ask_name", *FORM) + turn("inform", ActiveLoop(None), SlotSet("requested_slot", None)),
        turn("greet", ConversationPaused()),
        turn("track_order", SlotSet("order_id", "1001"), SlotSet("order_id", None)),
        [*turn("track_order", SlotSet("order_id", "1")), Restarted(), ActionExecuted("action_listen")],
    ],
    ids=[
        "slots",
        "form",
        "form interrupted",
        "form rejected",
        "form over",
        "paused",
        "slot unset",
        "restarted",
    ],
)
def test_cutting_changes_nothing_that_matters(beginning: list[Event], length: int, domain: Domain) -> None:
    events = [*START, *beginning]
    for _ in range(length):
        events += turn("greet", ActionExecuted("utter_greet"))
    whole, cut = at_once(events, domain), through_turns(events, domain)
    assert state(cut) == state(whole)
    # What policies see of the last turns.
    assert cut.past_states(domain)[-5:] == whole.past_states(domain)[-5:]
    assert sum(isinstance(event, UserUttered) for event in cut.events) <= memory.TURNS + 1


def test_undoing_again_and_again_does_not_reach_behind_the_cut(domain: Domain) -> None:
    events = [*START, *turn("track_order", SlotSet("order_id", "1001"))]
    for _ in range(20):
        events += turn("greet", ActionExecuted("utter_greet"))
        events += [UserUtteranceReverted(), ActionExecuted("action_listen")]
    assert through_turns(events, domain).get_slot("order_id") == "1001"


def test_the_memory_is_small_and_holds_no_words(domain: Domain) -> None:
    tracker = at_once([*START, *(event for _ in range(200) for event in turn("greet"))], domain)
    blob = memory.dump(tracker, domain)
    assert len(blob) < 2_000
    assert b"words of" not in blob


def test_large_values_shorten_the_history(domain: Domain) -> None:
    tracker = at_once(START, domain)
    for number in range(6):
        for event in turn("track_order", SlotSet("order_id", str(number)), order_id="x" * 6_000):
            tracker.update(event, domain)
    assert len(memory.dump(tracker, domain)) <= memory.MEMORY_LIMIT
    assert memory.restore(memory.dump(tracker, domain), "c1", domain).get_slot("order_id") == "5"


def test_a_new_model_without_the_form_and_the_slot_continues_the_conversation(domain: Domain) -> None:
    blob = memory.dump(at_once([*START, *turn("ask_name", *FORM, SlotSet("order_id", "1"))], domain), domain)
    smaller = Domain.from_dict({"version": "3.1", "intents": ["greet"]})
    tracker = memory.restore(blob, "c1", smaller)
    assert tracker.active_loop_name is None
    assert tracker.get_slot("requested_slot") is None


def test_an_unknown_version_starts_anew(domain: Domain) -> None:
    assert not memory.restore({"v": 99, "events": ["?"]}, "c1", domain).events


@pytest.mark.parametrize(
    "events",
    [None, 5, [5], [{}], [{"event": "no such"}], [{"event": "user"}], [{"event": "user", "parse_data": 1}],
     [{"event": "action"}], [{"event": "user", "parse_data": {"intent": "x"}}]],
)  # fmt: skip
def test_a_damaged_memory_is_a_bad_request(domain: Domain, events: Any) -> None:
    with pytest.raises(EngineError, match="memory"):
        memory.restore({"v": memory.VERSION, "events": events}, "c1", domain)


def recorded(message_id: str) -> RecordedTurn:
    return RecordedTurn(message_id, json.dumps(message_id).encode(), {"message_id": message_id})


def test_the_conversation_that_was_silent_longest_is_forgotten() -> None:
    conversations = Conversations(capacity=3)
    for name in ("a", "b", "c"):
        conversations.record(name, None, recorded("m1"))
    conversations.record("a", "m1", recorded("m2"))
    conversations.record("d", None, recorded("m1"))
    assert conversations.ids() == ["c", "a", "d"]


def test_a_turn_that_continues_an_older_one_forgets_the_newer() -> None:
    conversations = Conversations()
    conversations.record("c", None, recorded("m1"))
    conversations.record("c", "m1", recorded("m2"))
    conversations.record("c", "m1", recorded("m3"))
    assert conversations.turn("c", "m2") is None
    assert conversations.turn("c", "m1") is not None
    assert conversations.latest("c") == recorded("m3")


def test_a_few_turns_are_held(tmp_path: Path) -> None:
    conversations = Conversations()
    for number in range(10):
        conversations.record("c", f"m{number - 1}" if number else None, recorded(f"m{number}"))
    assert [n for n in range(10) if conversations.turn("c", f"m{n}")] == [7, 8, 9]
