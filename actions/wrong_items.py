"""Something came damaged, wrong, broken, or not at all: people put it right soon."""

from datetime import datetime

from actions.answers import reader, suggest
from actions.choosing import choose_order
from actions.dialogue import Dialogue, Option, Talk
from actions.filing import file_case
from actions.hints import hints
from actions.reading import words_of
from actions.returning import (
    Pieces,
    already_open,
    ask_for_photo,
    by_line,
    choose_pieces,
    describe,
    returnable,
    say_open,
)
from crm_bridge.models import OrderState, ReturnWish, TicketKind, TicketPriority
from crm_bridge.operations.cases import CaseDraft
from crm_bridge.orders import OrderView

WHICH = {  # what can be wrong, and how to ask for the goods
    "damaged": "utter_wrong_which_damaged",
    "wrong": "utter_wrong_which_wrong",
    "missing": "utter_wrong_which_missing",
    "faulty": "utter_wrong_which_faulty",
}
MISSING = "missing"
TOLD = 6  # words of a message that tells enough
NOT_SENT = frozenset({OrderState.NEW, OrderState.PAID, OrderState.PACKING})
SENT = frozenset(OrderState) - NOT_SENT - {OrderState.CANCELLED, OrderState.RETURNED}
SHUT = frozenset({OrderState.CANCELLED, OrderState.RETURNED})


class DamagedOrWrongItem(Dialogue):
    """Opens an urgent case: which goods, what is wrong, a picture, and what the customer wants instead."""

    name = "damaged_or_wrong_item"

    async def tell(self, talk: Talk) -> None:
        order = await choose_order(talk, self._in_time, otherwise=lambda one: one.state in SENT)
        if order is None:
            return
        if order.state in NOT_SENT | SHUT:
            response = "utter_return_closed" if order.state in SHUT else "utter_wrong_not_sent"
            talk.say(response, "track_order", "human_agent", number=order.number)
        elif not self.services.returns.in_time(order.delivered_at, faulty=True) and not talk.has("pieces"):
            days = talk.words.count("days", self.services.company.returns.faulty_days)
            talk.say("utter_wrong_too_late", "warranty_repair", "human_agent", number=order.number, days=days)
        else:
            await self._collect(talk, order)

    def _in_time(self, order: OrderView) -> bool:
        delivered = order.state is OrderState.DELIVERED
        return delivered and self.services.returns.in_time(order.delivered_at, faulty=True)

    async def _collect(self, talk: Talk, order: OrderView) -> None:
        talk.say("utter_wrong_sorry")
        talk.learn("wish", reader("return_wish"))
        trouble = await self._trouble(talk)
        items = list(order.items) if trouble == MISSING else await returnable(talk, order)
        if not items and not talk.has("pieces"):
            talk.say("utter_return_under_way", "track_refund", "human_agent", number=order.number)
            return
        pieces = await choose_pieces(talk, items, WHICH[trouble])
        subject = talk.words.text(f"case.wrong.{trouble}", number=order.number)
        is_new = trouble != MISSING or talk.has("story")
        if not is_new and (known := await already_open(talk, subject, order.number)):
            say_open(talk, known)
            return
        suggest(talk, "story", talk.task.text if len(talk.task.text.split()) >= TOLD else None)
        said = {"number": order.number, "items": describe(talk, order, pieces)}
        await talk.ask("story", "utter_wrong_what_happened", words_of(3), "human_agent", **said)
        if trouble != MISSING:
            await ask_for_photo(talk)
        wish = await self._wish(talk, trouble)
        await self._open(talk, order, trouble, pieces, wish, subject)

    async def _trouble(self, talk: Talk) -> str:
        told = talk.task.facts.get("reason") or talk.task.early.get("reason", "")
        reason = {"faulty": "faulty", "wrong": "wrong"}.get(told)
        suggest(talk, "trouble", hints("what_is_wrong", talk.task.text) or reason)
        options = [Option(one, talk.words.text(f"trouble.{one}")) for one in WHICH]
        read = reader("what_is_wrong")
        return await talk.choose("trouble", "utter_wrong_what", options, "human_agent", read=read)

    async def _wish(self, talk: Talk, trouble: str) -> ReturnWish:
        suggest(talk, "wish", hints("return_wish", talk.task.text))
        kind = "send" if trouble == MISSING else "replace"
        options = [
            Option(ReturnWish.EXCHANGE, talk.words.text(f"wish.{kind}")),
            Option(ReturnWish.REFUND, talk.words.text("wish.refund")),
        ]
        read = reader("return_wish")
        return ReturnWish(await talk.choose("wish", "utter_wrong_wish", options, "human_agent", read=read))

    async def _open(
        self, talk: Talk, order: OrderView, trouble: str, pieces: Pieces, wish: ReturnWish, subject: str
    ) -> None:
        wanted = "wish.send" if trouble == MISSING and wish is ReturnWish.EXCHANGE else f"wish.{wish}"
        text = "\n".join(
            [
                describe(talk, order, pieces),
                talk.words.text(f"trouble.{trouble}"),
                talk.words.text(wanted),
                talk.task.facts["story"],
            ]
        )
        values = await self._filed(talk, order, trouble, pieces, wish, subject, text)
        if values is None:
            talk.say("utter_return_not_done", "damaged_or_wrong_item", "human_agent", number=order.number)
            return
        rules, language = self.services.company.returns, talk.turn.language
        way = "" if trouble == MISSING else rules.faulty.to(language)
        sends = trouble == MISSING and wish is ReturnWish.EXCHANGE
        key = "wrong.next.send" if sends else f"wrong.next.{wish}"
        follows = talk.words.text(key, days=talk.words.count("days", rules.refund_days))
        buttons = ["track_refund"] if wish is ReturnWish.REFUND else []
        talk.say("utter_wrong_open", *buttons, "human_agent", **values, next=f"{follows} {way}".strip())

    async def _filed(
        self,
        talk: Talk,
        order: OrderView,
        trouble: str,
        pieces: Pieces,
        wish: ReturnWish,
        subject: str,
        text: str,
    ) -> dict[str, str] | None:
        """Number and deadline of the case, in words; None when it could not be opened."""
        if trouble == MISSING:
            high = TicketPriority.HIGH
            return await file_case(
                talk,
                TicketKind.DEFECT,
                subject,
                text,
                priority=high,
                order_number=order.number,
            )
        draft = CaseDraft(
            kind=TicketKind.DEFECT,
            subject=subject,
            text=text,
            priority=TicketPriority.HIGH,
            order_number=order.number,
            conversation_id=talk.turn.conversation_id,
            files=talk.files,
        )
        returns, customer = self.services.returns, talk.customer_id
        done = await talk.do(
            "done",
            lambda key: returns.open_return(
                key, customer, order.number, by_line(pieces), wish, draft, faulty=True
            ),
        )
        if not done["done"]:
            return None
        due = talk.words.by(datetime.fromisoformat(done["due"]))
        return {"case": done["number"], "due": due}
