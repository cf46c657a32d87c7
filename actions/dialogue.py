"""One matter of a customer, told as a story from top to bottom.

A dialogue asks its questions in plain order: `order = await talk.choose("order", …)`. At every message the
story is told anew; what was answered is remembered, so it goes on at the first question that is still open.
Deeds (`talk.do`) happen once, lines (`talk.say`) are said once.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn, TypeVar

from actions.phrases import phrases
from actions.reading import pick, yes_or_no
from actions.say import Button, Say
from actions.services import Services
from actions.tasks import Task
from actions.turn import NO_MATCH, Turn
from actions.wording import Wording
from crm_bridge.identity import Caller

ANSWER = "answer"  # the intent behind a button that answers a question
YES, NO = "yes", "no"
SHORT = 4  # words of a message that says one thing
TELLS = 8  # words of a message that tells something and is no matter of its own
ALSO_KEPT = ("date", "time")  # entities beside an answer: «ремонт, завтра утром»
CANCELLING = "cancel_"  # begins the names of dialogues in which «отмените» is a yes

Value = TypeVar("Value")
Result = TypeVar("Result")
Reader = Callable[[Turn], Value | None]


class Paused(Exception):
    """A question was asked; the story goes on with the answer."""


class Unheard(Exception):
    """The message is no answer to the open question."""


class HandedOver(Exception):
    """The conversation goes to people."""


@dataclass(frozen=True, slots=True)
class Option:
    """One of the answers offered: what it is, and what stands on its button."""

    key: str
    title: str


class Dialogue(ABC):
    """How one intent is served. `name` is the intent; the action is called `action_<name>`."""

    name: ClassVar[str]
    personal: ClassVar[bool] = True  # the customer must be known before it begins
    kin: ClassVar[frozenset[str]] = frozenset()  # intents of messages that may well be answers here
    cancels: ClassVar[str | None] = None  # the dialogue that «отмените» may mean in the middle of this one
    states_price: ClassVar[bool] = False  # its question whether to do it says what that costs
    rests_on_crm: ClassVar[bool] = False  # what it says may be stale while the company's CRM does not answer

    def __init__(self, services: Services) -> None:
        self.services = services

    def needs_identification(self, caller: Caller) -> bool:
        """Whether the caller has to prove who they are before this begins."""
        return self.personal and caller.proven_customer_id is None

    @abstractmethod
    async def tell(self, talk: "Talk") -> None:
        """Serve the matter to its end; returns when there is nothing more to ask."""


class Talk:
    """What a dialogue works with in one turn."""

    def __init__(
        self,
        turn: Turn,
        say: Say,
        words: Wording,
        services: Services,
        caller: Caller,
        task: Task,
        heard: Turn | None,
    ) -> None:
        """`heard`: the turn when it may answer the open question, None when that is to be asked (again)."""
        self.turn = turn
        self.words = words
        self.services = services
        self.caller = caller
        self.task = task
        self.slots: dict[str, Any] = {}  # to be set at the end of the turn
        self._say = say
        self._heard = heard
        self._learnt = False

    @property
    def customer_id(self) -> int:
        """The customer, who has proven who they are. For personal dialogues alone."""
        if (known := self.caller.proven_customer_id) is None:
            raise PermissionError(f"{self.task.dialogue} needs a customer who is known")
        return known

    @property
    def details(self) -> Mapping[str, str]:
        """Entities of the message that began the matter."""
        return self.task.details

    @property
    def files(self) -> Sequence[Mapping[str, str]]:
        """What the customer sent with the matter: `key` in the media store, `name` and `type`."""
        return self.task.files

    # --- asking ---------------------------------------------------------------------------------------------

    async def ask(
        self,
        question: str,
        response: str,
        read: Reader[Value],
        *buttons: str | Button | Option,
        entity: str | None = None,
        again: str | None = None,
        **values: Any,
    ) -> Value:
        """The answer to a question; asks it when there is none yet.

        Args:
            question: its name within the dialogue.
            read: finds the answer in a message, a value that JSON can hold; None: it is not there.
            buttons: `Option`s answer the question with their key; others lead elsewhere.
            entity: the kind of entity that answers it: naming another one later corrects the answer.
            again: the response when it is asked once more.

        Raises:
            Paused: it was asked.
            Unheard: the customer said something else.
        """
        if entity:
            self.task.bound[question] = entity
        if question in self.task.early and question not in self.task.facts:
            self.task.facts[question] = self.task.early.pop(question)
        if question in self.task.facts:
            known: Value = self.task.facts[question]
            return known
        if self._heard is not None and self.task.asked == question:
            heard, self._heard = self._heard, None
            answer: Value | None = _pressed(heard, question, buttons) or read(heard)
            if answer is None and not self._learnt:
                raise Unheard
            if answer is not None:
                self.task.answer(question, answer)
                self._keep_more(heard)
                return answer
        repeated = self.task.asked == question
        raise self._posed(question, again if again and repeated else response, buttons, values)

    async def choose(
        self,
        question: str,
        response: str,
        options: Sequence[Option],
        *buttons: str | Button,
        read: Reader[str] | None = None,
        entity: str | None = None,
        newest_first: bool = False,
        **values: Any,
    ) -> str:
        """The key of the chosen option: by its button, its number in the list, or its words.

        Args:
            newest_first: «последний» is the first of the list.
            read: finds a key in a message that `pick` does not understand.
        """

        def picked(turn: Turn) -> str | None:
            titles = [(option.key, option.title) for option in options]
            chosen = pick(turn.text, titles, newest_first=newest_first)
            return chosen or (read(turn) if read else None)

        return await self.ask(question, response, picked, *options, *buttons, entity=entity, **values)

    async def confirm(
        self,
        question: str,
        response: str,
        *buttons: str | Button,
        yes: str = "button.yes",
        no: str = "button.no",
        **values: Any,
    ) -> bool:
        """Whether the customer agrees. `yes` and `no` are titles in the catalogue."""
        options = [Option(YES, self.words.text(yes)), Option(NO, self.words.text(no))]
        titles = [(option.key, option.title) for option in options]

        def agreed(turn: Turn) -> str | None:
            if self.task.dialogue.startswith(CANCELLING) and phrases.cancels(turn.text):
                return YES
            return yes_or_no(turn) or pick(turn.text, titles)

        answer = await self.ask(question, response, agreed, *options, *buttons, **values)
        return answer == YES

    def learn(self, question: str, read: Reader[Value]) -> None:
        """Keep an answer that comes before its question, or beside the answer to another one.

        «1008, на Ленина 5» to «О каком заказе речь?» names the address too.
        """
        heard, task = self._heard, self.task
        if heard is None or question in (task.asked, *task.facts, *task.early):
            return
        if phrases.correction(heard.text) in task.reopened:  # «не тот заказ» tells nothing of the goods
            return
        tells = heard.intent in NO_MATCH | {task.dialogue, "affirm", "deny"}
        if not tells and (len(heard.text.split()) > TELLS or "?" in heard.text):
            return
        if (value := read(heard)) is not None:
            task.early[question] = value
            self._learnt = True

    def _keep_more(self, heard: Turn) -> None:
        """What stands beside the answer and is of use later."""
        for kind in ALSO_KEPT:
            if kind in heard.entities:
                self.task.details.setdefault(kind, heard.entities[kind])

    def wrong(self, question: str, response: str, *buttons: str | Button | Option, **values: Any) -> NoReturn:
        """The answer cannot be used: say why, and wait for another."""
        self.task.forget(question)
        raise self._posed(question, response, buttons, values)

    def known(self, question: str, value: Value) -> Value:
        """Note an answer that need not be asked for; returns the one that counts."""
        kept: Value = self.task.facts.setdefault(question, value)
        return kept

    def has(self, question: str) -> bool:
        """Whether there is an answer already."""
        return question in self.task.facts

    def reopen(self, question: str) -> None:
        """Forget an answer or a deed, and everything that came after it: the story goes on from there."""
        self.task.forget(question)
        self.task.asked = None

    def restate(self, question: str) -> None:
        """Take the message for another answer to a question that is answered already, if it is."""
        if self.has(question) and self._heard is not None:
            self.task.forget(question)

    def reopened(self, question: str) -> bool:
        """Whether the customer wants another answer than the one that suggested itself."""
        return question in self.task.reopened

    def _posed(
        self,
        question: str,
        response: str,
        buttons: Sequence[str | Button | Option],
        values: Mapping[str, Any],
    ) -> Paused:
        """Ask; the caller raises what it gets."""
        self.task.pose(question, self.services.clock.now())
        drawn = [answer_button(question, one) if isinstance(one, Option) else one for one in buttons]
        self._say(response, *drawn, **values)
        return Paused()

    # --- saying and doing -----------------------------------------------------------------------------------

    def say(self, response: str, *buttons: str | Button, **values: Any) -> None:
        """Say a line, once in the course of the matter."""
        if response not in self.task.said:
            self.task.said[response] = len(self.task.facts)
            self._say(response, *buttons, **values)

    def document(
        self, response: str, media: Mapping[str, str], *buttons: str | Button, **values: Any
    ) -> None:
        """Say a line with a file: `media` is what the media store gave for it."""
        if response not in self.task.said:
            self.task.said[response] = len(self.task.facts)
            self._say.document(response, media, *buttons, **values)

    def hand_over(self, response: str, reason: str, **values: Any) -> NoReturn:
        """Say a line that gives the conversation to people."""
        self._say.hand_over(response, reason, **values)
        raise HandedOver

    async def do(self, deed: str, work: Callable[[str], Awaitable[Result]]) -> Result:
        """Do something once in the course of the matter.

        Args:
            deed: its name within the dialogue.
            work: gets the idempotency key for the operation; its result must be something JSON can hold.
        """
        if deed not in self.task.facts:
            self.task.facts[deed] = await work(f"{self.turn.key}:{self.task.dialogue}.{deed}")
        result: Result = self.task.facts[deed]
        return result

    def offer(self, intent: str) -> None:
        """What a plain «да» means after this."""
        self.slots["offer"] = intent


def _pressed(turn: Turn, question: str, buttons: Sequence[object]) -> Any:
    """The key on the pressed button, if it answers this question with something that is offered now.

    A question that offers `Option`s is answered with their keys, so the key is a value of its kind.
    """
    if turn.intent != ANSWER or turn.entities.get("question") != question:
        return None
    value = turn.entities.get("value")
    offered = {button.key for button in buttons if isinstance(button, Option)}
    return value if value in offered else None


def answer_button(question: str, option: Option) -> Button:
    """A button that answers a question."""
    return Button(option.title, ANSWER, (("question", question), ("value", option.key)))
