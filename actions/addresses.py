"""Sending an order to another address or pick-up point, until the carrier has it."""

import re

from actions.answers import suggest
from actions.choosing import choose_order
from actions.dialogue import Dialogue, Option, Talk
from actions.hints import hints
from actions.phrases import Wish, phrases
from actions.reading import pick
from actions.turn import NO_MATCH, Turn
from crm_bridge.company.delivery import Destination, plain
from crm_bridge.models import DeliveryMethod, OrderState
from crm_bridge.money import Money
from crm_bridge.orders import OrderView

ADDRESS = "address"  # the question
POINT = "point:"  # the beginning of an answer that is a pick-up point, before its place in the list
LONGEST = 200  # characters of an address, as the table has it
NUMBERS = re.compile(r"\d+")
SHORTEST = 4  # letters
ORDER_BEFORE = re.compile(r"^\W*(?:(?:заказ\w*|order)\W+)?(?:№|#)?\s*\d{3,}\b(?=\W+\S)\W*", re.IGNORECASE)
TOO_LATE = {
    OrderState.READY_FOR_PICKUP: "utter_address_arrived",
    OrderState.DELIVERED: "utter_address_delivered",
    OrderState.CANCELLED: "utter_address_closed",
    OrderState.RETURNED: "utter_address_closed",
}


class ChangeDeliveryAddress(Dialogue):
    """Changes where an order goes; the fee, if any, is said before."""

    name = "change_delivery_address"
    cancels = "cancel_order"
    states_price = True

    async def tell(self, talk: Talk) -> None:
        delivery = self.services.delivery
        talk.learn(ADDRESS, _typed)
        order = await choose_order(talk, lambda one: delivery.address_fee(one) is not None)
        if order is None:
            return
        fee = delivery.address_fee(order)
        if fee is None and not talk.has("address_fee"):
            response = TOO_LATE.get(order.state, "utter_address_too_late")
            talk.say(response, "track_order", "human_agent", number=order.number)
            talk.offer("human_agent")
            return
        if not talk.has(ADDRESS):
            self._mind_other_city(talk, order, talk.details.get("city"))
        method, place = await self._place(talk, order)
        self._mind_other_city(talk, order, talk.turn.entities.get("city"))
        fee = Money(talk.known("address_fee", fee.minor if fee else 0), order.total.currency)
        await self._agree(talk, order, method, place, fee)

    def _mind_other_city(self, talk: Talk, order: OrderView, named: str | None) -> None:
        """Another city takes another time and price: people see to that."""
        if not named:
            return
        rules = self.services.company.delivery
        to, own = rules.destination(named), rules.destination(order.delivery_city)
        if plain(named) != plain(order.delivery_city) and (to is None or to != own):
            talk.hand_over("utter_address_other_city", "topic:change_delivery_address", city=named)

    async def _place(self, talk: Talk, order: OrderView) -> tuple[DeliveryMethod, str]:
        """Where to, and how: a pick-up point of the city, or an address."""
        to = self.services.company.delivery.destination(order.delivery_city)
        points = _other_points(order, to)
        talk.task.bound[ADDRESS] = "address"
        wants_point = hints("where_to", talk.task.text) == "point"
        suggest(talk, ADDRESS, None if wants_point else talk.details.get("address"))
        options = [Option(f"{POINT}{at}", point) for at, point in enumerate(points)]
        response = "utter_address_where" if points else "utter_address_where_to"
        chosen = await talk.ask(
            ADDRESS,
            response,
            lambda turn: _read(turn, options),
            *options,
            "human_agent",
            entity="address",
            number=order.number,
            city=order.delivery_city,
        )
        if chosen.startswith(POINT):
            return DeliveryMethod.PICKUP, points[int(chosen.removeprefix(POINT))]
        by_post = order.delivery_method is DeliveryMethod.POST
        return (DeliveryMethod.POST if by_post else DeliveryMethod.COURIER), chosen[:LONGEST]

    async def _agree(
        self, talk: Talk, order: OrderView, method: DeliveryMethod, place: str, fee: Money
    ) -> None:
        delivery, number = self.services.delivery, order.number
        free = talk.words.text("address.free")
        said = {
            "number": number,
            "place": talk.words.text(f"address.by.{method}", place=f"{order.delivery_city}, {place}"),
            "cost": talk.words.text("address.fee", fee=talk.words.money(fee)) if fee.minor else free,
        }
        if not await talk.confirm(
            "address_sure", "utter_address_confirm", yes="button.change_it", no="button.leave_it", **said
        ):
            talk.say("utter_address_kept", "track_order", "human_agent", number=number)
            return
        done = await talk.do(
            "address_done",
            lambda key: delivery.change_address(key, talk.customer_id, number, method, place, fee),
        )
        if not done["done"]:
            talk.say("utter_address_too_late", "track_order", "human_agent", number=number)
            return
        due = talk.words.money(Money(done["due"], fee.currency))
        pay = " " + talk.words.text("change.due", due=due) if done["due"] and fee.minor else ""
        talk.say("utter_address_changed", "track_order", number=number, place=said["place"], pay=pay)


def _other_points(order: OrderView, to: Destination | None) -> list[str]:
    """The pick-up points of the order's city where it does not go already."""
    here = order.delivery_place if order.delivery_method is DeliveryMethod.PICKUP else None
    return [point for point in (to.city.points if to else ()) if point != here]


def _read(turn: Turn, options: list[Option]) -> str | None:
    chosen = pick(turn.text, [(option.key, option.title) for option in options])
    if chosen and not _names_another_house(turn.text, chosen, options):
        return chosen
    return _typed(turn)


def _typed(turn: Turn) -> str | None:
    """An address that stands in the message, without the number of an order before it."""
    if named := turn.entities.get("address"):
        return named
    text = ORDER_BEFORE.sub("", turn.text).strip()
    if turn.intent not in NO_MATCH | {"change_delivery_address"} or phrases.wish(text) is Wish.CANCEL:
        return None
    letters = sum(char.isalpha() for char in text)
    is_address = letters >= SHORTEST and any(char.isdecimal() for char in text)
    return text if is_address else None


def _names_another_house(text: str, chosen: str, options: list[Option]) -> bool:
    """«ул. Малышева, 12» is not the point at «ул. Малышева, 51»; a bare «2» is the second one."""
    if text.strip().isdecimal():
        return False
    title = next(option.title for option in options if option.key == chosen)
    return not set(NUMBERS.findall(text)) <= set(NUMBERS.findall(title))
