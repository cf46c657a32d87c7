"""People take over: on request, for topics that the assistant does not serve, after a complaint."""

from actions.base import ZabotaAction, leave_form
from actions.events import Event
from actions.say import Say
from actions.turn import Turn


class HumanAgent(ZabotaAction):
    """The customer wants a person."""

    name = "action_human_agent"

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        say.hand_over("utter_handoff_requested", "requested")
        return leave_form(turn)


class Complaint(ZabotaAction):
    """The customer is unhappy: apologise, and let a person see to it."""

    name = "action_complaint"

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        say.hand_over("utter_handoff_complaint", "complaint")
        return leave_form(turn)


class Topic(ZabotaAction):
    """A topic that people serve. In the middle of a form it is an offer, so that the form can be finished."""

    name = "action_topic"

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        hand_over_topic(turn, say, turn.intent, self.wording(turn).find(f"topic.{turn.intent}"))
        return []


def hand_over_topic(turn: Turn, say: Say, intent: str, topic: str | None) -> None:
    """Name the topic and hand over; inside a form, offer to: the form's question comes with the button."""
    if turn.form:
        say("utter_topic_later" if topic else "utter_person_later", topic=topic)
    elif topic:
        say.hand_over("utter_handoff_topic", f"topic:{intent}", topic=topic)
    else:
        say.hand_over("utter_handoff_requested", f"topic:{intent}")
