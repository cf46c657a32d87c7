"""How to pay, and what became of a payment."""

from actions.choosing import choose_order
from actions.dialogue import Dialogue, Option, Talk
from actions.filing import file_case, telling
from actions.hints import hints
from actions.turn import Turn
from crm_bridge.models import TicketKind, TicketPriority
from crm_bridge.orders import OrderView
from crm_bridge.payments import Finding, PaymentSeen, examine

MEANT = 3  # ways to pay that one answer explains
KINDS = ("declined", "twice", "uncredited", "other")
DETAILS = 3  # letters of an answer that tells anything
SETTLED = frozenset({Finding.PAID, Finding.ON_DELIVERY, Finding.REFUNDED})


class PaymentMethods(Dialogue):
    """How one can pay; when a way is named, how it works or that it is not taken."""

    name = "payment_methods"
    personal = False

    async def tell(self, talk: Talk) -> None:
        methods, language = self.services.company.payment.methods, talk.words.language
        meant = [one for one in methods if one.suits(talk.task.text)][:MEANT]
        others = [one.name.to(language) for one in methods if one.taken and one not in meant]
        if meant:
            about = "\n".join(one.text.to(language) for one in meant)
            talk.say(
                "utter_payment_method",
                "place_order",
                "human_agent",
                about=about,
                others=", ".join(others),
            )
            return
        listed = "\n".join(f"• {name}" for name in others)
        talk.say("utter_payment_methods", "place_order", "payment_issue", "human_agent", methods=listed)


class PaymentIssue(Dialogue):
    """Declined, charged twice, paid but not credited: looks at the payments and says what it sees."""

    name = "payment_issue"
    rests_on_crm = True

    async def tell(self, talk: Talk) -> None:
        kind = await self._kind(talk)
        if kind == "other":
            await self._report(talk, kind)
            return
        order = await choose_order(talk, lambda one: True)
        if order is None:
            return
        payments = await self.services.dealings.payments.of_order(talk.customer_id, order.number)
        finding = examine(payments, order.total)
        if kind == "twice" or finding is Finding.TWICE:
            await self._charged_twice(talk, order, payments, finding)
        elif kind == "uncredited" and finding not in SETTLED:
            self._say_seen(talk, order, payments, finding)
            await self._report(talk, kind, order, payments)
        else:
            self._say_seen(talk, order, payments, finding, "track_order", "payment_methods", "human_agent")

    async def _kind(self, talk: Talk) -> str:
        options = [Option(kind, talk.words.text(f"button.payment.{kind}")) for kind in KINDS]
        if said := hints("payment_issue", talk.task.text):
            talk.known("kind", said)

        def read(turn: Turn) -> str | None:
            return hints("payment_issue", turn.text)

        return await talk.choose("kind", "utter_payment_what", options, "human_agent", read=read)

    async def _charged_twice(
        self, talk: Talk, order: OrderView, payments: list[PaymentSeen], finding: Finding
    ) -> None:
        self._say_seen(talk, order, payments, finding)
        if finding is not Finding.TWICE and not await talk.confirm(
            "check", "utter_payment_check", yes="button.payment.check", no="button.payment.wait"
        ):
            talk.say("utter_payment_wait", "human_agent")
            return
        text = talk.words.text("case.payment.seen", seen=self._lines(talk, payments))
        await self._open_case(talk, "twice", text, order)

    async def _report(
        self,
        talk: Talk,
        kind: str,
        order: OrderView | None = None,
        payments: list[PaymentSeen] | None = None,
    ) -> None:
        """Ask what the bank says, and let people look for the money."""
        details = await talk.ask("details", "utter_payment_details", telling(talk, DETAILS), "human_agent")
        text = talk.words.text(
            "case.payment.told", seen=self._lines(talk, payments or []), details=details, said=talk.task.text
        )
        await self._open_case(talk, kind, text, order)

    async def _open_case(self, talk: Talk, kind: str, text: str, order: OrderView | None) -> None:
        number = order.number if order else None
        subject = talk.words.text(f"case.payment.{kind}", number=number or "—")
        opened = await file_case(
            talk, TicketKind.REQUEST, subject, text, priority=TicketPriority.HIGH, order_number=number
        )
        talk.say("utter_payment_case", "human_agent", **opened)

    def _say_seen(
        self,
        talk: Talk,
        order: OrderView,
        payments: list[PaymentSeen],
        finding: Finding,
        *buttons: str,
    ) -> None:
        """What the payments say, them listed below."""
        rules = self.services.company.payment
        told = talk.words.text(
            f"finding.{finding}",
            number=order.number,
            total=talk.words.money(order.total),
            hold=talk.words.days(rules.hold),
            url=rules.pay_url.format(number=order.number),
        )
        talk.say("utter_payment_seen", *buttons, told=told, seen=self._lines(talk, payments))

    def _lines(self, talk: Talk, payments: list[PaymentSeen]) -> str:
        words = talk.words
        if not payments:
            return words.text("payment.none")
        return "\n".join(
            words.text(
                "payment.line",
                amount=words.money(one.amount),
                method=words.text(f"method.{one.method}")
                + (f" •••• {one.last_four}" if one.last_four else ""),
                at=words.at(one.at),
                state=words.text(f"payment.{one.state}"),
            )
            for one in payments
        )
