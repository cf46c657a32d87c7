"""Receipts and invoices, as files."""

import re

from actions.choosing import choose_order
from actions.dialogue import Dialogue, Option, Talk
from actions.filing import file_case, telling
from actions.hints import hints
from actions.say import Button
from actions.turn import Turn
from crm_bridge.documents.issuing import NothingPaid
from crm_bridge.models import DocumentKind, OrderState, PaymentState, TicketKind
from crm_bridge.operations.once import Result
from crm_bridge.orders import OrderView

KINDS = ("receipt", "invoice", "accounting")
UNPAID: Result = {"unpaid": True}
DETAILS = 5  # letters of an answer that tells anything
COMPANY = 10  # digits of a company's taxpayer number; a trader's has two more
_TAXPAYER = re.compile(r"\W*(?:(?:наш|мой)\s+)?(?:инн\W*)?(\d{10}|\d{12})\W*", re.IGNORECASE)
_WEIGHTS = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)


class GetInvoice(Dialogue):
    """Sends a sales receipt or an invoice; papers for accountants are made by people."""

    name = "get_invoice"

    async def tell(self, talk: Talk) -> None:
        await self._mind_company(talk)
        kind = await self._kind(talk)
        if kind == "accounting":
            await self._accounting(talk)
            return
        order = await choose_order(talk, _has_receipt if kind == "receipt" else _may_be_invoiced)
        if order is None:
            return
        issued = await talk.do("issue", lambda key: self._issue(key, talk.customer_id, order, kind))
        if issued == UNPAID:
            talk.say(
                "utter_receipt_unpaid", _other(talk, order, "invoice"), "human_agent", number=order.number
            )
            return
        media = {"key": issued["key"], "name": issued["name"], "type": issued["type"]}
        other = "invoice" if kind == "receipt" else "accounting"
        response = "utter_receipt" if kind == "receipt" else "utter_invoice"
        talk.document(response, media, _other(talk, order, other), number=order.number)

    async def _mind_company(self, talk: Talk) -> None:
        """A taxpayer number where an order is asked for: the invoice is for a company, people make it."""
        if talk.has("order") or not talk.has("kind") or not _names_company(talk.turn.text):
            return
        orders = await self.services.orders.of_customer(talk.customer_id)
        if talk.turn.text.strip() not in {order.number for order in orders}:
            talk.reopen("kind")
            talk.known("kind", "accounting")
            talk.known("details", talk.turn.text.strip())

    async def _kind(self, talk: Talk) -> str:
        options = [Option(kind, talk.words.text(f"button.paper.{kind}")) for kind in KINDS]
        pressed = talk.details.get("value")
        if said := pressed if pressed in KINDS else hints("get_invoice", talk.task.text):
            talk.known("kind", said)

        def read(turn: Turn) -> str | None:
            return hints("get_invoice", turn.text)

        return await talk.choose("kind", "utter_paper_which", options, "human_agent", read=read)

    async def _issue(self, key: str, customer_id: int, order: OrderView, kind: str) -> Result:
        documents = self.services.dealings.documents
        try:
            return await documents.issue(key, customer_id, order.number, DocumentKind(kind))
        except NothingPaid:
            return UNPAID

    async def _accounting(self, talk: Talk) -> None:
        """Delivery notes, acts, VAT invoices: what is needed is written down for the accountants."""
        details = await talk.ask("details", "utter_paper_details", telling(talk, DETAILS), "human_agent")
        subject = talk.words.text("case.papers")
        text = talk.words.text("case.papers.text", details=details, said=talk.task.text)
        opened = await file_case(
            talk, TicketKind.REQUEST, subject, text, order_number=talk.details.get("order_id")
        )
        talk.say("utter_paper_case", "human_agent", **opened)


def _names_company(text: str) -> bool:
    """Whether a message is a company's or a trader's taxpayer number (ИНН), told by its check digits."""
    found = _TAXPAYER.fullmatch(text)
    return found is not None and _checks(found[1])


def _checks(number: str) -> bool:
    """The last digit of ten, the last two of twelve, follow from those before."""
    digits = [int(digit) for digit in number]
    return all(
        sum(weight * digit for weight, digit in zip(_WEIGHTS[-at:], digits, strict=False)) % 11 % 10
        == digits[at]
        for at in ([9] if len(digits) == COMPANY else [10, 11])
    )


def _has_receipt(order: OrderView) -> bool:
    return order.payment is not None and order.payment.state is PaymentState.PAID


def _may_be_invoiced(order: OrderView) -> bool:
    return order.state is not OrderState.CANCELLED


def _other(talk: Talk, order: OrderView, kind: str) -> Button:
    """A button for another paper of the same order."""
    title = talk.words.text(f"button.paper.{kind}")
    return Button(title, "get_invoice", (("order_id", order.number), ("value", kind)))
