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


def active_form(name: str | None) -> Event:
    """This form is active, or none. Naming the active one again clears that it was interrupted."""
    return dict(events.ActiveLoop(name))


def listen() -> Event:
    """Wait for the customer, whatever the rules say."""
    return follow_up("action_listen")
