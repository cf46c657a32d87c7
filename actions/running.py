"""Runs dialogues over the engine's turns: begins them, hears answers, puts interrupted ones aside and back.

To Rasa all of them are one form, `task_form`, whose only slot is never filled: while it is active, every
message comes here first. What is no answer is left to the rules, and then the question is asked again.
"""

from collections.abc import Sequence
from dataclasses import replace
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
from actions.clarifying import not_understood
from actions.dialogue import (
    ANSWER,
    NO,
    SHORT,
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
from actions.follow_ups import follow_up, goes_on
from actions.hints import hints
from actions.phrases import Wish, phrases
from actions.products import ABOUT_GOODS, names_only_goods
from actions.promotions import PromoCode, names_only_code
from actions.rating import SERVED, note_served
from actions.say import Button, Say
from actions.services import Services
from actions.tasks import Agenda, Request, Task
from actions.turn import NO_MATCH, Turn
from actions.wording import Wording, texts
from crm_bridge.identity import Caller

FORM, SLOT = "task_form", "task_answer"
TASKS = "tasks"
RESUME = "resume"  # the question whether to continue after a pause
LEAVE = "leave"  # the question what «отмените» means
SEND_FILE = "send_file"  # the intent of files without a word
OR_LEAVE = {  # the question what «отмените» means, by what it may cancel
    "cancel_order": "utter_cancel_order_or_leave",
    "cancel_appointment": "utter_cancel_appointment_or_leave",
    "cancel_subscription": "utter_cancel_subscription_or_leave",
}
SHARED = ("order_id",)  # entities of a message that all of its inquiries are about
DOUBTFUL = 0.3  # probability below which it is asked what was meant, before anything is begun
UNSURE_ALONE = 0.6  # below which a product's bare name is taken for a question about it
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
            agenda.begin(Request(name, details, turn.text), self._ended_by(name))
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
        if task.leaving and (events := await self._leave(agenda, turn, say, caller)) is not None:
            return events
        if self._rather_cancels(task, turn):
            return await self.begin(
                str(self._dialogues[task.dialogue].cancels), turn, say, caller, _about(task)
            )
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
            turn = replace(turn, slots={**turn.slots, **slots})  # the next one knows what this one was about
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
            if self._dialogues[task.dialogue].cancels and phrases.cancels(turn.text):
                return self._ask_what_to_cancel(agenda, turn, say)
            return await self._drop(agenda, turn, say, caller)
        if _repeats_known(task, turn) or self._asks_price(task, turn):
            return await self._run(agenda, turn, say, caller, heard=None)
        if task.dialogue != PromoCode.name and names_only_code(self._services.company.promotions, turn.text):
            return await self.begin(PromoCode.name, turn, say, caller, {})
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

    def _rather_cancels(self, task: Task, turn: Turn) -> bool:
        """«Нет, лучше отмените подписку» to a question about its pause is no mere no."""
        cancels = self._dialogues[task.dialogue].cancels
        if cancels is None or turn.intent not in ("deny", cancels):
            return False
        return phrases.speaks_of_cancelling(turn.text) and hints("leave", turn.text) == "thing"

    def _asks_price(self, task: Task, turn: Turn) -> bool:
        """«А сколько это стоит?» to a question that says it: it is said again."""
        states = self._dialogues[task.dialogue].states_price and str(task.asked).endswith("sure")
        return states and len(turn.text.split()) <= SHORT and hints("asks_price", turn.text) is not None

    def _ended_by(self, name: str) -> frozenset[str]:
        """What has no sense any more once `name` begins: a visit that is cancelled is not moved."""
        return frozenset(one.name for one in self._dialogues.values() if one.cancels == name)

    def _ask_what_to_cancel(self, agenda: Agenda, turn: Turn, say: Say) -> list[Event]:
        """«Отмените» while a visit is moved: the visit, or the move?"""
        task = agenda.open[-1]
        cancels = str(self._dialogues[task.dialogue].cancels)
        task.leaving, task.tries = True, 0
        thing = Button(texts(f"ask.{cancels}", turn.language), cancels, tuple(_about(task).items()))
        stay = answer_button(LEAVE, Option(YES, texts("button.leave_it", turn.language)))
        say(OR_LEAVE[cancels], thing, stay, "human_agent")
        return _waiting(agenda, {})

    async def _leave(self, agenda: Agenda, turn: Turn, say: Say, caller: Caller) -> list[Event] | None:
        """What «отмените» meant. None: the message speaks for itself."""
        task = agenda.open[-1]
        task.leaving = False
        meant = hints("leave", turn.text)
        if turn.entities.get("question") == LEAVE or turn.intent == "deny" or meant == "change":
            return await self._drop(agenda, turn, say, caller)
        if meant == "thing" or turn.intent == "affirm":
            cancels = str(self._dialogues[task.dialogue].cancels)
            return await self.begin(cancels, turn, say, caller, _about(task))
        return None

    def _other_inquiries(self, turn: Turn, name: str) -> list[Request]:
        shared = {kind: turn.entities[kind] for kind in SHARED if kind in turn.entities}
        return [
            Request(one.intent, {**shared, **one.entities}, one.text)
            for one in turn.inquiries
            if one.intent != name and one.intent in self._dialogues
        ]


class Begin(PersonalAction):
    """The action of a dialogue: `action_<intent>`."""

    def __init__(self, services: Services, runner: Runner, dialogue: Dialogue) -> None:
        super().__init__(services)
        self.name = f"action_{dialogue.name}"
        self._dialogue = dialogue
        self._runner = runner

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        name = self._dialogue.name
        typed = turn.intent == name and bool(turn.ranking)
        if typed and not turn.form and (again := goes_on(turn)):
            name, named = again
            turn = replace(turn, entities={**turn.entities, **named})
        elif typed and not turn.form:
            name = self._meant(turn)
            if name == self._dialogue.name and turn.sureness < DOUBTFUL:
                return not_understood(turn, say, self.wording(turn))
        if turn.intent == name and answered_otherwise(self.services, turn, say):
            return []
        caller = await self.caller(turn)
        return await self._runner.begin(name, turn, say, caller, dict(turn.entities))

    def _meant(self, turn: Turn) -> str:
        """The dialogue that the message begins, seen from where the conversation stands."""
        if (meant := follow_up(turn)) is not None:
            return meant
        unsure = turn.sureness < UNSURE_ALONE and self._dialogue.name not in ABOUT_GOODS
        if unsure and names_only_goods(self.services.catalogue, turn.text):
            return "product_availability"
        return self._dialogue.name

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


def _about(task: Task) -> dict[str, str]:
    """The order or the visit that a matter is about, as details of another one."""
    names = {"order": "order_id", "visit": "value"}
    return {name: task.facts[fact] for fact, name in names.items() if isinstance(task.facts.get(fact), str)}


def _repeats_known(task: Task, turn: Turn) -> bool:
    """Whether a short message says what is known: «1009» after order 1009 was taken."""
    known = {str(value) for question, value in task.facts.items() if question in task.bound}
    named = {turn.entities.get(kind) for kind in task.bound.values()} | {turn.text.strip(" .!№#")}
    return bool(known & named)


def _set(slots: dict[str, Any]) -> list[Event]:
    return [slot(name, value) for name, value in slots.items()]


def _topic(turn: Turn, dialogue: str) -> str:
    return texts(f"ask.{dialogue}", turn.language)
