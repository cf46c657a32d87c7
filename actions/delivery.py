"""How, for how much and how fast an order can be delivered."""

from actions.answers import notes_on, paragraphs
from actions.dialogue import Dialogue, Talk
from actions.towns import bare_town, is_phrase, preposed_town, town_in
from actions.turn import NO_MATCH, Turn
from crm_bridge.company.delivery import DeliveryRules, Destination, Way

CITY = "city"  # the question
ASIDE = NO_MATCH | {"delivery_options", "delivery_period", "store_info"}  # intents of a bare city


class DeliveryOptions(Dialogue):
    """The ways to deliver, and what each costs in the customer's city."""

    name = "delivery_options"
    personal = False

    async def tell(self, talk: Talk) -> None:
        rules, language = self.services.company.delivery, talk.turn.language
        notes = notes_on(talk, rules.notes)
        if notes and rules.destination(talk.details.get("city", "")) is None:
            talk.say("utter_delivery_note", "delivery_period", "place_order", "human_agent", notes=notes)
            return
        talk.task.bound[CITY] = "city"
        if about := self._elsewhere(talk):
            talk.say("utter_delivery_note", "delivery_options", "human_agent", notes=about)
            return
        if not await _suggested(talk, rules):
            methods = "\n".join(method.about.to(language) for method in rules.methods.values())
            talk.say("utter_delivery_methods", methods=methods)
        to = await choose_city(talk, rules)
        ways = ways_to(talk, rules, to, notes)
        talk.say("utter_delivery_ways", "delivery_period", "place_order", "human_agent", **ways)

    def _elsewhere(self, talk: Talk) -> str:
        """What the company says of a place that it has no prices for: «а в Минск?»; may be empty."""
        rules, answer = self.services.company.delivery, talk.turn.text
        if talk.task.asked != CITY or rules.destination_in(answer) is not None:
            return ""
        notes = (note.text.to(talk.turn.language) for note in rules.notes if note.suits(answer))
        return next(notes, "")


class DeliveryPeriod(Dialogue):
    """How long the way to the customer's city takes."""

    name = "delivery_period"
    personal = False

    async def tell(self, talk: Talk) -> None:
        rules = self.services.company.delivery
        notes = notes_on(talk, rules.notes)
        to = await choose_city(talk, rules)
        ways = ways_to(talk, rules, to, notes)
        talk.say("utter_delivery_times", "place_order", "track_order", "human_agent", **ways)


async def choose_city(talk: Talk, rules: DeliveryRules) -> Destination:
    """The city that the matter is about: named, the customer's own one, or asked for."""
    talk.task.bound[CITY] = "city"
    if not talk.has(CITY) and not talk.reopened(CITY) and (named := await _suggested(talk, rules)):
        talk.known(CITY, named)

    def read(turn: Turn) -> str | None:
        return _named(turn, rules)

    city = await talk.ask(CITY, "utter_delivery_which_city", read, "human_agent", entity="city")
    if (to := rules.destination(city)) is None:
        place = city if is_phrase(city) else talk.words.text("delivery.to_city", city=city)
        talk.wrong(CITY, "utter_delivery_unknown_city", "human_agent", place=place)
    talk.slots[CITY] = to.city.name.ru
    return to


async def _suggested(talk: Talk, rules: DeliveryRules) -> str | None:
    """The city of the message, or where a known customer's last order went."""
    if named := talk.details.get("city"):
        return named
    if to := rules.destination_in(talk.task.text):
        return to.city.name.ru
    if unlisted := town_in(talk.task.text):
        return unlisted
    if spoken_of := talk.turn.slots.get("city"):
        return str(spoken_of)
    if (customer := talk.caller.proven_customer_id) is None:
        return None
    orders = await talk.services.orders.of_customer(customer, 1)
    known = orders and rules.destination(orders[0].delivery_city)
    return orders[0].delivery_city if known else None


def _named(turn: Turn, rules: DeliveryRules) -> str | None:
    """A city in an answer, even one that we do not deliver to, if the answer is nothing else."""
    if to := rules.destination_in(turn.text):
        return to.city.name.ru
    if (found := turn.entities.get("city") or preposed_town(turn.text)) or turn.intent not in ASIDE:
        return found
    return town_in(turn.text) or bare_town(turn.text)


def ways_to(talk: Talk, rules: DeliveryRules, to: Destination, notes: str) -> dict[str, str]:
    """What the responses about a city may mention: where to, a line for each way, notes."""
    lines = [
        talk.words.text(
            "delivery.way",
            method=rules.methods[method].name.to(talk.turn.language),
            price=_price(talk, to, way),
            days=_days(talk, way),
        )
        for method, way in to.ways.items()
    ]
    return {"to": to.city.to.to(talk.turn.language), "ways": paragraphs(*lines, notes)}


def _price(talk: Talk, to: Destination, way: Way) -> str:
    if not way.price:
        return talk.words.text("delivery.free")
    price = talk.words.money(to.price(way))
    if (free_from := to.free_from(way)) is None:
        return price
    return talk.words.text("delivery.free_from", price=price, total=talk.words.money(free_from))


def _days(talk: Talk, way: Way) -> str:
    first, last = way.days
    if first == last:
        return talk.words.count("days", last)
    return f"{first}–{talk.words.count('days', last)}"
