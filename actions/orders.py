"""Where an order is, and why it is late."""

import re
from abc import abstractmethod
from datetime import datetime, timedelta

from actions import order_words
from actions.base import PersonalAction
from actions.events import Event, slot
from actions.say import Button, Say
from actions.turn import Turn
from actions.wording import Wording
from crm_bridge.identity import Caller
from crm_bridge.models import OrderState
from crm_bridge.orders import OrderView, order_number

CHOICE = 5  # orders offered as buttons
NUMBER = re.compile(r"[\w-]*\d[\w-]*")
GONE = frozenset({OrderState.CANCELLED, OrderState.RETURNED})


class OrderAction(PersonalAction):
    """Finds the order that is meant, then speaks about it."""

    request: str  # the intent behind the buttons of a choice

    async def serve(
        self, turn: Turn, say: Say, caller: Caller, customer_id: int, details: dict[str, str]
    ) -> list[Event]:
        words = self.wording(turn, caller)
        orders = await self.services.orders.of_customer(customer_id)
        if not orders:
            say("utter_no_orders", "human_agent")
            return [slot("order_id", None), slot("offer", "human_agent")]
        if named := details.get("order_id"):
            order = await self.services.orders.find(customer_id, named)
        else:
            order = _mentioned(turn, orders) or _expected(turn, orders)
        if order is not None:
            offer = self.tell(say, words, order, several=len(orders) > 1)
            return [slot("order_id", order.number), slot("offer", offer)]
        if named:
            say("utter_order_not_found", "list_orders", "human_agent")
            return [slot("order_id", None)]
        open_ones = [order for order in orders if order.is_open]
        return offer_choice(say, words, open_ones, self.request, self.services.clock.now())

    @abstractmethod
    def tell(self, say: Say, words: Wording, order: OrderView, *, several: bool) -> str | None:
        """Say it; returns the intent that a plain «да» would mean now."""

    def lateness(self, order: OrderView) -> timedelta:
        return order.lateness(self.services.clock.now())


class TrackOrder(OrderAction):
    """Where the order is, what happens next, and when it comes."""

    name = "action_track_order"
    request = "track_order"

    def tell(self, say: Say, words: Wording, order: OrderView, *, several: bool) -> str | None:
        buttons = self._buttons(order, several=several)
        now = self.services.clock.now()
        say(order_words.response(order), *buttons, **order_words.values(words, order, now))
        return "human_agent" if order.state in GONE else None

    def _buttons(self, order: OrderView, *, several: bool) -> list[str]:
        buttons = []
        if order.is_open and self.lateness(order):
            buttons = ["delivery_delay"]
        elif order.state is OrderState.DELIVERED:
            buttons = ["return_item", "damaged_or_wrong_item"]
        return [*buttons, *(["list_orders"] if several else []), "human_agent"]


class DeliveryDelay(OrderAction):
    """Whether an order is late, why, and the new date."""

    name = "action_delivery_delay"
    request = "delivery_delay"

    def tell(self, say: Say, words: Wording, order: OrderView, *, several: bool) -> str | None:
        other = ["list_orders"] if several else []
        now = self.services.clock.now()
        values = order_words.values(words, order, now)
        late = self.lateness(order)
        if order.state in GONE or order.state is OrderState.READY_FOR_PICKUP:
            say(order_words.response(order), *other, "human_agent", **values)
            return "human_agent" if order.state in GONE else None
        if order.state is OrderState.DELIVERED:
            response = "utter_order_came_late" if late >= timedelta(days=1) else "utter_order_came"
            say(response, "human_agent", *other, **values | {"late": words.days(late)})
            return "human_agent"
        if late:
            say("utter_order_late", "human_agent", *other, **order_words.delay(words, order, now))
            return "human_agent"
        say("utter_order_on_time", *other, "human_agent", **values)
        return None


class ListOrders(PersonalAction):
    """The customer's orders as buttons."""

    name = "action_list_orders"

    async def serve(
        self, turn: Turn, say: Say, caller: Caller, customer_id: int, details: dict[str, str]
    ) -> list[Event]:
        orders = await self.services.orders.of_customer(customer_id, CHOICE)
        if not orders:
            say("utter_no_orders", "human_agent")
            return [slot("offer", "human_agent")]
        now = self.services.clock.now()
        return offer_choice(say, self.wording(turn, caller), orders, TrackOrder.request, now)


def offer_choice(
    say: Say, words: Wording, orders: list[OrderView], intent: str, now: datetime
) -> list[Event]:
    """Ask which order is meant: up to five buttons."""
    buttons = [_order_button(words, order, intent, now) for order in orders[:CHOICE]]
    say("utter_choose_order", *buttons)
    return [slot("order_id", None)]


def _order_button(words: Wording, order: OrderView, intent: str, now: datetime) -> Button:
    is_late = order.is_open and order.state is not OrderState.READY_FOR_PICKUP and order.lateness(now)
    state = words.text("state.late" if is_late else f"state.{order.state}")
    title = words.text("button.order", number=order.number, state=state)
    return Button(title, intent, (("order_id", order.number),))


def _mentioned(turn: Turn, orders: list[OrderView]) -> OrderView | None:
    """The order whose number stands in the message, though nothing there says that it is one."""
    words = {order_number(word) for word in NUMBER.findall(turn.text)}
    return next((order for order in orders if order.number in words), None)


def _expected(turn: Turn, orders: list[OrderView]) -> OrderView | None:
    """The order that is meant when none is named: the one spoken about last, the only open one, the last one.

    An order that is closed gives way to open ones. None when there is a choice.
    """
    open_ones = [order for order in orders if order.is_open]
    candidates = open_ones or orders
    in_mind = next((order for order in candidates if order.number == turn.slots.get("order_id")), None)
    return in_mind or (candidates[0] if len(open_ones) <= 1 else None)
