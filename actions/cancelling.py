"""Cancelling an order: what it costs is said before anything is done."""

from actions.answers import notes_on, paragraphs
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
    states_price = True

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


class CancellationFee(Dialogue):
    """What cancelling costs: by the rules, and for the customer's own order when they are known."""

    name = "cancellation_fee"
    personal = False

    async def tell(self, talk: Talk) -> None:
        rules = self.services.company.orders
        terms = paragraphs(self._terms(talk), notes_on(talk, rules.cancellation_notes))
        order = await self._own(talk)
        if order is None:
            talk.say("utter_fee_terms", "cancel_order", "human_agent", terms=terms)
            return
        fee = self.services.order_operations.cancellation_fee(order)
        key = "fee.late" if fee is None else "fee.some" if fee.minor else "fee.none"
        own = talk.words.text(key, number=order.number, fee=talk.words.money(fee) if fee else "")
        talk.slots["order_id"] = order.number
        talk.say("utter_fee_own", "cancel_order", "human_agent", own=own, terms=terms)

    def _terms(self, talk: Talk) -> str:
        """The company's rules, a line each."""
        lines = []
        for rule in self.services.company.orders.cancellation:
            names = [talk.words.text(f"state.{state}") for state in rule.states]
            states = ", ".join(talk.words.text("fee.state", state=name) for name in names)
            key = "fee.rule" if rule.fee_percent else "fee.rule_free"
            lines.append(talk.words.text(key, states=states, percent=f"{rule.fee_percent.normalize():f}"))
        return "\n".join([*lines, talk.words.text("fee.rule_late")])

    async def _own(self, talk: Talk) -> OrderView | None:
        """The order that is meant, of a customer who is known: the named one, or the only one open."""
        if (customer := talk.caller.proven_customer_id) is None:
            return None
        if named := talk.details.get("order_id"):
            return await self.services.orders.find(customer, named)
        orders = await self.services.orders.of_customer(customer)
        open_ones = [order for order in orders if order.is_open]
        return open_ones[0] if len(open_ones) == 1 else None
