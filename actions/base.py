"""What all actions share: the turn, who speaks, a time limit, and the truth when something fails."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.events import Event, active_form, follow_up, listen, slot
from actions.say import Say
from actions.services import Services
from actions.turn import Turn
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

    name: ClassVar[str]

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
        say = Say(dispatcher, turn.language)
        try:
            async with asyncio.timeout(self.services.timeout.total_seconds()):
                return await self.answer(turn, say)
        except Exception as error:
            self._report(turn, error)
            say.nothing()
            return self.failed(turn, say)

    def failed(self, turn: Turn, say: Say) -> list[Event]:
        """Tell the customer the truth; nothing was written, since the bridge writes in one transaction."""
        say("utter_action_failed", "human_agent")
        return back_to_listening(turn)

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
            return ask_who_it_is(turn, self.name, turn.entities)
        return await self.serve(turn, say, caller, caller.proven_customer_id, dict(turn.entities))

    @abstractmethod
    async def serve(
        self, turn: Turn, say: Say, caller: Caller, customer_id: int, details: dict[str, str]
    ) -> list[Event]:
        """Answer a customer who is known.

        Args:
            details: entities of the message in which it was asked, which may be an earlier one.
        """


def ask_who_it_is(turn: Turn, request: str, details: Mapping[str, str]) -> list[Event]:
    """Keep the request for later and start the identification, unless it is already going on."""
    pending = slot("pending_request", {"action": request, "details": dict(details)})
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
