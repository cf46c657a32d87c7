"""Runs dialogues over the engine's turns: begins them, hears answers, puts interrupted ones aside and back.

To Rasa all of them are one form, `task_form`, whose only slot is never filled: while it is active, every
message comes here first. What is no answer is left to the rules, and then the question is asked again.
"""

from collections.abc import Sequence
from typing import Any

from actions.answering import answered_otherwise
from actions.base import (
    REQUESTED,
    PersonalAction,
    ZabotaAction,
    ask_who_it_is,
    back_to_listening,
    leave_form,
)
from actions.dialogue import (
    ANSWER,
    NO,
    YES,
    Dialogue,
    HandedOver,
    Option,
    Paused,
    Talk,
    Unheard,
    answer_button,
)
from actions.events import Event, active_form, listen, slot
from actions.phrases import Wish, phrases
from actions.rating import SERVED, note_served
from actions.say import Say
from actions.services import Services
from actions.tasks import Agenda, Request, Task
from actions.turn import NO_MATCH, Turn
from actions.wording import Wording, texts
from crm_bridge.identity import Caller

FORM, SLOT = "task_form", "task_answer"
TASKS = "tasks"
RESUME = "resume"  # the question whether to continue after a pause
SEND_FILE = "send_file"  # the intent of files without a word
UNSURE = 0.4  # probability of an intent below which a message is no matter of its own
PATIENCE = 3  # answers that are not understood, then people help
NO_MATTER = NO_MATCH | {"affirm", "deny", ANSWER}  # in a dialogue these are answers that miss the question


