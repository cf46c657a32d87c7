"""The orders of the demo company."""

from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import TypeVar

from crm_bridge.demo.catalogue import Good, Part, Place, goods, price
from crm_bridge.demo.journeys import Journey, journey
from crm_bridge.models import CheckpointKind, DeliveryMethod, OrderState, PaymentMethod, PaymentState

Word = TypeVar("Word")

LATE_SHARE = 0.22
_SHIPS = frozenset({OrderState.SHIPPED, OrderState.IN_DELIVERY, OrderState.DELIVERED})
_NEWEST = {  # weights of the state of a customer's newest order
    OrderState.NEW: 6,
    OrderState.PAID: 7,
    OrderState.PACKING: 9,
    OrderState.SHIPPED: 24,
    OrderState.IN_DELIVERY: 9,
    OrderState.READY_FOR_PICKUP: 9,
    OrderState.DELIVERED: 28,
    OrderState.CANCELLED: 4,
    OrderState.RETURNED: 4,
}
_OLDER = {OrderState.DELIVERED: 82, OrderState.SHIPPED: 4, OrderState.CANCELLED: 8, OrderState.RETURNED: 6}
_CAUSES = {
    CheckpointKind.DELAY_SORTING: 4,
    CheckpointKind.DELAY_WEATHER: 3,
    CheckpointKind.ADDRESS_PROBLEM: 1,
    CheckpointKind.CUSTOMS: 3,  # only abroad
}


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """An order to be."""

    state: OrderState
    place: Place
    method: DeliveryMethod
    point: str | None
    basket: tuple[tuple[Good, int], ...]
    journey: Journey
    cause: CheckpointKind | None
    carrier: str
    tracking: str
    payment: tuple[PaymentMethod, str | None, PaymentState]

    @property
    def total(self) -> int:
        """In minor units of the place's currency."""
        return sum(price(good, self.place.currency) * count for good, count in self.basket)


def played_order(rng: Random, now: datetime, place: Place, part: Part) -> OrderPlan:
    """An order of a customer one can play: everything that matters is given."""
    collected = part.state is OrderState.READY_FOR_PICKUP
    method = DeliveryMethod.PICKUP if collected else DeliveryMethod.COURIER
    basket = ((goods()[part.item], 1),)
    return _plan(rng, now, place, part.state, method, part.cause, basket, recent=True)


def random_orders(rng: Random, now: datetime, place: Place) -> list[OrderPlan]:
    """One to eight orders of a customer."""
    count = rng.choices(range(1, 9), weights=(18, 20, 18, 14, 11, 8, 6, 5))[0]
    states = [_pick(rng, _NEWEST), *(_pick(rng, _OLDER) for _ in range(count - 1))]
    return [
        _plan(rng, now, place, state, _method(rng, state), _cause(rng, place, state), _basket(rng))
        for state in states
    ]


def _plan(
    rng: Random,
    now: datetime,
    place: Place,
    state: OrderState,
    method: DeliveryMethod,
    cause: CheckpointKind | None,
    basket: tuple[tuple[Good, int], ...],
    *,
    recent: bool = False,
) -> OrderPlan:
    return OrderPlan(
        state=state,
        place=place,
        method=method,
        point=rng.choice(place.points) if method is DeliveryMethod.PICKUP else None,
        basket=basket,
        journey=journey(rng, now, place, state, method, cause, recent=recent),
        cause=cause,
        carrier=rng.choice(place.carriers),
        tracking=f"ZB{rng.randrange(10**9, 10**10)}",
        payment=_payment(rng, place, state),
    )


def _pick(rng: Random, weights: dict[Word, int]) -> Word:
    return rng.choices(list(weights), weights=list(weights.values()))[0]


def _cause(rng: Random, place: Place, state: OrderState) -> CheckpointKind | None:
    if state not in _SHIPS or rng.random() >= LATE_SHARE:
        return None
    cause = _pick(rng, _CAUSES)
    at_home = cause is CheckpointKind.CUSTOMS and place.border is None
    return CheckpointKind.DELAY_SORTING if at_home else cause


def _basket(rng: Random) -> tuple[tuple[Good, int], ...]:
    chosen = rng.sample(goods(), rng.choices((1, 2, 3, 4), weights=(50, 30, 14, 6))[0])
    return tuple((good, rng.choices((1, 2, 3), weights=(85, 11, 4))[0]) for good in chosen)


def _method(rng: Random, state: OrderState) -> DeliveryMethod:
    if state is OrderState.READY_FOR_PICKUP:
        return DeliveryMethod.PICKUP
    if state is OrderState.IN_DELIVERY:
        return DeliveryMethod.COURIER
    return rng.choices(list(DeliveryMethod), weights=(50, 38, 12))[0]


def _payment(rng: Random, place: Place, state: OrderState) -> tuple[PaymentMethod, str | None, PaymentState]:
    online = PaymentMethod.SBP if place.currency == "RUB" else PaymentMethod.PAYPAL
    methods = [PaymentMethod.CARD, online]
    if state is not OrderState.PAID:
        methods.append(PaymentMethod.ON_DELIVERY)
    method = rng.choices(methods, weights=(60, 28, 12)[: len(methods)])[0]
    last_four = f"{rng.randrange(10**4):04}" if method is PaymentMethod.CARD else None
    return method, last_four, _payment_state(rng, state, method)


def _payment_state(rng: Random, state: OrderState, method: PaymentMethod) -> PaymentState:
    match state:
        case OrderState.NEW:
            failed = method is PaymentMethod.CARD and rng.random() < 0.25
            return PaymentState.FAILED if failed else PaymentState.PENDING
        case OrderState.RETURNED:
            return PaymentState.REFUNDED
        case OrderState.CANCELLED:
            return PaymentState.CANCELLED if method is PaymentMethod.ON_DELIVERY else PaymentState.REFUNDED
        case OrderState.DELIVERED:
            return PaymentState.PAID
        case _:
            return PaymentState.PENDING if method is PaymentMethod.ON_DELIVERY else PaymentState.PAID
