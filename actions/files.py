"""Files without a word, when no dialogue takes them."""

from datetime import timedelta

from actions.base import IDENTIFICATION, ZabotaAction
from actions.events import Event, slot
from actions.running import TASKS
from actions.say import Say
from actions.tasks import Agenda
from actions.turn import Turn
from crm_bridge.identity import Caller

STILL_ABOUT_IT = timedelta(days=1)  # a file sent so long after a case was opened here belongs to it


class SendFile(ZabotaAction):
    """Puts them to the case that was just opened, or keeps them for the matter that begins next."""

    name = "action_send_file"

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        if not turn.attachments:
            say("utter_file_lost", "human_agent")
            return []
        agenda = Agenda.of_slot(turn.slots.get(TASKS))
        if turn.form == IDENTIFICATION or not agenda.open:
            if turn.form is None and (case := await self._add_to_case(turn, await self.caller(turn))):
                say("utter_file_added", "human_agent", case=case)
                return []
            agenda.keep(turn.attachments, self.services.clock.now())
        else:
            agenda.open[-1].take(turn.attachments)
        if turn.form:
            say("utter_file_kept")
        else:
            about = ("damaged_or_wrong_item", "return_item", "payment_issue", "technical_problem")
            say("utter_file_received", *about, "human_agent")
        return [slot(TASKS, agenda.as_slot())]

    async def _add_to_case(self, turn: Turn, caller: Caller) -> str | None:
        """The number of the case that got them."""
        if caller.proven_customer_id is None:
            return None
        since = self.services.clock.now() - STILL_ABOUT_IT
        added = await self.services.cases.add_files(
            f"{turn.key}:send_file",
            caller.proven_customer_id,
            turn.conversation_id,
            since,
            turn.attachments,
        )
        number: str | None = added["number"]
        return number
