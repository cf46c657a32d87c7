"""Cancelling an order: what it costs is said before anything is done."""

from actions.choosing import choose_order
from actions.dialogue import Dialogue, Talk
from crm_bridge.models import OrderState
from crm_bridge.money import Money
from crm_bridge.orders import OrderView

TOO_LATE = {
    OrderState.CANCELLED: "utter_cancel_already",
    OrderState.DELIVERED: "utter_cancel_delivered",
    OrderState.RETURNED: "utter_cancel_already",
}


class CancelOrder(Dialogue):
    """Cancels an order while the rules allow it."""

    name = "cancel_order"

    async def tell(self, talk: Talk) -> None:
        order = await choose_order(talk, lambda one: one.is_open)
        if order is None:
            return
        operations = self.services.order_operations
        fee = operations.cancellation_fee(order)
        if fee is None and not talk.has("fee"):  # once it is agreed, the operation itself decides
            response = TOO_LATE.get(order.state, "utter_cancel_too_late")
            talk.say(response, "return_item", "human_agent", number=order.number)
            return
        fee = Money(talk.known("fee", fee.minor if fee else 0), order.total.currency)
        response = "utter_cancel_confirm_fee" if fee.minor else "utter_cancel_confirm_free"
        values = {"number": order.number, "fee": talk.words.money(fee), "items": items_of(order)}
        if not await talk.confirm("sure", response, yes="button.cancel_it", no="button.keep_it", **values):
            talk.say("utter_cancel_kept", "track_order", number=order.number)
            return
        done = await talk.do(
            "cancel", lambda key: operations.cancel(key, talk.customer_id, order.number, fee)
        )
        if not done["done"]:
            talk.say("utter_cancel_too_late", "return_item", "human_agent", number=order.number)
        elif done["refund"]:
            refund = talk.words.money(Money(done["refund"], order.total.currency))
            days = talk.words.count("days", self.services.company.orders.refund_days)
            talk.say("utter_cancelled_refund", "track_refund", number=order.number, refund=refund, days=days)
        else:
            talk.say("utter_cancelled", number=order.number)


def items_of(order: OrderView) -> str:
    """The goods in one line."""
    return ", ".join(item.title for item in order.items)
