"""Subscriptions: where they stand, another plan, a pause, an end."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from actions.dialogue import Dialogue, Option, Talk
from actions.hints import hints
from actions.plan_change import change_plan
from actions.say import Button
from crm_bridge.models import SubscriptionState
from crm_bridge.operations.once import Result
from crm_bridge.subscriptions import SubscriptionView

AGREEING = "agreeing"  # a fact: the customer was asked whether they are sure
WISHES = ("status", "plans", "change", "pause", "resume", "renew")
SET = {  # the question and how it is answered, by what is done
    "pause": ("utter_subscription_pause_confirm", "utter_subscription_pause_done"),
    "resume": ("utter_subscription_resume_confirm", "utter_subscription_resume_done"),
    "renew": ("utter_subscription_renew_confirm", "utter_subscription_renew_done"),
}
NOTES = 2
Operation = Callable[[str, int, int], Awaitable[Result]]


class ManageSubscription(Dialogue):
    """Status, price and renewal; change of plan with its price first; pause, and going on."""

    name = "manage_subscription"
    cancels = "cancel_subscription"
    states_price = True

    async def tell(self, talk: Talk) -> None:
        wish = _wish(talk)
        mine = await _running(talk)
        if wish == "plans" or not mine:
            self._tell_plans(talk, has_some=bool(mine))
            return
        suits = {"resume": _is_paused, "pause": _is_active, "change": _is_active}.get(wish, _any)
        subscription = await choose_subscription(talk, mine, suits)
        # Once it is asked, the operation itself decides: an action may be asked again after its deed.
        renews_already = wish == "renew" and not subscription.ends and not talk.has(AGREEING)
        if wish == "change":
            await change_plan(talk, subscription)
        elif wish == "status" or renews_already:
            self._tell_status(talk, subscription)
        else:
            talk.known(AGREEING, True)
            await self._set(talk, subscription, wish)

    def _tell_status(self, talk: Talk, subscription: SubscriptionView) -> None:
        rules = self.services.company.plans
        notes = [note.text.to(talk.words.language) for note in rules.notes if note.suits(talk.task.text)]
        details = "\n".join([*status_lines(talk, subscription), *notes[:NOTES]])
        buttons: list[str | Button] = []
        if subscription.state is SubscriptionState.ACTIVE:
            buttons = [_button(talk, "change", subscription), _button(talk, "pause", subscription)]
        if subscription.state is SubscriptionState.PAUSED:
            buttons = [_button(talk, "resume", subscription)]
        elif subscription.ends:
            buttons.append(_button(talk, "renew", subscription))
        if subscription.state is not SubscriptionState.CANCELLED:
            buttons.append("cancel_subscription")
        talk.say("utter_subscription", *buttons, "human_agent", title=subscription.title, details=details)

    def _tell_plans(self, talk: Talk, *, has_some: bool) -> None:
        """What can be subscribed to, in the currency of the language's readers."""
        rules, words = self.services.company.plans, talk.words
        currency = "RUB" if words.language == "ru" else "GBP"
        lines = []
        for family in rules.families:
            lines.append(f"{family.name.to(words.language)}:")
            for plan in family.plans:
                if price := plan.price(currency):
                    told = words.text(f"price.{plan.period}", price=words.money(price))
                    lines.append(f"• {plan.about.to(words.language)} — {told}")
        response = "utter_plans" if has_some else "utter_no_subscriptions"
        talk.say(response, "human_agent", plans="\n".join(lines), url=rules.url)

    async def _set(self, talk: Talk, subscription: SubscriptionView, wish: str) -> None:
        """Pause it, go on, or let it renew by itself."""
        operations = self.services.dealings.subscription_operations
        deeds: dict[str, Operation] = {
            "pause": operations.pause,
            "resume": operations.resume,
            "renew": operations.renew,
        }
        question, answer = SET[wish]
        price = talk.words.text(f"price.{subscription.period}", price=talk.words.money(subscription.price))
        until = talk.words.until(subscription.paid_until)
        values = {"title": subscription.title, "until": until, "price": price}
        sure = await talk.confirm(
            "sure",
            question,
            "human_agent",
            yes=f"button.subscription.{wish}",
            **values,
        )
        if not sure:
            talk.say("utter_subscription_kept", "manage_subscription", title=subscription.title)
            return
        done = await talk.do(wish, lambda key: deeds[wish](key, talk.customer_id, subscription.id))
        response = answer if done["done"] else "utter_subscription_changed_meanwhile"
        until = talk.words.until(datetime.fromisoformat(done["paid_until"]))
        talk.say(response, "manage_subscription", "human_agent", **values | {"until": until})


