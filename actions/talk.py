"""Small talk that needs more than a fixed response, and what to do when a message was not understood."""

from actions.base import LISTEN, ZabotaAction
from actions.events import Event, follow_up, slot
from actions.people import hand_over_topic
from actions.say import Button, Say
from actions.services import Services
from actions.turn import Turn
from actions.wording import Wording

SUGGESTIONS = 3
NOTHING = "nothing"  # as domain.yml resets the slot `offer`
WORTH_SUGGESTING = 0.08  # confidence below which a suggestion would only puzzle


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
    """The message was not understood: ask once what was meant, the second time in a row hand over."""

    name = "action_clarify"

    def __init__(self, services: Services, track_order: ZabotaAction) -> None:
        super().__init__(services)
        self._track_order = track_order

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        if "order_id" in turn.entities and not turn.form:  # just a number: its order is meant
            return await self._track_order.answer(turn, say)
        misses = int(turn.slots.get("misunderstood") or 0)
        if misses:
            say.hand_over("utter_handoff_not_understood", "not_understood")
            return [slot("misunderstood", 0), *_rest(turn)]
        offer = self._ask(say, turn)
        return [slot("misunderstood", misses + 1), slot("offer", offer), *_rest(turn)]

    def _ask(self, say: Say, turn: Turn) -> str | None:
        likely = _likely(turn, self.wording(turn))
        if not likely:
            say("utter_out_of_scope")
            return None
        response = "utter_clarify_one" if len(likely) == 1 else "utter_clarify"
        say(response, *likely, "human_agent", likeliest=likely[0].title)
        return likely[0].intent if len(likely) == 1 else None


def _likely(turn: Turn, words: Wording) -> list[Button]:
    """The likeliest intents as buttons; none when the message is most likely about something else."""
    if turn.ranking and turn.ranking[0].intent == "out_of_scope":
        return []
    buttons = []
    for guess in turn.ranking:
        title = words.find(f"ask.{guess.intent}")
        if title and guess.confidence >= WORTH_SUGGESTING:
            buttons.append(Button(title, guess.intent))
    return buttons[:SUGGESTIONS]


def _rest(turn: Turn) -> list[Event]:
    """Listen: this action also serves when no rule applies, and then no rule would stop it."""
    return [] if turn.form else [follow_up(LISTEN)]
