"""What to do when a message was not understood: look it up, clarify once, then hand over."""

import re
from dataclasses import replace

from actions.answering import answer_feeling, answer_from_knowledge
from actions.base import ZabotaAction
from actions.emoji import feeling_of
from actions.events import Event, listen, slot
from actions.follow_ups import follow_up, last_served, same_again
from actions.hints import hints
from actions.products import names_only_goods
from actions.promotions import names_only_code
from actions.say import Button, Say
from actions.services import Services
from actions.turn import Turn
from actions.wording import Wording

SUGGESTIONS = 3
WORTH_SUGGESTING, WORTH_SUGGESTING_ALONE = 0.1, 0.25  # confidence; less would only puzzle
SHORT = 6  # words of a question that leans on what was said before
GUESSES = 4  # of the classifier that are looked at
ABOUT_ORDERS = ("track_order", "delivery_delay")
ABOUT_ONE_ORDER = (  # a number may be theirs; all but the first two ask before they change anything
    *ABOUT_ORDERS,
    "cancel_order",
    "change_order",
    "change_delivery_address",
    "return_item",
    "damaged_or_wrong_item",
    "get_invoice",
)
TECHNICAL, GOODS, PERSON = "technical_problem", "product_availability", "human_agent"
VISIT, PROMO_CODE = "book_appointment", "promo_code"
NUMBER = re.compile(r"\b\d{3,}\b")  # that may be an order's
CALL, WHY = 3, 2  # words of a call for a person, and of a bare «почему?»
LETTERS = 3  # fewer tell nothing


class Clarify(ZabotaAction):
    """The message was not understood: ask once what was meant, the second time in a row hand over.

    What leans on the matter before is taken to go on with it: «а в Питер?» after a price, a number after an
    order. What the company's knowledge answers for sure is answered; a fault with a guide is gone through.
    """

    name = "action_clarify"

    def __init__(self, services: Services, served: dict[str, ZabotaAction]) -> None:
        """`served`: actions by intent."""
        super().__init__(services)
        self._served = served

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        if not turn.form and (again := same_again(turn)):
            last, named = again
            asked = replace(turn, entities={**turn.entities, **named})
            return [slot("misunderstood", 0), *await self._served[last].answer(asked, say)]
        if served := self._served.get(self._in_context(turn)):
            return [slot("misunderstood", 0), *await served.answer(turn, say)]
        if (feeling := feeling_of(turn.text)) is not None:
            answer_feeling(say, feeling)
            return _rest(turn)
        if answer_from_knowledge(self.services, turn, say):
            return [slot("misunderstood", 0), *_rest(turn)]
        return not_understood(turn, say, self.wording(turn))

    def _in_context(self, turn: Turn) -> str:
        """The intent that the message stands for after all; empty when it is none."""
        if turn.form:
            return ""
        if len(turn.text.split()) <= CALL and hints("person", turn.text):
            return PERSON
        if (found := _about_orders(turn)) or (found := follow_up(turn) or ""):
            return found
        codes, about_codes = self.services.company.promotions, last_served(turn) == PROMO_CODE
        if names_only_code(codes, turn.text, any_code=about_codes):
            return PROMO_CODE
        if fault := self._fault(turn):
            return fault
        if _asks_for_visit(turn):
            return VISIT
        return GOODS if names_only_goods(self.services.catalogue, turn.text) else ""

    def _fault(self, turn: Turn) -> str:
        """The intent of faults when there is a guide for what is told."""
        known = not turn.form and self.services.knowledge.guide(turn.text, turn.language)
        return TECHNICAL if known else ""


def not_understood(turn: Turn, say: Say, words: Wording) -> list[Event]:
    """Ask what was meant; the second time in a row people help."""
    misses = int(turn.slots.get("misunderstood") or 0)
    if misses:
        say.hand_over("utter_handoff_not_understood", "not_understood")
        return [slot("misunderstood", 0), *_rest(turn)]
    offer = _ask(say, turn, words)
    return [slot("misunderstood", misses + 1), slot("offer", offer), *_rest(turn)]


def _ask(say: Say, turn: Turn, words: Wording) -> str | None:
    if hints("bare_why", turn.text) and len(turn.text.split()) <= WHY:
        say("utter_why", "human_agent")
        return PERSON
    if sum(char.isalpha() for char in turn.text) < LETTERS:
        say("utter_rephrase")
        return None
    if turn.ranking and turn.ranking[0].intent == "out_of_scope":
        say("utter_out_of_scope")
        return None
    likely = _likely(turn, words)
    if not likely:
        say("utter_rephrase")
        return None
    response = "utter_clarify_one" if len(likely) == 1 else "utter_clarify"
    say(response, *likely, "human_agent", likeliest=likely[0].title)
    return likely[0].intent if len(likely) == 1 else None


def _about_orders(turn: Turn) -> str:
    """The intent about orders that is likely where an order is spoken about; empty when it is none."""
    if "order_id" in turn.entities and not letters_in(turn.text):
        return "track_order"
    numbered = NUMBER.search(turn.text) is not None
    if len(turn.text.split()) > SHORT or not (numbered or turn.slots.get("order_id")):
        return ""
    about = ABOUT_ONE_ORDER if numbered else ABOUT_ORDERS
    likely = (guess.intent for guess in turn.ranking[:GUESSES] if guess.confidence >= WORTH_SUGGESTING)
    found = next((intent for intent in likely if intent in about), "")
    return found or ("track_order" if "order_id" in turn.entities else "")


def _asks_for_visit(turn: Turn) -> bool:
    """«Запишите в Урюпинске»: what for and when is asked then."""
    likely = (guess.intent for guess in turn.ranking if guess.confidence >= WORTH_SUGGESTING_ALONE)
    return len(turn.text.split()) <= SHORT and VISIT in likely and hints("visit", turn.text) is not None


def letters_in(text: str) -> bool:
    """Whether there are words in a text."""
    return any(char.isalpha() for char in text)


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