class Runner:
    """All dialogues, by the intent that begins them."""

    def __init__(self, services: Services, dialogues: Sequence[Dialogue]) -> None:
        self._services = services
        self._dialogues = {dialogue.name: dialogue for dialogue in dialogues}

    def __contains__(self, name: str) -> bool:
        return name in self._dialogues

    async def begin(
        self, name: str, turn: Turn, say: Say, caller: Caller, details: dict[str, str]
    ) -> list[Event]:
        """Begin a matter on top of what is open; further inquiries of the message wait."""
        agenda = Agenda.of_slot(turn.slots.get(TASKS))
        for request in self._other_inquiries(turn, name):
            agenda.wait(request)
        agenda.keep((), self._services.clock.now())
        if self.needs_identification(name, caller):
            agenda.keep(turn.attachments, self._services.clock.now())
            asking = ask_who_it_is(turn, f"action_{name}", details, turn.text)
            return [slot(TASKS, agenda.as_slot()), *asking]
        if agenda.open and agenda.open[-1].locked and agenda.open[-1].dialogue == name:
            agenda.open[-1].locked = False  # the customer has proven again who they are
        else:
            agenda.begin(Request(name, details, turn.text))
        agenda.open[-1].take(turn.attachments)
        return await self._run(agenda, turn, say, caller, heard=None)

    async def hear(self, turn: Turn, say: Say, caller: Caller) -> list[Event] | None:
        """A message while a matter is open. None: it is about something else, the rules shall serve it."""
        agenda = Agenda.of_slot(turn.slots.get(TASKS))
        if not agenda.open:
            say("utter_what_else", "track_order", "human_agent")
            return _ended({})
        task = agenda.open[-1]
        paused = task.resuming or self._is_late(task, turn)
        if paused and (events := await self._resume(agenda, turn, say, caller)) is not None:
            return events
        another_matter = turn.intent not in NO_MATTER and turn.intent != task.dialogue
        if another_matter and self.needs_identification(task.dialogue, caller):
            return None  # the proof ran out: what is asked now comes first
        self._correct(task, turn)
        task.take(turn.attachments)
        try:
            return await self._run(agenda, turn, say, caller, heard=turn)
        except Unheard:
            return await self._unheard(agenda, turn, say, caller)

    async def come_back(self, turn: Turn, say: Say, caller: Caller) -> list[Event]:
        """Something else was answered in between: ask the open question again."""
        return await self._run(Agenda.of_slot(turn.slots.get(TASKS)), turn, say, caller, heard=None)

    def needs_identification(self, name: str, caller: Caller) -> bool:
        return self._dialogues[name].needs_identification(caller)

    async def _run(
        self, agenda: Agenda, turn: Turn, say: Say, caller: Caller, heard: Turn | None
    ) -> list[Event]:
        """Tell the newest matter; when it ends, the one below it or the next inquiry that waits.

        Raises:
            Unheard: `heard` does not answer the open question.
        """
        slots: dict[str, Any] = {}
        while task := self._next(agenda, say, turn, caller):
            if isinstance(task, Request):  # its customer must be known first
                asking = ask_who_it_is(turn, f"action_{task.dialogue}", task.details, task.text)
                return [slot(TASKS, agenda.as_slot()), active_form(None), *asking]
            if self.needs_identification(task.dialogue, caller):
                return self._lock(agenda, turn)
            words = Wording(turn.language, self._services.clock.now(), caller.time_zone)
            talk = Talk(turn, say, words, self._services, caller, task, heard)
            try:
                if self._dialogues[task.dialogue].rests_on_crm:
                    await self._say_how_fresh(talk)
                await self._dialogues[task.dialogue].tell(talk)
            except Paused:
                return _waiting(agenda, slots | talk.slots)
            except HandedOver:
                return [slot(TASKS, None), slot(SERVED, None), *leave_form(turn)]
            agenda.open.remove(task)
            slots |= talk.slots | note_served(task, turn)
            heard = None
        return _ended(slots)

    async def _say_how_fresh(self, talk: Talk) -> None:
        """When the company's CRM does not answer, say from when the data is."""
        if self._services.freshness is None or talk.caller.proven_customer_id is None:
            return
        found = await self._services.freshness.of_customer(talk.customer_id)
        if found is None or found.answers:
            return
        if found.as_of:
            talk.say("utter_data_as_of", as_of=talk.words.at(found.as_of))
        else:
            talk.say("utter_data_may_be_old")

    def _lock(self, agenda: Agenda, turn: Turn) -> list[Event]:
        """The proof ran out in the middle of a matter: ask for a new one, and go on with it then."""
        task = agenda.open[-1]
        task.locked = True
        asking = ask_who_it_is(turn, f"action_{task.dialogue}", task.details, task.text)
        return [slot(TASKS, agenda.as_slot()), active_form(None), *asking]

    def _next(self, agenda: Agenda, say: Say, turn: Turn, caller: Caller) -> Task | Request | None:
        if agenda.open:
            return agenda.open[-1]
        if not agenda.waiting:
            return None
        request = agenda.waiting.pop(0)
        say("utter_next_inquiry", topic=_topic(turn, request.dialogue))
        if self.needs_identification(request.dialogue, caller):
            return request
        return agenda.begin(request)

    async def _drop(self, agenda: Agenda, turn: Turn, say: Say, caller: Caller) -> list[Event]:
        agenda.open.pop()
        agenda.waiting.clear()
        if agenda.open:
            say("utter_task_dropped_go_on")
        else:
            say("utter_task_dropped", "capabilities", "human_agent")
        return await self._run(agenda, turn, say, caller, heard=None)

    def _is_late(self, task: Task, turn: Turn) -> bool:
        since = task.idle_since()
        pause = self._services.company.conversation.pause
        return since is not None and turn.intent != ANSWER and self._services.clock.now() - since > pause

    async def _resume(self, agenda: Agenda, turn: Turn, say: Say, caller: Caller) -> list[Event] | None:
        """After a long pause: ask whether to go on. None: the message speaks for itself."""
        task = agenda.open[-1]
        asked, task.resuming = task.resuming, False
        if asked:
            said = turn.entities.get("value") if turn.entities.get("question") == RESUME else None
            if said == NO or turn.intent == "deny":
                return await self._drop(agenda, turn, say, caller)
            if said == YES or turn.intent == "affirm":
                return await self._run(agenda, turn, say, caller, heard=None)
            return None
        if turn.intent not in NO_MATTER and turn.intent != "greet":
            return None
        task.resuming = True
        task.asked_at = self._services.clock.now().isoformat()
        yes, no = (
            answer_button(RESUME, Option(key, texts(f"button.{key}", turn.language))) for key in (YES, NO)
        )
        say("utter_continue_task", yes, no, topic=_topic(turn, task.dialogue))
        return _waiting(agenda, {})

    def _correct(self, task: Task, turn: Turn) -> None:
        """Open an answered question again when the customer names another answer to it."""
        pressed = turn.entities.get("question") if turn.intent == ANSWER else None
        if pressed and pressed != task.asked and pressed in task.facts:
            task.forget(pressed)
            return
        if (question := phrases.correction(turn.text)) and question in task.facts:
            task.forget(question)
            return
        if turn.intent not in NO_MATTER and turn.intent != task.dialogue:
            return
        for question, kind in task.bound.items():
            named = turn.entities.get(kind) or _number_like(task.facts.get(question), turn.text)
            answers_the_open_one = task.asked is not None and task.bound.get(task.asked) == kind
            if named and not answers_the_open_one and task.facts.get(question, named) != named:
                task.forget(question)
                return

    async def _unheard(self, agenda: Agenda, turn: Turn, say: Say, caller: Caller) -> list[Event] | None:
        """No answer to the open question: another matter, a correction, or not understood."""
        say.nothing()
        task = agenda.open[-1]
        if turn.intent == SEND_FILE:
            say("utter_file_kept")
            return await self._run(agenda, turn, say, caller, heard=None)
        if task.asked in task.reopened and phrases.correction(turn.text) == task.asked:
            return await self._run(agenda, turn, say, caller, heard=None)  # «другой заказ»: ask which
        if phrases.wish(turn.text) is Wish.CANCEL:
            return await self._drop(agenda, turn, say, caller)
        unsure = bool(turn.ranking) and turn.sureness < UNSURE
        if not unsure and turn.intent not in NO_MATTER | self._dialogues[task.dialogue].kin | {task.dialogue}:
            return None
        if turn.intent in NO_MATCH and self._services.knowledge.answer(turn.text, turn.language):
            return None
        if turn.attachments:
            say("utter_file_kept")
            return await self._run(agenda, turn, say, caller, heard=None)
        task.tries += 1
        if task.tries >= PATIENCE:
            say.hand_over("utter_handoff_not_understood", "not_understood")
            return leave_form(turn)
        say("utter_answer_unclear")
        return await self._run(agenda, turn, say, caller, heard=None)

    def _other_inquiries(self, turn: Turn, name: str) -> list[Request]:
        return [
            Request(one.intent, dict(one.entities), one.text)
            for one in turn.inquiries
            if one.intent != name and one.intent in self._dialogues
        ]


