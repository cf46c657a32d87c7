"""Where an order is, and why it is late."""

from datetime import datetime, timedelta

from actions import order_words
from actions.base import PersonalAction
from actions.choosing import CHOICE, choose_order, order_title
from actions.dialogue import Dialogue, Talk
from actions.events import Event, slot
from actions.say import Button, Say
from actions.turn import Turn
from crm_bridge.identity import Caller
from crm_bridge.models import OrderState
from crm_bridge.orders import OrderView

GONE = frozenset({OrderState.CANCELLED, OrderState.RETURNED})
DAY = timedelta(days=1)


class TrackOrder(Dialogue):
    """Where the order is, what happens next, and when it comes."""

    name = "track_order"
    rests_on_crm = True

    async def tell(self, talk: Talk) -> None:
        order = await choose_order(talk, lambda one: one.is_open, or_newest=True)
        if order is None:
            return
        now = self.services.clock.now()
        buttons = [*_next_steps(order, now), *await other_orders(talk), "human_agent"]
        talk.say(order_words.response(order), *buttons, **order_words.values(talk.words, order, now))
        if order.state in GONE:
            talk.offer("human_agent")


class DeliveryDelay(Dialogue):
    """Whether an order is late, why, the new date, and what we do about it."""

    name = "delivery_delay"
    rests_on_crm = True

    async def tell(self, talk: Talk) -> None:
        now = self.services.clock.now()

        def late_now(one: OrderView) -> bool:
            return one.is_open and bool(one.lateness(now))

        order = await choose_order(talk, late_now, or_newest=True)
        if order is None:
            return
        late = order.lateness(now)
        if order.state in GONE or order.state is OrderState.READY_FOR_PICKUP:
            await self._stands(talk, order, order_words.response(order))
        elif order.state is OrderState.DELIVERED:
            await self._came(talk, order, late)
        elif late:
            await self._is_late(talk, order)
        else:
            await self._stands(talk, order, "utter_order_on_time")

    async def _stands(self, talk: Talk, order: OrderView, response: str) -> None:
        values = order_words.values(talk.words, order, self.services.clock.now())
        talk.say(response, *await other_orders(talk), "human_agent", **values)
        if order.state in GONE:
            talk.offer("human_agent")

    async def _came(self, talk: Talk, order: OrderView, late: timedelta) -> None:
        response = "utter_order_came_late" if late >= DAY else "utter_order_came"
        points = await self._compensated(talk, order) if late >= DAY else ""
        talk.say(
            response,
            "human_agent",
            *await other_orders(talk),
            number=order.number,
            delivered=talk.words.on(order.delivered_at) if order.delivered_at else "",
            late=talk.words.days(late),
            points=points,
        )
        talk.offer("human_agent")

    async def _is_late(self, talk: Talk, order: OrderView) -> None:
        """Apologise, say why and until when, keep an eye on it."""
        values = order_words.delay(talk.words, order, self.services.clock.now())
        delivery, chat = self.services.delivery, talk.turn.conversation_id
        points = await self._compensated(talk, order)
        await talk.do("watch", lambda key: delivery.watch(key, talk.customer_id, order, chat))
        said = [values["details"], points.strip(), talk.words.text("late.watched")]
        values["details"] = "\n".join(line for line in said if line)
        talk.say("utter_order_late", "human_agent", *await other_orders(talk), **values)
        talk.offer("human_agent")

    async def _compensated(self, talk: Talk, order: OrderView) -> str:
        """What was given for the delay, in words after a space; empty when nothing is due."""
        delivery = self.services.delivery
        if not delivery.compensation(order):
            return ""
        given = await talk.do("points", lambda key: delivery.compensate(key, talk.customer_id, order))
        if not given["points"]:
            return ""
        key = "late.points" if given["given"] else "late.points_before"
        return " " + talk.words.text(key, points=talk.words.count("points", given["points"]))


def _next_steps(order: OrderView, now: datetime) -> list[str]:
    if order.is_open and order.lateness(now):
        return ["delivery_delay"]
    return ["return_item", "damaged_or_wrong_item"] if order.state is OrderState.DELIVERED else []


async def other_orders(talk: Talk) -> list[str]:
    """The button that leads to the others, if there are any."""
    orders = await talk.services.orders.of_customer(talk.customer_id, 2)
    return ["list_orders"] if len(orders) > 1 else []


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
        words, now = self.wording(turn, caller), self.services.clock.now()
        buttons = [
            Button(order_title(words, order, now), TrackOrder.name, (("order_id", order.number),))
            for order in orders
        ]
        say("utter_choose_order", *buttons)
        return [slot("order_id", None)]
