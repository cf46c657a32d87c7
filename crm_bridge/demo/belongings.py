"""What the demo company's customers have: cards, subscriptions, points, things, refunds on their way."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from crm_bridge.demo.catalogue import read
from crm_bridge.demo.clients import DAY, Bought, Client, in_russian, minutes_between
from crm_bridge.demo.inserting import Row
from crm_bridge.models import (
    LoyaltyReason,
    OrderState,
    PaymentMethod,
    Period,
    RefundState,
    SubscriptionState,
)

YEAR = 365 * DAY
POINTS_LIVE = 180 * DAY
REFUND_WITHIN = 10 * DAY  # the Russian consumer-protection law gives the seller ten days
CASHBACK = 0.03
PAUSED_FOR = 5 * DAY


def description(rng: Random, client: Client, now: datetime) -> Row:
    """What stands on the customer's own row."""
    last = max((order.placed_at for order in client.orders), default=client.since)
    segment = "sleeping" if now - last > 200 * DAY else rng.choice(("new", "regular", "regular", "loyal"))
    chosen = rng.random()
    return {
        "segment": client.certain.get("segment", segment),
        "vip": client.certain.get("vip", rng.random() < 0.04),
        "preferred_channel": rng.choice(("sms", "email", "telegram")) if chosen < 0.55 else None,
        "preferred_from": 10 if chosen < 0.3 else None,
        "preferred_until": 20 if chosen < 0.3 else None,
        "do_not_disturb": chosen > 0.985 and not client.certain,
    }


def methods(rng: Random, client: Client, now: datetime) -> Iterator[Row]:
    """The card that the customer left, if they did."""
    ends_in = client.certain.get("card_ends_in") or rng.randint(-20, 1200)
    last_four, left = f"{rng.randrange(10**4):04}", rng.random() < 0.6
    if left or client.certain:
        yield {
            "customer_id": client.id,
            "method": PaymentMethod.CARD,
            "last_four": last_four,
            "expires_at": now + ends_in * DAY,
            "is_default": True,
            "created_at": client.since + minutes_between(rng, DAY, 60 * DAY),
        }


def subscriptions(rng: Random, client: Client, now: datetime, card_of: dict[int, int]) -> Iterator[Row]:
    """What the customer gets again and again."""
    offer = rng.choice(read("relations")["subscriptions"])
    ends_in = rng.randint(1, 30)
    state = rng.choices(list(SubscriptionState), weights=(70, 8, 12, 10))[0]
    certain: int | None = client.certain.get("subscription_ends_in")
    if rng.random() > 0.25 and certain is None:
        return
    if certain is not None:
        state, ends_in = SubscriptionState.ACTIVE, certain
    over = state is SubscriptionState.ENDED
    rate = read("goods")["rates"][client.currency]
    yield {
        "customer_id": client.id,
        "title": offer[client.language],
        "state": state,
        "price_minor": offer["price"] * 100 // rate,
        "currency": client.currency,
        "period": Period.MONTH,
        "renews": state is SubscriptionState.ACTIVE and certain is None,
        "payment_method_id": card_of.get(client.id),
        "started_at": now - minutes_between(rng, 60 * DAY, 300 * DAY),
        "paid_until": now + (-ends_in if over else ends_in) * DAY,
        "cancelled_at": now - minutes_between(rng, DAY, 20 * DAY)
        if state is SubscriptionState.CANCELLED
        else None,
        "paused_at": now - PAUSED_FOR if state is SubscriptionState.PAUSED else None,
    }


def loyalty_account(client: Client) -> Row:
    """The customer's card of the loyalty programme."""
    spent = sum(order.roubles for order in client.delivered)
    tier = next(name for least, name in read("relations")["tiers"] if spent >= least)
    return {
        "customer_id": client.id,
        "number": f"ZB-{client.ref.removeprefix('demo-').upper()}",
        "tier": tier,
        "opened_at": client.since,
    }


