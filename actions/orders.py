"""Where an order is, and why it is late."""

from datetime import timedelta

from actions import order_words
from actions.base import PersonalAction
from actions.events import Event, slot
from actions.say import Button, Say
from actions.turn import Turn
from actions.wording import Wording
from crm_bridge.identity import Caller
from crm_bridge.models import OrderState
from crm_bridge.orders import OrderView

CHOICE = 5  # orders offered as buttons
GONE = frozenset({OrderState.CANCELLED, OrderState.RETURNED})


class OrderAction(PersonalAction):
    """Finds the order that is meant, then speaks about it."""

    request: str  # the intent behind the buttons of a choice

    async def serve(
        self, turn: Turn, say: Say, caller: Caller, customer_id: int, details: dict[str, str]
    ) -> list[Event]:
        words = self.wording(turn, caller)
        if named := details.get("order_id"):
            order = await self.services.orders.find(customer_id, named)
            return self._found(say, words, order)
        orders = await self.services.orders.of_customer(customer_id)
        return self._chosen(say, words, orders, _in_mind(turn, orders))

    def _found(self, say: Say, words: Wording, order: OrderView | None) -> list[Event]:
        if order is None:
            say("utter_order_not_found", "list_orders", "human_agent")
            return [slot("order_id", None)]
        return self._speak(say, words, order)

    def _chosen(
        self, say: Say, words: Wording, orders: list[OrderView], in_mind: OrderView | None
    ) -> list[Event]:
        if not orders:
            say("utter_no_orders", "human_agent")
            return []
        open_ones = [order for order in orders if order.is_open]
        if in_mind and (in_mind.is_open or not open_ones):
            return self._speak(say, words, in_mind, several=len(orders) > 1)
        if len(open_ones) > 1:
            return offer_choice(say, words, open_ones, self.request)
        return self._speak(say, words, (open_ones or orders)[0], several=len(orders) > 1)

    def _speak(self, say: Say, words: Wording, order: OrderView, *, several: bool = True) -> list[Event]:
        """Speak about the order and keep it in mind for the next question."""
        offer = self.tell(say, words, order, several=several)
        return [slot("order_id", order.number), slot("offer", offer)]

    def tell(self, say: Say, words: Wording, order: OrderView, *, several: bool) -> str | None:
        """Say it; returns the intent that a plain «да» would mean now."""
        raise NotImplementedError

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
        return None

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
            return None
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
            return []
        return offer_choice(say, self.wording(turn, caller), orders, TrackOrder.request)


def offer_choice(say: Say, words: Wording, orders: list[OrderView], intent: str) -> list[Event]:
    """Ask which order is meant: up to five buttons."""
    buttons = [_order_button(words, order, intent) for order in orders[:CHOICE]]
    say("utter_choose_order", *buttons)
    return [slot("order_id", None)]


def _order_button(words: Wording, order: OrderView, intent: str) -> Button:
    state = words.text(f"state.{order.state}")
    title = words.text("button.order", number=order.number, state=state)
    return Button(title, intent, (("order_id", order.number),))


def _in_mind(turn: Turn, orders: list[OrderView]) -> OrderView | None:
    """The order that was spoken about last, if it is one of theirs."""
    return next((order for order in orders if order.number == turn.slots.get("order_id")), None)
