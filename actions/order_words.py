"""How an order reads: which response of the domain, and the pieces that go into it."""

from datetime import datetime

from actions.wording import Wording
from crm_bridge.models import CLOSED, CheckpointKind, OrderState, PaymentMethod, PaymentState
from crm_bridge.orders import CheckpointView, OrderView

UNPAID = frozenset({PaymentState.PENDING, PaymentState.FAILED})
ON_THE_WAY = frozenset({OrderState.SHIPPED, OrderState.IN_DELIVERY})
HERE = frozenset({CheckpointKind.READY_FOR_PICKUP, CheckpointKind.DELIVERED})


def response(order: OrderView) -> str:
    """The response of the domain that tells where the order stands."""
    if order.state is OrderState.NEW and _waits_for_payment(order):
        return "utter_order_unpaid"
    return f"utter_order_{order.state}"


def values(words: Wording, order: OrderView, now: datetime) -> dict[str, str]:
    """What the responses about an order may mention."""
    return {
        "number": order.number,
        "total": words.money(order.total),
        "details": "\n".join(_details(words, order, now)),
        "timing": timing(words, order, now),
        "delivered": words.on(order.delivered_at) if order.delivered_at else "",
    }


def delay(words: Wording, order: OrderView, now: datetime) -> dict[str, str]:
    """What the response about a late order mentions: the promise, the reason, the new date."""
    assert order.promised_at is not None
    lines = [f"{_reason(words, order)} {_new_date(words, order, now)}"]
    if last := _last_checkpoint(words, order):
        lines.append(last)
    return {
        "number": order.number,
        "promised": _promised(words, order, now),
        "details": "\n".join(lines),
    }


def timing(words: Wording, order: OrderView, now: datetime) -> str:
    """When the order comes, beside what was promised."""
    promised, expected = order.promised_at, order.expected_at
    if expected is not None and expected < now and words.is_past_day(expected):
        expected = None  # the carrier's date is over and nothing came: it is no date any more
    unknown = words.text("timing.unknown")
    if promised is None:
        return words.text("timing.expected", expected=words.on(expected)) if expected else unknown
    if expected is None and order.lateness(now):
        return words.text("timing.overdue", promised=words.on(promised))
    if expected is None:
        return words.text("timing.promised", promised=words.day(promised))
    if words.same_day(promised, expected):
        return words.text("timing.on_plan", expected=words.on(expected))
    key = "timing.earlier" if expected < promised else "timing.later"
    return words.text(key, expected=words.on(expected), promised=words.on(promised))


def _details(words: Wording, order: OrderView, now: datetime) -> list[str]:
    if order.state in CLOSED:
        return []
    if order.state is OrderState.READY_FOR_PICKUP:
        return _pickup(words, order)
    lines = [timing(words, order, now)]
    if follows := _next_step(words, order):
        lines.append(follows)
    if order.state in ON_THE_WAY:
        lines += [line for line in (_last_checkpoint(words, order), _tracking(words, order)) if line]
    return lines


def _pickup(words: Wording, order: OrderView) -> list[str]:
    place = ", ".join(part for part in (order.delivery_city, order.delivery_place) if part)
    lines = [words.text("pickup.place", place=place)]
    if order.keep_until:
        lines.append(words.text("pickup.keep_until", until=words.until(order.keep_until)))
    return lines


def _next_step(words: Wording, order: OrderView) -> str | None:
    if order.state is OrderState.SHIPPED:
        return words.text(f"next.shipped.{order.delivery_method}")
    if order.state is OrderState.NEW and _waits_for_payment(order):
        return None
    return words.find(f"next.{order.state}")


def _last_checkpoint(words: Wording, order: OrderView) -> str | None:
    if order.shipment is None or not order.shipment.checkpoints:
        return None
    return _checkpoint(words, order.shipment.checkpoints[0])


def _checkpoint(words: Wording, point: CheckpointView) -> str:
    what, at = words.text(f"checkpoint.{point.kind}"), words.at(point.at)
    if not point.place:
        return words.text("checkpoint.line_without_place", what=what, at=at)
    return words.text("checkpoint.line", what=what, place=point.place, at=at)


def _tracking(words: Wording, order: OrderView) -> str | None:
    if order.shipment is None:
        return None
    return words.text(
        "parcel.tracking", tracking=order.shipment.tracking_number, carrier=order.shipment.carrier
    )


def _reason(words: Wording, order: OrderView) -> str:
    if order.delay_cause is not None:
        return words.text(f"reason.{order.delay_cause}")
    return words.text("reason.unknown" if order.shipment else "reason.not_sent")


def _new_date(words: Wording, order: OrderView, now: datetime) -> str:
    if order.expected_at is None or order.expected_at < now:
        return words.text("new_date.unknown")
    assert order.promised_at is not None
    same = words.same_day(order.promised_at, order.expected_at)
    expected = words.by(order.expected_at) if same else words.on(order.expected_at)
    return words.text("new_date.known", expected=expected)


def _promised(words: Wording, order: OrderView, now: datetime) -> str:
    """The promised day; with the hour when the new date falls on the same day."""
    assert order.promised_at is not None
    soon = order.expected_at is not None and order.expected_at >= now
    if soon and order.expected_at and words.same_day(order.promised_at, order.expected_at):
        return words.by(order.promised_at)
    return words.on(order.promised_at)


def _waits_for_payment(order: OrderView) -> bool:
    payment = order.payment
    if payment is None or payment.method is PaymentMethod.ON_DELIVERY:
        return False
    return payment.state in UNPAID
