"""Another plan: what it costs and until when the paid money lasts is said before anything is done."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from actions.dialogue import Option, Talk
from actions.turn import Turn
from crm_bridge.company.plans import Plan
from crm_bridge.models import SubscriptionState
from crm_bridge.money import Money
from crm_bridge.subscriptions import Quote, SubscriptionView, quote


async def change_plan(talk: Talk, subscription: SubscriptionView) -> None:
    """Choose a plan of the same family, show the quote, and change when the customer agrees."""
    known = talk.services.company.plans.of_title(subscription.title)
    if known is None and not talk.has("quote"):  # the company sells it no more: people make an offer
        talk.hand_over("utter_plan_by_people", "plan_change", title=subscription.title)
    if subscription.state is not SubscriptionState.ACTIVE:
        talk.say("utter_plan_not_active", "manage_subscription", "human_agent", title=subscription.title)
        return
    if known and len(known[0].plans) < 2:
        talk.say("utter_plan_only_one", "human_agent", title=subscription.title)
        return
    plan = await _plan(talk, subscription)
    seen, agreed = _quote(talk, subscription, plan)
    words = talk.words
    price = plan.price(subscription.price.currency)
    assert price is not None  # only such plans are offered
    values = {
        "title": plan.title.to(words.language),
        "old": seen.title,
        "price": words.text(f"price.{plan.period}", price=words.money(price)),
        "next": words.money(price),
        "until": words.until(agreed.paid_until),
        "credit": words.money(agreed.credit),
        "was": words.until(seen.paid_until),
    }
    response = "utter_plan_confirm" if not subscription.ends else "utter_plan_confirm_ending"
    sure = await talk.confirm(
        "sure", response, "human_agent", yes="button.plan.change", no="button.plan.keep", **values
    )
    if not sure:
        talk.say("utter_subscription_kept", "manage_subscription", title=seen.title)
        return
    operations = talk.services.dealings.subscription_operations
    done = await talk.do(
        "change",
        lambda key: operations.change_plan(key, talk.customer_id, seen, plan, words.language, agreed),
    )
    if done["done"]:
        talk.say("utter_plan_changed", "manage_subscription", **values)
    else:
        talk.say(
            "utter_subscription_changed_meanwhile", "manage_subscription", "human_agent", title=values["old"]
        )


async def _plan(talk: Talk, subscription: SubscriptionView) -> Plan:
    plans = _others(talk, subscription)
    words = talk.words
    options = [
        Option(one.key, f"{one.title.to(words.language)} — {_price(talk, one, subscription)}")
        for one in plans
    ]
    named = f"{talk.task.text} {talk.details.get('plan', '')}"
    if not talk.reopened("plan") and (meant := _meant(named, plans)):
        talk.known("plan", meant.key)

    def read(turn: Turn) -> str | None:
        found = _meant(f"{turn.text} {turn.entities.get('plan', '')}", plans)
        return found.key if found else None

    key = await talk.choose(
        "plan", "utter_plan_which", options, "human_agent", read=read, title=subscription.title
    )
    plan = talk.services.company.plans.plan(key)
    assert plan is not None  # one of the options
    return plan


def _others(talk: Talk, subscription: SubscriptionView) -> list[Plan]:
    """Plans of the same family that are sold in the subscription's currency."""
    rules = talk.services.company.plans
    known = rules.of_title(subscription.title)
    if known is None:
        return []
    family, now = known
    return [one for one in family.plans if one is not now and one.price(subscription.price.currency)]


def _meant(text: str, plans: list[Plan]) -> Plan | None:
    """The plan that a text names; None when it is none or several."""
    said = text.lower().replace("ё", "е").split()
    found = [plan for plan in plans if any(word.startswith(plan.words) for word in said)]
    return found[0] if len(found) == 1 else None


def _quote(talk: Talk, subscription: SubscriptionView, plan: Plan) -> tuple[SubscriptionView, Quote]:
    """The subscription and the quote that were shown: what is agreed is what is done, or nothing is."""
    price = plan.price(subscription.price.currency)
    assert price is not None
    fresh = quote(
        subscription.price,
        subscription.period,
        subscription.paid_until,
        price,
        plan.period,
        talk.services.clock.now(),
    )
    fact: dict[str, Any] = {
        "title": subscription.title,
        "price": subscription.price.minor,
        "was": subscription.paid_until.isoformat(),
        "credit": fresh.credit.minor,
        "until": fresh.paid_until.isoformat(),
    }
    shown, currency = talk.known("quote", fact), subscription.price.currency
    seen = replace(
        subscription,
        title=shown["title"],
        price=Money(shown["price"], currency),
        paid_until=datetime.fromisoformat(shown["was"]),
    )
    return seen, Quote(Money(shown["credit"], currency), datetime.fromisoformat(shown["until"]))


def _price(talk: Talk, plan: Plan, subscription: SubscriptionView) -> str:
    price = plan.price(subscription.price.currency)
    assert price is not None
    return talk.words.text(f"price.{plan.period}", price=talk.words.money(price))