def loyalty_entries(client: Client, account_id: int, now: datetime) -> Iterator[Row]:
    """Points for what was delivered; they live for half a year."""
    base = {"account_id": account_id, "customer_id": client.id}
    for order in client.delivered:
        assert order.delivered_at is not None
        points, end = max(1, int(order.roubles * CASHBACK)), order.delivered_at + POINTS_LIVE
        told = {"points": points, "reason": LoyaltyReason.EARNED, "order_id": order.id}
        yield base | told | {"at": order.delivered_at, "expires_at": end}
        if end <= now:
            gone = {"points": -points, "reason": LoyaltyReason.BURNT, "order_id": None}
            yield base | gone | {"at": end, "expires_at": None}
    if given := client.certain.get("points"):
        gift = {"points": given, "reason": LoyaltyReason.GIFT, "order_id": None}
        end = now + client.certain["points_burn_in"] * DAY
        yield base | gift | {"at": end - POINTS_LIVE, "expires_at": end}


def refunds(rng: Random, client: Client, now: datetime) -> Iterator[Row]:
    """Money back for what was returned, and for what was paid and cancelled."""
    for order in client.orders:
        if order.state not in {OrderState.RETURNED, OrderState.CANCELLED}:
            continue
        asked = min((order.delivered_at or order.placed_at) + 3 * DAY, now - timedelta(hours=1))
        overdue = bool(client.certain.get("refund_overdue")) and order.state is OrderState.RETURNED
        if overdue:
            asked = now - REFUND_WITHIN - 4 * DAY
        yield _refund(rng, client, order, asked, now, overdue)


def _refund(rng: Random, client: Client, order: Bought, asked: datetime, now: datetime, overdue: bool) -> Row:
    paid = asked + minutes_between(rng, DAY, 9 * DAY)
    is_paid = paid < now and not overdue
    return {
        "customer_id": client.id,
        "order_id": order.id,
        "state": RefundState.PAID if is_paid else RefundState.APPROVED,
        "amount_minor": order.total,
        "currency": order.currency,
        "reason": rng.choice(read("relations")["refunds"][client.language]),
        "requested_at": asked,
        "promised_at": asked + REFUND_WITHIN,
        "paid_at": paid if is_paid else None,
    }


def assets(rng: Random, client: Client, now: datetime) -> Iterator[Row]:
    """Things that last, out of what was delivered."""
    durable = read("relations")["durable"]
    bought = [
        (order.id, order.delivered_at, title)
        for order in client.delivered
        for title in order.titles
        if order.delivered_at and in_russian(title) in durable
    ]
    things: list[tuple[int | None, datetime, str]] = [*bought]
    if thing := client.certain.get("thing"):
        things.append((None, now - 340 * DAY, thing))
    for order_id, at, title in things:
        yield _asset(rng, client, order_id, at, title, now)


def _asset(rng: Random, client: Client, order_id: int | None, at: datetime, title: str, now: datetime) -> Row:
    kind = read("relations")["durable"][in_russian(title)]
    age = now - at
    usage = int(rng.uniform(*kind["usage"]) * (age / YEAR)) if "usage" in kind else None
    cared = age > 120 * DAY and "days" in kind and rng.random() < 0.5
    return {
        "customer_id": client.id,
        "order_id": order_id,
        "title": title,
        "serial_number": f"SN{rng.randrange(10**11, 10**12)}",
        "bought_at": at,
        "warranty_until": at + kind["warranty"] * YEAR,
        "usage": usage,
        "usage_unit": kind.get("unit"),
        "usage_at": None if usage is None else now - minutes_between(rng, DAY / 24, 2 * DAY),
        "maintenance_days": kind.get("days"),
        "maintenance_usage": kind.get("every"),
        "maintained_at": at + age / 2 if cared else None,
        "maintained_usage": usage // 2 if cared and usage is not None else None,
    }
