"""Events for the dialogue's memory, typed."""

from typing import Any

from rasa_sdk import events

Event = dict[str, Any]


def slot(name: str, value: Any) -> Event:
    """Set a slot."""
    return dict(events.SlotSet(name, value))


def follow_up(action: str) -> Event:
    """Run this action next, whatever the rules say."""
    return dict(events.FollowupAction(action))


def no_form() -> Event:
    """No form is active any more."""
    return dict(events.ActiveLoop(None))
