"""Giving something back, for money or for another one."""

from datetime import datetime
from typing import Any

from actions.answers import reader, suggest
from actions.choosing import choose_order
from actions.dialogue import NO, YES, Dialogue, Option, Talk
from actions.hints import hints
from actions.returning import (
    Pieces,
    by_line,
    choose_pieces,
    choose_way,
    describe,
    returnable,
    worth,
)
from actions.services import Services
from actions.turn import Turn
from actions.wrong_items import DamagedOrWrongItem
from crm_bridge.company.returns import Condition, HandOver
from crm_bridge.models import OrderState, ReturnWish, TicketKind
from crm_bridge.money import Money
from crm_bridge.operations.cases import CaseDraft
from crm_bridge.orders import ItemView, OrderView

REASONS = ("size", "dislike", "not_needed", "faulty", "wrong")
OURS = frozenset({"faulty", "wrong"})  # reasons that are our fault
MORE = "more"
TOLD_ALONG = {  # question: what may be said of it before it is asked
    "wish": "return_wish",
    "reason": "return_reason",
    "condition": "return_condition",
    "way": "hand_over",
}
CONFIRM = {
    ReturnWish.REFUND: "utter_return_confirm_refund",
    ReturnWish.EXCHANGE: "utter_return_confirm_exchange",
}
OPEN = {ReturnWish.REFUND: "utter_return_open_refund", ReturnWish.EXCHANGE: "utter_return_open_exchange"}
SHUT = frozenset({OrderState.CANCELLED, OrderState.RETURNED})


