"""Changing what is in an order: goods are added, removed, and become more or fewer."""

import re
from collections.abc import Sequence
from typing import Any

from actions.addresses import ChangeDeliveryAddress
from actions.answers import reader, suggest
from actions.choosing import choose_order
from actions.dialogue import Dialogue, Option, Talk
from actions.hints import hints
from actions.items import OFFERED, choose_item, goods_named, item_option, item_title, quantity_of
from actions.services import Services
from actions.turn import Turn
from crm_bridge.company.catalogue import Good
from crm_bridge.models import OrderState
from crm_bridge.money import Money
from crm_bridge.operations.order_changes import LineChange
from crm_bridge.orders import ItemView, OrderView

ADD, REMOVE, QUANTITY, ADDRESS, OTHER = "add", "remove", "quantity", "address", "other"
COUNT = re.compile(r"\b(?:на|до|to|it)\s+([1-9]\d?)\b(?!\s*(?:ч|:|день|дн))", re.IGNORECASE)
INSTEAD = {  # what can be done when the goods cannot be changed any more
    OrderState.PACKING: ("cancel_order", "change_delivery_address"),
    OrderState.SHIPPED: ("cancel_order",),
    OrderState.DELIVERED: ("return_item", "place_order"),
    OrderState.CANCELLED: ("place_order",),
    OrderState.RETURNED: ("place_order",),
}


class ChangeOrder(Dialogue):
    """Changes an order while the rules allow it; says what can no longer be changed, and why."""

    name = "change_order"
    cancels = "cancel_order"
    states_price = True

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._address = ChangeDeliveryAddress(services)

    async def tell(self, talk: Talk) -> None:
        order = await choose_order(talk, lambda one: self.services.order_changes.allowed(one.state))
        if order is None:
            return
        suggest(talk, "what", _meant(talk))
        if talk.has("what") or self._is_open(talk, order):
            await self._change(talk, order)
        else:
            self._too_late(talk, order)

    def _is_open(self, talk: Talk, order: OrderView) -> bool:
        """Whether the goods may be changed; once it is to be agreed, the operation itself decides."""
        return self.services.order_changes.allowed(order.state) or talk.has("line")

    async def _change(self, talk: Talk, order: OrderView) -> None:
        keys = [ADD, REMOVE, QUANTITY, ADDRESS, OTHER]
        options = [Option(key, talk.words.text(f"change.{key}")) for key in keys]
        items = ", ".join(item_title(talk.words, item.title, item.quantity) for item in order.items)
        what = await talk.choose(
            "what",
            "utter_change_what",
            options,
            "human_agent",
            read=reader("change_what"),
            number=order.number,
            items=items,
        )
        if what == ADDRESS:
            await self._address.tell(talk)
        elif what == OTHER:
            talk.hand_over("utter_change_by_people", "topic:change_order", number=order.number)
        elif not self._is_open(talk, order):
            self._too_late(talk, order)
        else:
            if not talk.has("line"):
                line = await (self._added(talk, order) if what == ADD else self._altered(talk, order, what))
                if line is None:
                    return
                talk.known("line", line)
                talk.known("before", order.total.minor)
            await self._agree(talk, order)

    def _too_late(self, talk: Talk, order: OrderView) -> None:
        why = talk.words.text(f"change.why.{order.state}")
        buttons = INSTEAD.get(order.state, ())
        talk.say("utter_change_too_late", *buttons, "human_agent", number=order.number, why=why)

    async def _added(self, talk: Talk, order: OrderView) -> dict[str, Any] | None:
        """The line that the customer wants more of."""
        good = await self._good(talk)
        count = quantity_of(talk.details.get("quantity")) or 1
        self._mind_large(talk, order, count)
        if good.stock < count:
            good = await self._instead(talk, good, count)
        line = next((item for item in order.items if item.title in (good.title.ru, good.title.en)), None)
        if line is not None:
            return _line(line, line.quantity + count)
        price = self.services.catalogue.price(good, order.total.currency)
        return {"item": None, "title": _title(talk, good), "price": price.minor, "n": count, "was": 0}

    async def _good(self, talk: Talk) -> Good:
        catalogue = self.services.catalogue
        named = goods_named(catalogue, talk.task.text)
        suggest(talk, "good", named[0].key if len(named) == 1 else None)
        offered = [_good_option(talk, good) for good in named[:OFFERED]]

        def read(turn: Turn) -> str | None:
            found = goods_named(catalogue, turn.text)
            return found[0].key if len(found) == 1 else None

        response = "utter_change_which_good" if offered else "utter_change_what_to_add"
        key = await talk.ask("good", response, read, *offered, "human_agent")
        return catalogue.good(key)

    async def _instead(self, talk: Talk, good: Good, count: int) -> Good:
        """Something like it that there is enough of."""
        catalogue, when = self.services.catalogue, talk.words.text("stock.unknown")
        if good.restock_days:
            when = talk.words.text("stock.soon", days=talk.words.count("days", good.restock_days))
        there = [one for one in catalogue.goods if one.stock >= count]
        alike = [one for one in there if one.group == good.group][:OFFERED]
        options = [_good_option(talk, one) for one in alike]

        def read(turn: Turn) -> str | None:
            found = [one for one in goods_named(catalogue, turn.text) if one in there]
            return found[0].key if len(found) == 1 else None

        title = _title(talk, good)
        key = await talk.ask(
            "instead", "utter_change_sold_out", read, *options, "human_agent", title=title, when=when
        )
        return catalogue.good(key)

    async def _altered(self, talk: Talk, order: OrderView, what: str) -> dict[str, Any] | None:
        """The line that becomes more, fewer, or nothing."""
        items = {str(item.id): item for item in order.items}
        chosen = await choose_item(talk, "item", "utter_change_which_item", order.items)
        if chosen not in items:  # it was removed meanwhile
            talk.wrong("item", "utter_change_which_item", *_options(talk, order.items), "human_agent")
        item, named = items[chosen], quantity_of(talk.details.get("quantity")) or _count_in(talk.task.text)
        if what == REMOVE:
            count = item.quantity - named if named and named < item.quantity else 0
        else:
            suggest(talk, "count", str(named) if named and named != item.quantity else None)
            response, read = "utter_change_how_many", _counted
            said = {"title": item.title, "n": str(item.quantity)}
            count = int(await talk.ask("count", response, read, "human_agent", **said))
        if count == 0 and len(order.items) == 1:
            talk.say("utter_change_nothing_left", "cancel_order", "human_agent", number=order.number)
            return None
        self._mind_large(talk, order, count)
        return _line(item, count)

    def _mind_large(self, talk: Talk, order: OrderView, count: int) -> None:
        if count > self.services.company.orders.most_pieces:
            talk.hand_over("utter_change_by_people", "topic:change_order", number=order.number)

    async def _agree(self, talk: Talk, order: OrderView) -> None:
        """Say what changes and what it costs; then do it."""
        line, before = talk.task.facts["line"], talk.task.facts["before"]
        total = before + line["price"] * (line["n"] - line["was"])
        currency = order.total.currency
        said = {
            "number": order.number,
            "change": _in_words(talk, line, "will"),
            "total": talk.words.money(Money(total, currency)),
        }
        if not await talk.confirm(
            "sure", "utter_change_confirm", yes="button.change_it", no="button.leave_it", **said
        ):
            talk.say("utter_change_kept", "track_order", "human_agent", number=order.number)
            return
        change = LineChange(line["item"], line["title"], line["price"], line["n"])
        changes, customer, number = self.services.order_changes, talk.customer_id, order.number
        done = await talk.do(
            "done", lambda key: changes.change(key, customer, number, [change], before, total)
        )
        if not done["done"]:
            talk.say("utter_change_not_done", "change_order", "human_agent", number=number)
            return
        said |= {"change": _in_words(talk, line, "done"), "money": self._money(talk, order, done)}
        talk.say("utter_changed", "track_order", "change_order", **said)

    def _money(self, talk: Talk, order: OrderView, done: dict[str, Any]) -> str:
        """What comes back, or what is still to be paid."""
        if done["refund"]:
            days = talk.words.count("days", self.services.company.orders.refund_days)
            back = talk.words.money(Money(done["refund"], order.total.currency))
            return talk.words.text("change.refund", refund=back, days=days)
        if done["due"]:
            due = talk.words.money(Money(done["due"], order.total.currency))
            return talk.words.text("change.due", due=due)
        return talk.words.text("change.even")


