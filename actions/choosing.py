"""Which order is meant: the named one, the one spoken about, the only one, or a choice of up to five."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from operator import attrgetter

from actions.dialogue import Option, Talk
from actions.hints import hints
from actions.items import named_items
from actions.phrases import phrases
from actions.turn import Turn
from actions.wording import Wording
from crm_bridge.models import OrderState
from crm_bridge.orders import OrderView, order_number

CHOICE = 5
ORDER = "order"  # the question
NUMBER = re.compile(r"[\w-]*\d[\w-]*")


async def choose_order(
    talk: Talk,
    suits: Callable[[OrderView], bool],
    *,
    otherwise: Callable[[OrderView], bool] = attrgetter("is_open"),
    or_newest: bool = False,
) -> OrderView | None:
    """The order that the matter is about; None when there is none, which has been said.

    Args:
        suits: orders that come into question when none is named; when none suits, `otherwise`, then all.
        or_newest: when neither suits, the newest one is meant.
    """
    orders = await talk.services.orders.of_customer(talk.customer_id)
    if not orders:
        talk.say("utter_no_orders", "human_agent")
        talk.offer("human_agent")
        return None
    second = [order for order in orders if otherwise(order)]
    candidates = [order for order in orders if suits(order)] or second or orders
    another = len(orders) > 1 and _wants_the_list(talk.task.text)
    if not talk.has(ORDER) and not talk.reopened(ORDER) and (not another or talk.details.get("order_id")):
        _take_for_granted(talk, orders, candidates)
        if or_newest and not talk.has(ORDER) and candidates is orders:
            talk.known(ORDER, orders[0].number)
    elif another and not talk.has(ORDER):
        candidates = orders
    options = [option(talk, order) for order in candidates[:CHOICE]]
    number = await talk.choose(
        ORDER,
        "utter_choose_order",
        options,
        "human_agent",
        read=lambda turn: _named(turn, orders) or _described(talk, turn.text, candidates),
        entity="order_id",
        newest_first=True,
    )
    order = next((order for order in orders if order.number == order_number(number)), None)
    if order is None:
        talk.slots["order_id"] = None
        talk.wrong(ORDER, "utter_order_not_found", *options, "human_agent")
    talk.slots["order_id"] = order.number
    return order


def _wants_the_list(text: str) -> bool:
    """«Нет, другой заказ», «где мои заказы»: the one spoken about last is not meant."""
    return phrases.correction(text) == ORDER or hints("orders", text) == "all"


def option(talk: Talk, order: OrderView) -> Option:
    """An order as an answer."""
    return Option(order.number, order_title(talk.words, order, talk.services.clock.now()))


def order_title(words: Wording, order: OrderView, now: datetime) -> str:
    """An order on a button."""
    waits = order.state is OrderState.READY_FOR_PICKUP
    is_late = order.is_open and not waits and order.lateness(now)
    state = words.text("state.late" if is_late else f"state.{order.state}")
    return words.text("button.order", number=order.number, state=state)


def _take_for_granted(talk: Talk, orders: Sequence[OrderView], suiting: Sequence[OrderView]) -> None:
    """Note the order when it need not be asked for."""
    if named := talk.details.get("order_id") or _in_text(talk.task.text, orders):
        talk.task.bound[ORDER] = "order_id"
        talk.known(ORDER, named)
        return
    in_mind = [order for order in suiting if order.number == talk.turn.slots.get("order_id")]
    if len(granted := in_mind or suiting) == 1:
        talk.task.bound[ORDER] = "order_id"
        talk.known(ORDER, granted[0].number)


def _named(turn: Turn, orders: Sequence[OrderView]) -> str | None:
    return turn.entities.get("order_id") or _in_text(turn.text, orders)


def _described(talk: Talk, text: str, orders: Sequence[OrderView]) -> str | None:
    """By what is in it, or by its state: «тот, что опаздывает», "the paid one"."""
    if found := _by_goods(text, orders):
        return found
    now = talk.services.clock.now()
    state = hints("order_state", text)
    fitting = [
        one for one in orders if one.state == state or (state == "late" and one.is_open and one.lateness(now))
    ]
    return fitting[0].number if len(fitting) == 1 else None


def _by_goods(text: str, orders: Sequence[OrderView]) -> str | None:
    """The only one of the orders that has what the text names: «который блендер»."""
    having = [order.number for order in orders if named_items(text, order.items)]
    return having[0] if len(having) == 1 else None


def _in_text(text: str, orders: Sequence[OrderView]) -> str | None:
    """The order whose number stands in the text, though nothing there says that it is one."""
    words = {order_number(word) for word in NUMBER.findall(text)}
    return next((order.number for order in orders if order.number in words), None)