class Begin(PersonalAction):
    """The action of a dialogue: `action_<intent>`."""

    def __init__(self, services: Services, runner: Runner, dialogue: Dialogue) -> None:
        super().__init__(services)
        self.name = f"action_{dialogue.name}"  # type: ignore[misc]
        self._dialogue = dialogue
        self._runner = runner

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        if turn.intent == self._dialogue.name and answered_otherwise(self.services, turn, say):
            return []
        caller = await self.caller(turn)
        return await self._runner.begin(self._dialogue.name, turn, say, caller, dict(turn.entities))

    async def serve(
        self, turn: Turn, say: Say, caller: Caller, customer_id: int, details: dict[str, str]
    ) -> list[Event]:
        return await self._runner.begin(self._dialogue.name, turn, say, caller, details)


class GoOn(ZabotaAction):
    """A message while a matter is open."""

    name = f"validate_{FORM}"

    def __init__(self, services: Services, runner: Runner) -> None:
        super().__init__(services)
        self._runner = runner

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        caller = await self.caller(turn)
        if turn.back_in_form:
            return await self._runner.come_back(turn, say, caller)
        return await self._runner.hear(turn, say, caller) or []

    def failed(self, turn: Turn, say: Say) -> list[Event]:
        """Keep the question open: the customer may answer again when the trouble is over."""
        say("utter_action_failed", "human_agent")
        return [slot(TASKS, turn.slots.get(TASKS)), slot(REQUESTED, SLOT)]


class StrayAnswer(ZabotaAction):
    """A button of a question that is over."""

    name = "action_stray_answer"

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        say("utter_question_over", "capabilities", "human_agent")
        return back_to_listening(turn)


def _waiting(agenda: Agenda, slots: dict[str, Any]) -> list[Event]:
    """The form is (still) active and waits for an answer. Activating it anew clears a rejection."""
    return [*_set(slots), slot(TASKS, agenda.as_slot()), active_form(FORM), slot(REQUESTED, SLOT), listen()]


def _ended(slots: dict[str, Any]) -> list[Event]:
    return [*_set(slots), slot(TASKS, None), active_form(None), slot(REQUESTED, None), listen()]


def _number_like(known: object, text: str) -> str | None:
    """A number in a short message that looks like the known one: «нет, 1008» after 1006."""
    words = text.split()
    if not isinstance(known, str) or not known.isdecimal() or len(known) < 3 or len(words) > 5:
        return None
    numbers = (word.strip(".,!?№#") for word in words)
    return next((one for one in numbers if one.isdecimal() and len(one) == len(known)), None)


def _set(slots: dict[str, Any]) -> list[Event]:
    return [slot(name, value) for name, value in slots.items()]


def _topic(turn: Turn, dialogue: str) -> str:
    return texts(f"ask.{dialogue}", turn.language)
