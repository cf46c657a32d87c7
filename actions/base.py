"""What all actions share: the turn, who speaks, a time limit, and the truth when something fails."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.alarms import alarms
from actions.events import Event, active_form, follow_up, listen, slot
from actions.say import Say
from actions.services import Services
from actions.turn import Turn
from actions.urgency import UPSET, answers_complaint, is_upset, raise_alarm, upset_before, upset_too_often
from actions.wording import Wording
from core import logs
from crm_bridge.identity import Caller

IDENTIFICATION = "identification_form"
REQUESTED = "requested_slot"

_log = logs.get("actions")


class ZabotaAction(ABC):
    """One custom action. It talks; what is done for the customer, the CRM bridge does.

    Who the customer is comes from the conversation, never from a slot or an entity.
    """

    name: str

    def __init__(self, services: Services) -> None:
        self.services = services

    @abstractmethod
    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        """Say what there is to say and return events for the dialogue's memory."""

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, _domain: dict[str, Any]
    ) -> list[Event]:
        """Called by the executor for a turn of the engine."""
        turn = Turn.of(tracker)
        say = Say(dispatcher, turn.language, self._people_return(turn))
        try:
            async with asyncio.timeout(self.services.timeout.total_seconds()):
                return await self._urgent(turn, say) or await self._with_tone(turn, say)
        except Exception as error:
            self._report(turn, error)
            say.nothing()
            return self.failed(turn, say)

    def failed(self, turn: Turn, say: Say) -> list[Event]:
        """Tell the customer the truth; nothing was written, since the bridge writes in one transaction."""
        say("utter_action_failed", "human_agent")
        return back_to_listening(turn)

    async def _urgent(self, turn: Turn, say: Say) -> list[Event]:
        """Call a person for what cannot wait, before anything else; empty when nothing is urgent."""
        if raise_alarm(self.services, turn, say, await self._zone_of_caller(turn)):
            return [slot("offer", None), *leave_form(turn)]
        return []

    async def _with_tone(self, turn: Turn, say: Say) -> list[Event]:
        """The answer; when the customer is upset time and again, or not understood and upset, a person.

        A complaint has a dialogue that minds the tone itself. No events of a form mean that it leaves the
        message to the rules, so nothing is added to them.
        """
        if turn.intent == "complaint" or turn.back_in_form or not is_upset(self.services, turn):
            return await self.answer(turn, say)
        if upset_too_often(turn) and not answers_complaint(turn):
            say.hand_over("utter_handoff_upset", "upset")
            return [slot(UPSET, None), slot("offer", None), *leave_form(turn)]
        events = await self.answer(turn, say)
        noted = slot(UPSET, {"count": upset_before(turn) + 1, "message": turn.message_id})
        return [noted, *events] if events or not turn.form else []

    async def _zone_of_caller(self, turn: Turn) -> str:
        """Even without the database somebody in danger gets an answer."""
        if alarms.find(turn.text) is None:
            return self.services.time_zone
        try:
            return (await self.caller(turn)).time_zone
        except Exception as error:
            self._report(turn, error)
            return self.services.time_zone

    def _people_return(self, turn: Turn) -> str | None:
        """When people are back, in words; None while they work."""
        hours, now = self.services.company.cases.hours, self.services.clock.now()
        if (opening := hours.opening(now)) == now:
            return None
        return Wording(turn.language, now, hours.time_zone).in_zone(opening)

    async def caller(self, turn: Turn) -> Caller:
        """Who speaks in the conversation, and how sure we are."""
        return await self.services.identities.caller(turn.conversation_id)

    def wording(self, turn: Turn, caller: Caller | None = None) -> Wording:
        """Words in the language of the dialogue and the time zone of the customer."""
        zone = caller.time_zone if caller else self.services.time_zone
        return Wording(turn.language, self.services.clock.now(), zone)

    def _report(self, turn: Turn, error: Exception) -> None:
        _log.error(
            "action failed",
            action=self.name,
            error=type(error).__name__,
            place=_place(error),
            conversation_id=turn.conversation_id,
            message_id=turn.message_id,
        )


class PersonalAction(ZabotaAction):
    """An action that needs to know the customer. When it does not, it asks first and goes on afterwards."""

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        caller = await self.caller(turn)
        if caller.proven_customer_id is None:
            return ask_who_it_is(turn, self.name, turn.entities, turn.text)
        return await self.serve(turn, say, caller, caller.proven_customer_id, dict(turn.entities))

    @abstractmethod
    async def serve(
        self, turn: Turn, say: Say, caller: Caller, customer_id: int, details: dict[str, str]
    ) -> list[Event]:
        """Answer a customer who is known.

        Args:
            details: entities of the message in which it was asked, which may be an earlier one.
        """


def ask_who_it_is(turn: Turn, request: str, details: Mapping[str, str], text: str) -> list[Event]:
    """Keep the request for later and start the identification, unless it is already going on.

    Args:
        details: entities of the message in which it was asked.
        text: that message.
    """
    pending = slot("pending_request", {"action": request, "details": dict(details), "text": text})
    if turn.form == IDENTIFICATION:
        return [pending]
    return [*forget_identification(), pending, slot(REQUESTED, None), follow_up(IDENTIFICATION)]


def forget_identification() -> list[Event]:
    """Clear what the identification keeps in slots, the waiting request included."""
    names = (
        "pending_request",
        "identification_contact",
        "identification_code",
        "identification_masked",
        "identification_note",
    )
    return [slot(name, None) for name in names]


def leave_form(turn: Turn) -> list[Event]:
    """End the active form and listen, whatever the rules would do next."""
    if not turn.form:
        return []
    return [*forget_identification(), slot("tasks", None), active_form(None), slot(REQUESTED, None), listen()]


def back_to_listening(turn: Turn) -> list[Event]:
    """Wait for the customer instead of asking the form's question right after a failure."""
    return [listen()] if turn.form else []


def _place(error: Exception) -> str:
    """File and line of the failure; not its text, which may hold personal data."""
    step = error.__traceback__
    while step and step.tb_next:
        step = step.tb_next
    return f"{step.tb_frame.f_code.co_filename.rpartition('/')[2]}:{step.tb_lineno}" if step else ""
