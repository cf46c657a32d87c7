"""Small talk that needs more than a fixed response."""

from dataclasses import replace

from actions.base import ZabotaAction, leave_form
from actions.events import Event, slot
from actions.follow_ups import corrected, last_served
from actions.matters import open_matter
from actions.promotions import PromoCode, names_only_code
from actions.rating import ask_for_rating
from actions.say import Say
from actions.services import Services
from actions.tasks import Agenda
from actions.turn import Turn
from actions.wording import texts

NOTHING = "nothing"  # as domain.yml resets the slot `offer`


class Greet(ZabotaAction):
    """Greets, by name when it is known, and with the open matter that matters most."""

    name = "action_greet"

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        caller = await self.caller(turn)
        if turn.form:
            say("utter_greet_shortly")
            return []
        if caller.proven_customer_id is None:
            say("utter_greet")
            return []
        matter = await open_matter(self.services, caller.proven_customer_id, self.wording(turn, caller))
        if matter is None:
            say("utter_greet_by_name", name=caller.name)
            return []
        say("utter_greet_with_matter", *matter.buttons, "capabilities", name=caller.name, matter=matter.text)
        return [slot("offer", matter.offer), *(slot(name, value) for name, value in matter.slots.items())]

    def failed(self, turn: Turn, say: Say) -> list[Event]:
        say("utter_greet_shortly" if turn.form else "utter_greet")
        return []


class SmallTalk(ZabotaAction):
    """Thanks, goodbye, «нет», what she can do, a chat. A goodbye in the middle of a matter ends it."""

    name = "action_small_talk"

    def __init__(self, services: Services, served: dict[str, ZabotaAction]) -> None:
        """`served`: what «нет, другой заказ» goes on with, by intent."""
        super().__init__(services)
        self._served = served

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        match turn.intent:
            case "deny" if (other := corrected(turn, self.services.catalogue)) is not None:
                dialogue, named = other
                meant = replace(turn, entities={**turn.entities, **named})
                return await self._served[dialogue].answer(meant, say)
            case "goodbye":
                return self._goodbye(turn, say)
            case "thanks" if turn.form:
                say("utter_thanks_shortly")
            case "thanks":
                say("utter_thanks")
                return ask_for_rating(self.services, turn, say)
            case "deny":
                say("utter_deny")
            case "capabilities":
                say("utter_capabilities")
            case "chitchat" if not turn.form and self._is_code(turn):
                return await self._served[PromoCode.name].answer(turn, say)
            case _:
                say("utter_chitchat")
        return []

    def _is_code(self, turn: Turn) -> bool:
        """«Ой, WELCOME10»: a code by itself sounds like a joke to the classifier."""
        about_codes = last_served(turn) == PromoCode.name
        return names_only_code(self.services.company.promotions, turn.text, any_code=about_codes)

    def _goodbye(self, turn: Turn, say: Say) -> list[Event]:
        unfinished = Agenda.of_slot(turn.slots.get("tasks")).open
        if turn.form and unfinished:
            topic = texts(f"ask.{unfinished[-1].dialogue}", turn.language)
            say("utter_goodbye_unfinished", topic=topic)
        else:
            say("utter_goodbye")
            return [*ask_for_rating(self.services, turn, say), *leave_form(turn)]
        return leave_form(turn)


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
        if offer == "capabilities":
            say("utter_capabilities")
            return [slot("offer", None)]
        if offer not in self._offers:  # of a form that was left: «Прислать новый код?»
            say("utter_affirm")
            return [slot("offer", None)]
        return [slot("offer", None), *await self._offers[offer].answer(turn, say)]