class CancelSubscription(Dialogue):
    """Ends a subscription in two steps at most: which one, and yes."""

    name = "cancel_subscription"

    async def tell(self, talk: Talk) -> None:
        mine = await _running(talk)
        if not mine:
            talk.say("utter_no_subscription_runs", "manage_subscription", "human_agent")
            return
        subscription = await choose_subscription(talk, mine, lambda one: not one.ends)
        until = talk.words.until(subscription.paid_until)
        values = {"title": subscription.title, "until": until}
        if subscription.ends and not talk.has(AGREEING):
            talk.say("utter_subscription_ends_already", _button(talk, "renew", subscription), **values)
            return
        talk.known(AGREEING, True)
        sure = await talk.confirm(
            "sure",
            "utter_subscription_cancel_confirm",
            yes="button.subscription.cancel",
            no="button.subscription.keep",
            **values,
        )
        if not sure:
            talk.say("utter_subscription_kept", "manage_subscription", title=subscription.title)
            return
        operations = self.services.dealings.subscription_operations
        done = await talk.do("cancel", lambda key: operations.cancel(key, talk.customer_id, subscription.id))
        until = talk.words.until(datetime.fromisoformat(done["paid_until"]))
        talk.say("utter_subscription_cancelled", "human_agent", **values | {"until": until})


async def choose_subscription(
    talk: Talk, mine: list[SubscriptionView], suits: Callable[[SubscriptionView], bool]
) -> SubscriptionView:
    """Which one is meant: named by a button or its words, the only one that suits, or chosen."""
    candidates = [one for one in mine if suits(one)] or mine
    _, _, pressed = talk.details.get("value", "").partition(":")
    named = [one for one in mine if str(one.id) == pressed] or _named(talk.task.text, candidates)
    if not talk.reopened("subscription") and len(granted := named or candidates) == 1:
        talk.known("subscription", str(granted[0].id))
    options = [Option(str(one.id), one.title) for one in candidates]
    key = await talk.choose("subscription", "utter_subscription_which", options, "human_agent")
    return next((one for one in mine if str(one.id) == key), candidates[0])


def status_lines(talk: Talk, subscription: SubscriptionView) -> list[str]:
    """Price, what happens when, and with which card."""
    words, now = talk.words, talk.services.clock.now()
    price = words.text(f"price.{subscription.period}", price=words.money(subscription.price))
    until = words.until(subscription.paid_until)
    lines = [words.text("subscription.price", price=price)]
    if subscription.state is SubscriptionState.PAUSED:
        return [*lines, words.text("subscription.paused")]
    if subscription.ends:
        return [*lines, words.text("subscription.ends", until=until)]
    if subscription.paid_until <= now:
        return [*lines, words.text("subscription.overdue", until=until)]
    card = f" •••• {subscription.last_four}" if subscription.last_four else ""
    return [*lines, words.text("subscription.renews", until=until, card=card)]


async def _running(talk: Talk) -> list[SubscriptionView]:
    now = talk.services.clock.now()
    every = await talk.services.dealings.subscriptions.of_customer(talk.customer_id)
    return [one for one in every if one.runs(now) or talk.task.facts.get("subscription") == str(one.id)]


def _wish(talk: Talk) -> str:
    """What the customer wants of it, by a button, by a plan's name or by their words."""
    pressed, _, _ = talk.details.get("value", "").partition(":")
    if pressed in WISHES:
        return pressed
    if any(note.suits(talk.task.text) for note in talk.services.company.plans.notes):
        return "status"  # answered there
    said = hints("subscription", talk.task.text)
    if said is None and "plan" in talk.details:
        return "change"
    return said or "status"


def _named(text: str, candidates: list[SubscriptionView]) -> list[SubscriptionView]:
    """Those of whose titles the text has a word: «отмените фильтры»."""
    said = text.lower()
    return [one for one in candidates if any(word[:5] in said for word in _long_words(one.title))]


def _long_words(title: str) -> list[str]:
    return [word for word in title.lower().replace(",", " ").split() if len(word) >= 5]


def _button(talk: Talk, wish: str, subscription: SubscriptionView) -> Button:
    title = talk.words.text(f"button.subscription.{wish}")
    return Button(title, ManageSubscription.name, (("value", f"{wish}:{subscription.id}"),))


def _is_active(subscription: SubscriptionView) -> bool:
    return subscription.state is SubscriptionState.ACTIVE


def _is_paused(subscription: SubscriptionView) -> bool:
    return subscription.state is SubscriptionState.PAUSED


def _any(_subscription: SubscriptionView) -> bool:
    return True
