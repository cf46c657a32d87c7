"""Small talk that needs more than a fixed response, and what to do when a message was not understood."""

from actions.base import ZabotaAction
from actions.events import Event, listen, slot
from actions.people import hand_over_topic
from actions.say import Button, Say
from actions.services import Services
from actions.turn import Turn
from actions.wording import Wording

SUGGESTIONS = 3
NOTHING = "nothing"  # as domain.yml resets the slot `offer`
WORTH_SUGGESTING, WORTH_SUGGESTING_ALONE = 0.1, 0.25  # confidence; less would only puzzle
SHORT = 6  # words of a question that leans on what was said before
ABOUT_ORDERS = ("track_order", "delivery_delay")


class Greet(ZabotaAction):
    """Greets, by name when it is known."""

    name = "action_greet"

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        caller = await self.caller(turn)
        if turn.form:
            say("utter_greet_shortly")
        elif caller.name:
            say("utter_greet_by_name", name=caller.name)
        else:
            say("utter_greet")
        return []

    def failed(self, turn: Turn, say: Say) -> list[Event]:
        say("utter_greet_shortly" if turn.form else "utter_greet")
        return []


class BotChallenge(ZabotaAction):
    """Says what it is, and offers a person."""

    name = "action_bot_challenge"

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        say("utter_bot_challenge")
        return [slot("offer", "human_agent")]


class Affirm(ZabotaAction):
    """«Да»: does what was offered, or asks what is needed."""

    name = "action_affirm"

    def __init__(self, services: Services, offers: dict[str, ZabotaAction]) -> None:
        """`offers`: what a yes may mean, by intent."""
        super().__init__(services)
        self._offers = offers

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        offer: str = turn.slots.get("offer") or NOTHING
        if offer == NOTHING:
            say("utter_affirm")
            return []
        if action := self._offers.get(offer):
            return [slot("offer", None), *await action.answer(turn, say)]
        hand_over_topic(turn, say, offer, self.wording(turn).find(f"topic.{offer}"))
        return [slot("offer", None)]


class Clarify(ZabotaAction):
    """The message was not understood: ask once what was meant, the second time in a row hand over.

    After an order was spoken about, a short question that is likely about orders is taken to be about it.
    """

    name = "action_clarify"

    def __init__(self, services: Services, about_orders: dict[str, ZabotaAction]) -> None:
        """`about_orders`: actions that answer about one order, by intent."""
        super().__init__(services)
        self._about_orders = about_orders

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        if about_order := self._about_orders.get(_in_context(turn)):
            return [slot("misunderstood", 0), *await about_order.answer(turn, say)]
        misses = int(turn.slots.get("misunderstood") or 0)
        if misses:
            say.hand_over("utter_handoff_not_understood", "not_understood")
            return [slot("misunderstood", 0), *_rest(turn)]
        offer = self._ask(say, turn)
        return [slot("misunderstood", misses + 1), slot("offer", offer), *_rest(turn)]

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
