"""What may be given back, and where the money is."""

from actions.answers import notes_on
from actions.dialogue import Dialogue, Talk
from actions.filing import file_case
from actions.returning import already_open
from crm_bridge.models import RefundState, TicketKind, TicketPriority
from crm_bridge.orders import order_number
from crm_bridge.refunds import ENDED, RefundView

TOLD = 3  # refunds told at once


class RefundPolicy(Dialogue):
    """The rules of returns; the question of the message first."""

    name = "refund_policy"
    personal = False

    async def tell(self, talk: Talk) -> None:
        rules, language, words = self.services.company.returns, talk.turn.language, talk.words
        notes = notes_on(talk, rules.notes)
        accepted = ", ".join(words.text(f"condition.{one}").lower() for one in rules.accepted)
        talk.say(
            "utter_refund_policy",
            "return_item",
            "damaged_or_wrong_item",
            "warranty_repair",
            "human_agent",
            notes=f"{notes}\n" if notes else "",
            days=words.count("days", rules.days),
            accepted=accepted,
            faulty=words.count("days", rules.faulty_days),
            never=rules.never.to(language),
            cost=rules.cost.to(language),
            needed=rules.needed.to(language),
            money=words.count("days", rules.refund_days),
        )


class TrackRefund(Dialogue):
    """Where the money is: what was asked for, promised, paid; what is overdue is put right."""

    name = "track_refund"
    rests_on_crm = True

    async def tell(self, talk: Talk) -> None:
        refunds = await self._refunds(talk)
        if not refunds:
            talk.say("utter_no_refunds", "return_item", "list_orders", "human_agent")
            return
        now = self.services.clock.now()
        late = next((refund for refund in refunds if refund.is_overdue(now)), None)
        lines = "\n".join(self._line(talk, refund) for refund in refunds)
        if late is None:
            talk.say("utter_refunds", "human_agent", lines=lines)
        else:
            await self._hasten(talk, late, lines)

    async def _refunds(self, talk: Talk) -> list[RefundView]:
        """Those of the named order, else all that are not over, else the last one."""
        refunds = await self.services.refunds.of_customer(talk.customer_id)
        named = talk.details.get("order_id")
        of_named = [one for one in refunds if named and one.order_number == order_number(named)]
        going_on = [refund for refund in refunds if refund.state not in ENDED]
        return (of_named or going_on or refunds[:1])[:TOLD]

    def _line(self, talk: Talk, refund: RefundView) -> str:
        rules, words = self.services.company.returns, talk.words
        what = "refund.of_order" if refund.order_number else "refund.of_none"
        key: str = refund.state
        if refund.state is RefundState.APPROVED:
            key = "overdue" if refund.is_overdue(self.services.clock.now()) else "approved"
            key = key if refund.promised_at else "approved_no_date"
        state = words.text(
            f"refund.{key}",
            asked=words.until(refund.requested_at),
            promised=words.until(refund.promised_at) if refund.promised_at else "",
            paid=words.until(refund.paid_at) if refund.paid_at else "",
            days=words.count("days", rules.refund_days),
            bank=words.count("days", rules.bank_days),
        )
        return words.text(
            what, number=refund.order_number or "", amount=words.money(refund.amount), state=state
        )

    async def _hasten(self, talk: Talk, late: RefundView, lines: str) -> None:
        """Apologise and let people see to it, once."""
        subject = talk.words.text("case.refund", number=late.order_number or "—")
        known = await already_open(talk, subject, late.order_number)
        if known is not None:
            due = talk.words.by(known.due_at) if known.due_at else talk.words.text("case.soon")
            values = {"case": known.number, "due": due}
            talk.known("case", known.number)  # people see to it: how the help was is asked later
        else:
            kind, high = TicketKind.COMPLAINT, TicketPriority.HIGH
            values = await file_case(
                talk, kind, subject, lines, priority=high, order_number=late.order_number
            )
        talk.say("utter_refund_overdue", "human_agent", lines=lines, **values)
