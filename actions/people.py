"""People take over on request."""

from actions.base import ZabotaAction, leave_form
from actions.events import Event, slot
from actions.rating import SERVED
from actions.say import Say
from actions.turn import Turn


class HumanAgent(ZabotaAction):
    """The customer wants a person."""

    name = "action_human_agent"

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        say.hand_over("utter_handoff_requested", "requested")
        return [slot(SERVED, None), *leave_form(turn)]
