"""Points of the loyalty programme."""

from actions.dialogue import Dialogue, Talk
from actions.filing import file_case
from actions.hints import hints
from crm_bridge.models import TicketKind
from crm_bridge.money import Money
from crm_bridge.points import AccountView

BURNINGS = 3  # dates at which points burn, told at once
NOTES = 2


class LoyaltyPoints(Dialogue):
    """How many points there are, what burns when, and where those are that did not come."""

    name = "loyalty_points"

    async def tell(self, talk: Talk) -> None:
        account = await self.services.dealings.loyalty.read(talk.customer_id, self.services.clock.now())
        if account is None:
            talk.say("utter_points_no_account", "place_order", "human_agent")
            return
        notes = [
            note.text.to(talk.words.language)
            for note in self.services.company.loyalty.notes
            if note.suits(talk.task.text)
        ][:NOTES]
        missing = hints("loyalty_points", talk.task.text) == "missing"
        details = "\n".join([*self._standing(talk, account), *notes])
        if not missing:
            talk.say("utter_points", "promo_code", "human_agent", details=details)
            return
        details = "\n".join([details, *self._history(talk, account)])
        talk.say("utter_points", details=details)
        if not await talk.confirm("check", "utter_points_check", "human_agent", yes="button.points.check"):
            talk.say("utter_points_no_check")
            return
        text = talk.words.text("case.points.text", details=details, said=talk.task.text)
        opened = await file_case(talk, TicketKind.REQUEST, talk.words.text("case.points"), text)
        talk.say("utter_points_case", "human_agent", **opened)

    def _standing(self, talk: Talk, account: AccountView) -> list[str]:
        words, rules = talk.words, self.services.company.loyalty
        lines = [
            words.text("points.balance", points=words.count("points", account.balance), card=account.number)
        ]
        worth = rules.worth.get(account.currency or "")
        if worth and account.balance:
            value = words.money(Money(worth * account.balance, account.currency or ""))
            lines.append(words.text("points.worth", value=value, share=rules.share_percent))
        if tier := rules.tier(account.tier):
            percent = f"{tier.percent:f}"
            lines.append(words.text("points.tier", tier=tier.name.to(words.language), percent=percent))
        for burn in account.burns[:BURNINGS]:
            if burn.expires_at:
                points = words.count("points", burn.points)
                lines.append(words.text("points.burn", points=points, when=words.until(burn.expires_at)))
        if not account.burns:
            lines.append(words.text("points.none_burn"))
        return lines

    def _history(self, talk: Talk, account: AccountView) -> list[str]:
        """The last movements, and delivered orders whose points have not come."""
        words, now = talk.words, self.services.clock.now()
        lines = [words.text("points.history")] if account.last else []
        for entry in account.last:
            order = words.text("points.order", number=entry.order_number) if entry.order_number else ""
            reason = words.text(f"points.{entry.reason}")
            lines.append(
                words.text(
                    "points.entry",
                    points=f"{entry.points:+d}".replace("-", "−"),
                    reason=f"{reason}{order}",
                    at=words.until(entry.at),
                )
            )
        for number, delivered_at in account.waiting:
            due = delivered_at + self.services.company.loyalty.comes_after
            key = "points.soon" if due > now else "points.late"
            lines.append(words.text(key, number=number, due=words.until(due)))
        return lines
