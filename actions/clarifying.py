"""What to do when a message was not understood: look it up, clarify once, then hand over."""

from actions.answering import answer_feeling, answer_from_knowledge
from actions.base import ZabotaAction
from actions.emoji import feeling_of
from actions.events import Event, listen, slot
from actions.say import Button, Say
from actions.services import Services
from actions.turn import Turn
from actions.wording import Wording

SUGGESTIONS = 3
WORTH_SUGGESTING, WORTH_SUGGESTING_ALONE = 0.1, 0.25  # confidence; less would only puzzle
SHORT = 6  # words of a question that leans on what was said before
ABOUT_ORDERS = ("track_order", "delivery_delay")
TECHNICAL = "technical_problem"


class Clarify(ZabotaAction):
    """The message was not understood: ask once what was meant, the second time in a row hand over.

    After an order was spoken about, a short question that is likely about orders is taken to be about it.
    What the company's knowledge answers for sure is answered; a fault that has a guide is gone through.
    """

    name = "action_clarify"

    def __init__(self, services: Services, served: dict[str, ZabotaAction]) -> None:
        """`served`: actions by intent, those about one order and about faults among them."""
        super().__init__(services)
        self._served = served

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        if served := self._served.get(_in_context(turn) or self._fault(turn)):
            return [slot("misunderstood", 0), *await served.answer(turn, say)]
        if (feeling := feeling_of(turn.text)) is not None:
            answer_feeling(say, feeling)
            return _rest(turn)
        if answer_from_knowledge(self.services, turn, say):
            return [slot("misunderstood", 0), *_rest(turn)]
        misses = int(turn.slots.get("misunderstood") or 0)
        if misses:
            say.hand_over("utter_handoff_not_understood", "not_understood")
            return [slot("misunderstood", 0), *_rest(turn)]
        offer = self._ask(say, turn)
        return [slot("misunderstood", misses + 1), slot("offer", offer), *_rest(turn)]

    def _fault(self, turn: Turn) -> str:
        """The intent of faults when there is a guide for what is told."""
        known = not turn.form and self.services.knowledge.guide(turn.text, turn.language)
        return TECHNICAL if known else ""

    def _ask(self, say: Say, turn: Turn) -> str | None:
        if turn.ranking and turn.ranking[0].intent == "out_of_scope":
            say("utter_out_of_scope")
            return None
        likely = _likely(turn, self.wording(turn))
        if not likely:
            say("utter_rephrase")
            return None
        response = "utter_clarify_one" if len(likely) == 1 else "utter_clarify"
        say(response, *likely, "human_agent", likeliest=likely[0].title)
        return likely[0].intent if len(likely) == 1 else None


def _in_context(turn: Turn) -> str:
    """The intent about orders that the message stands for where it stands; empty when it is none."""
    if turn.form:
        return ""
    if "order_id" in turn.entities:  # a number and nothing else
        return "track_order"
    hinted = turn.slots.get("order_id") or any(char.isdecimal() for char in turn.text)
    if not hinted or len(turn.text.split()) > SHORT:
        return ""
    likely = (guess.intent for guess in turn.ranking[:SUGGESTIONS] if guess.confidence >= WORTH_SUGGESTING)
    return next((intent for intent in likely if intent in ABOUT_ORDERS), "")


def _likely(turn: Turn, words: Wording) -> list[Button]:
    """The likeliest intents as buttons; one alone only when it is likely indeed."""
    found = [
        (Button(title, guess.intent), guess.confidence)
        for guess in turn.ranking
        if guess.confidence >= WORTH_SUGGESTING and (title := words.find(f"ask.{guess.intent}"))
    ]
    if len(found) == 1 and found[0][1] < WORTH_SUGGESTING_ALONE:
        return []
    return [button for button, _ in found[:SUGGESTIONS]]


def _rest(turn: Turn) -> list[Event]:
    """Listen: this action also serves when no rule applies, and then no rule would stop it."""
    return [] if turn.form else [listen()]