class ReturnItem(Dialogue):
    """Opens a case for goods that come back: what, why, in what condition, how."""

    name = "return_item"

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._wrong = DamagedOrWrongItem(services)

    async def tell(self, talk: Talk) -> None:
        for question, told in TOLD_ALONG.items():
            talk.learn(question, reader(told))
        delivered = OrderState.DELIVERED
        order = await choose_order(talk, self._in_time, otherwise=lambda one: one.state is delivered)
        if order is None:
            return
        suggest(talk, "reason", hints("return_reason", talk.task.text))
        if order.state is not OrderState.DELIVERED:
            response = "utter_return_closed" if order.state in SHUT else "utter_return_not_here"
            more = "track_refund" if order.state in SHUT else "cancel_order"
            talk.say(response, more, "human_agent", number=order.number)
        elif OURS & {talk.task.facts.get("reason"), talk.task.early.get("reason")}:
            await self._wrong.tell(talk)
        elif not self._in_time(order) and not talk.has("pieces"):
            self._too_late(talk, order)
        else:
            await self._collect(talk, order)

    def _in_time(self, order: OrderView) -> bool:
        delivered = order.state is OrderState.DELIVERED
        return delivered and self.services.returns.in_time(order.delivered_at, faulty=False)

    def _too_late(self, talk: Talk, order: OrderView) -> None:
        days = talk.words.count("days", self.services.company.returns.days)
        buttons = ("damaged_or_wrong_item", "warranty_repair", "human_agent")
        delivered = talk.words.until(order.delivered_at) if order.delivered_at else ""
        talk.say("utter_return_too_late", *buttons, number=order.number, days=days, delivered=delivered)

    async def _collect(self, talk: Talk, order: OrderView) -> None:
        """Ask what is not known yet, in the order in which a person would."""
        items = await returnable(talk, order)
        if not items and not talk.has("pieces"):
            talk.say("utter_return_under_way", "track_refund", "human_agent", number=order.number)
            return
        pieces = await choose_pieces(talk, items, "utter_return_which_item")
        wish = await self._wish(talk, order, pieces)
        reason = await talk.choose(
            "reason", "utter_return_why", self._reasons(talk), "human_agent", read=reader("return_reason")
        )
        if reason in OURS:
            await self._wrong.tell(talk)
            return
        condition = await self._condition(talk)
        if condition not in self.services.company.returns.accepted:
            talk.say("utter_return_used", "warranty_repair", "refund_policy", "human_agent")
            return
        way = await choose_way(talk, self.services.company.returns.ways)
        agreed = await self._agreed(talk, order, items, pieces, wish)
        if agreed is None:
            talk.say("utter_return_kept", "return_item", "human_agent", number=order.number)
            return
        await self._open(talk, order, agreed, wish, reason, condition, way)

    async def _wish(self, talk: Talk, order: OrderView, pieces: Pieces) -> ReturnWish:
        suggest(talk, "wish", hints("return_wish", talk.task.text))
        options = [Option(wish, talk.words.text(f"wish.{wish}")) for wish in ReturnWish]
        wish = await talk.choose(
            "wish",
            "utter_return_wish",
            options,
            "human_agent",
            read=reader("return_wish"),
            number=order.number,
            items=describe(talk, order, pieces),
        )
        return ReturnWish(wish)

    def _reasons(self, talk: Talk) -> list[Option]:
        return [Option(reason, talk.words.text(f"reason.return.{reason}")) for reason in REASONS]

    async def _condition(self, talk: Talk) -> Condition:
        suggest(talk, "condition", hints("return_condition", talk.task.text))
        options = [Option(one, talk.words.text(f"condition.{one}")) for one in Condition]
        read = reader("return_condition")
        return Condition(await talk.choose("condition", "utter_return_condition", options, read=read))

    async def _agreed(
        self, talk: Talk, order: OrderView, items: list[ItemView], pieces: Pieces, wish: ReturnWish
    ) -> Pieces | None:
        """The goods that the customer agrees to; further ones may be added. None: no return after all."""
        turn = 0
        while True:
            suffix = f"_{turn}" if turn else ""
            others = [item for item in items if str(item.id) not in pieces]
            options = [Option(YES, talk.words.text("button.open_return"))]
            options += [Option(MORE, talk.words.text("button.add_item"))] if others else []
            options.append(Option(NO, talk.words.text("button.no_return")))
            answer = await talk.choose(
                f"sure{suffix}",
                CONFIRM[wish],
                options,
                read=_agrees,
                number=order.number,
                items=describe(talk, order, pieces),
                amount=talk.words.money(worth(order, pieces)),
            )
            if answer != MORE:
                return pieces if answer == YES else None
            turn += 1
            pieces = pieces | await choose_pieces(talk, others, "utter_return_which_more", f"_{turn}")

    async def _open(
        self,
        talk: Talk,
        order: OrderView,
        pieces: Pieces,
        wish: ReturnWish,
        reason: str,
        condition: Condition,
        way: HandOver,
    ) -> None:
        said = [
            describe(talk, order, pieces),
            talk.words.text(f"wish.{wish}"),
            talk.words.text(f"reason.return.{reason}"),
            talk.words.text(f"condition.{condition}"),
            way.title.to(talk.turn.language),
        ]
        draft = CaseDraft(
            kind=TicketKind.REQUEST,
            subject=talk.words.text(f"case.return.{wish}", number=order.number),
            text="\n".join([*said, talk.task.text]),
            order_number=order.number,
            conversation_id=talk.turn.conversation_id,
            files=talk.files,
        )
        returns, customer = self.services.returns, talk.customer_id
        done = await talk.do(
            "done",
            lambda key: returns.open_return(
                key, customer, order.number, by_line(pieces), wish, draft, faulty=False
            ),
        )
        if not done["done"]:
            talk.say("utter_return_not_done", "return_item", "human_agent", number=order.number)
            return
        self._tell_done(talk, order, wish, way, done)

    def _tell_done(
        self, talk: Talk, order: OrderView, wish: ReturnWish, way: HandOver, done: dict[str, Any]
    ) -> None:
        rules = self.services.company.returns
        talk.say(
            OPEN[wish],
            "track_refund",
            "human_agent",
            case=done["number"],
            due=talk.words.by(datetime.fromisoformat(done["due"])),
            way=way.about.to(talk.turn.language),
            amount=talk.words.money(Money(done["refund"], order.total.currency)),
            days=talk.words.count("days", rules.refund_days),
        )


def _agrees(turn: Turn) -> str | None:
    return {"affirm": YES, "deny": NO}.get(turn.intent)