def _meant(talk: Talk) -> str | None:
    """What the first message wants to change."""
    if (found := hints("change_what", talk.task.text)) is not None:
        return QUANTITY if found == OTHER and "quantity" in talk.details else found
    return QUANTITY if "quantity" in talk.details else None


def _count_in(text: str) -> int | None:
    """«Количество на 3», "make it 3": a number of pieces, and no order's."""
    found = COUNT.search(text)
    return int(found[1]) if found else None


def _counted(turn: Turn) -> str | None:
    """A number of pieces: «две», «2»."""
    found = quantity_of(turn.entities.get("quantity")) or quantity_of(turn.text.strip())
    return str(found) if found else None


def _line(item: ItemView, count: int) -> dict[str, Any]:
    return {
        "item": item.id,
        "title": item.title,
        "price": item.price.minor,
        "n": count,
        "was": item.quantity,
    }


def _in_words(talk: Talk, line: dict[str, Any], when: str) -> str:
    """The change as it `will` be, or is `done`."""
    kind = "removed" if not line["n"] else "changed" if line["was"] else "added"
    return talk.words.text(f"change.{when}.{kind}", title=line["title"], n=line["n"], was=line["was"])


def _options(talk: Talk, items: Sequence[ItemView]) -> list[Option]:
    return [item_option(talk.words, item) for item in items]


def _title(talk: Talk, good: Good) -> str:
    return good.title.to(talk.turn.language)


def _good_option(talk: Talk, good: Good) -> Option:
    return Option(good.key, _title(talk, good))
