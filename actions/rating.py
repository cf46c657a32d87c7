"""When the customer is asked how the help was: after a matter was served, as they take their leave."""

from datetime import datetime, timedelta
from typing import Any

from actions.events import Event, slot
from actions.say import Button, Say
from actions.services import Services
from actions.tasks import Task
from actions.turn import Turn

SERVED = "served"  # the slot: what was served last (follow_ups.py), and when the customer was last asked
ASKED = "asked"
KEPT = "kept"  # in the slot: what was wanted of it, for the same about another order
NOT_AGAIN_WITHIN = timedelta(days=1)
NOT_RATED = frozenset({"complaint", "praise", "leave_review", "rate_service"})
UNDER_WAY = frozenset({"case", "done"})  # deeds that only begin: people see to the matter from here
STARS = ("1", "2", "3", "4", "5")


def note_served(task: Task, turn: Turn) -> dict[str, Any]:
    """The slot after a matter came to its end."""
    before: dict[str, Any] = turn.slots.get(SERVED) or {}
    open_still = task.dialogue in NOT_RATED or UNDER_WAY & task.facts.keys()
    kinds = sorted(set(task.bound.values()))
    rated = None if open_still else task.dialogue
    kept = {"value": task.facts["kind"]} if "kind" in task.facts else {}
    return {SERVED: before | {"dialogue": rated, "last": task.dialogue, "kinds": kinds, KEPT: kept}}


def ask_for_rating(services: Services, turn: Turn, say: Say) -> list[Event]:
    """Ask, if a matter was served and nobody asked lately."""
    served: dict[str, Any] = turn.slots.get(SERVED) or {}
    now = services.clock.now()
    asked = served.get(ASKED)
    if not served.get("dialogue") or (asked and now - datetime.fromisoformat(asked) < NOT_AGAIN_WITHIN):
        return []
    say("utter_ask_rating", *(star_button(star) for star in STARS))
    return [slot(SERVED, {ASKED: now.isoformat()})]


def star_button(star: str) -> Button:
    """A button that begins the dialogue `rate_service` with the rating."""
    return Button("★" * int(star), "rate_service", (("rating", star),))
