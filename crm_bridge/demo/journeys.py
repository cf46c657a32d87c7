"""How an order of the demo company came to stand where it stands."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from crm_bridge.demo.catalogue import Place
from crm_bridge.models import CheckpointKind, DeliveryMethod, OrderState

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
EVENING = 21  # promises end at this hour of the customer's day

UNSHIPPED = frozenset({OrderState.NEW, OrderState.PAID, OrderState.PACKING, OrderState.CANCELLED})
_AGE_HOURS = {  # of an order without a parcel
    OrderState.NEW: (1, 20),
    OrderState.PAID: (3, 30),
    OrderState.PACKING: (12, 50),
    OrderState.CANCELLED: (72, 5000),
}
_LAST_SEEN_HOURS = {  # since the parcel's last checkpoint
    OrderState.SHIPPED: (1, 20),
    OrderState.IN_DELIVERY: (1, 3),
    OrderState.READY_FOR_PICKUP: (2, 40),
    OrderState.DELIVERED: (30, 7000),
    OrderState.RETURNED: (30, 5000),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What holds a parcel. The promise would have been kept but for it."""

    way_left: int  # hours from here to the customer, had nothing happened
    held: int  # hours


_TROUBLES = {
    CheckpointKind.DELAY_SORTING: Trouble(way_left=22, held=72),
    CheckpointKind.DELAY_WEATHER: Trouble(way_left=22, held=72),
    CheckpointKind.CUSTOMS: Trouble(way_left=46, held=110),
    CheckpointKind.ADDRESS_PROBLEM: Trouble(way_left=4, held=48),
}


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens to a parcel, so many hours after the step before."""

    kind: CheckpointKind
    place: str
    hours: float


@dataclass(frozen=True, slots=True)
class Journey:
    """The times of an order and what its parcel met."""

    placed_at: datetime
    promised_at: datetime
    expected_at: datetime | None
    delivered_at: datetime | None
    keep_until: datetime | None
    checkpoints: tuple[tuple[CheckpointKind, str, datetime], ...]


def evening(when: datetime, zone: str) -> datetime:
    """The end of the delivery day that `when` belongs to, where the customer lives."""
    local = when.astimezone(ZoneInfo(zone))
    return local.replace(hour=EVENING, minute=0, second=0, microsecond=0).astimezone(UTC)


def tonight(now: datetime, zone: str) -> datetime:
    """The next evening that leaves a courier an hour at least."""
    end = evening(now, zone)
    return end if end > now + HOUR else evening(now + DAY, zone)


def journey(
    rng: Random,
    now: datetime,
    place: Place,
    state: OrderState,
    method: DeliveryMethod,
    cause: CheckpointKind | None,
    *,
    recent: bool = False,
) -> Journey:
    """A believable past of an order.

    Args:
        cause: why it is late; without one it is on time.
        recent: delivered a few days ago, so that it can still be returned.
    """
    if state in UNSHIPPED:
        placed = now - _hours(rng, _AGE_HOURS[state])
        promised = evening(placed + rng.randint(4, 7) * DAY, place.zone)
        expected = None if state is OrderState.CANCELLED else promised
        return Journey(placed, promised, expected, None, None, ())
    steps = _cut(rng, _steps(place, method, cause), state, cause)
    checkpoints = _timed(rng, steps, now - _hours(rng, _unseen(state, cause, recent)))
    times = {kind: at for kind, _, at in checkpoints}
    promised = _promise(rng, now, place.zone, times, cause)
    placed = min(checkpoints[0][2] - _hours(rng, (20, 50)), promised - 3 * DAY)
    ready = times.get(CheckpointKind.READY_FOR_PICKUP)
    kept = ready is not None and state is OrderState.READY_FOR_PICKUP
    return Journey(
        placed_at=placed,
        promised_at=promised,
        expected_at=_expected(rng, now, place.zone, state, promised),
        delivered_at=times.get(CheckpointKind.DELIVERED),
        keep_until=evening(ready + 5 * DAY, place.zone) if ready and kept else None,
        checkpoints=checkpoints,
    )


def _hours(rng: Random, span: tuple[int, int]) -> timedelta:
    return timedelta(minutes=rng.randint(span[0] * 60, span[1] * 60))


def _unseen(state: OrderState, cause: CheckpointKind | None, recent: bool) -> tuple[int, int]:
    """For how many hours nothing has been heard of the parcel."""
    if recent and state is OrderState.DELIVERED:
        return 50, 90
    if state is not OrderState.SHIPPED or cause is None:
        return _LAST_SEEN_HOURS[state]
    overdue = _TROUBLES[cause].way_left + 28  # the promise ends in an evening, a day later at most
    return overdue, overdue + 24


def _steps(place: Place, method: DeliveryMethod, cause: CheckpointKind | None) -> list[Step]:
    """The whole way from the warehouse into the customer's hands."""
    kinds = CheckpointKind
    arrival = kinds.READY_FOR_PICKUP if method is DeliveryMethod.PICKUP else kinds.OUT_FOR_DELIVERY
    way = [
        Step(kinds.ACCEPTED, place.warehouse, 0),
        Step(kinds.IN_TRANSIT, place.warehouse, 5),
        *([Step(kinds.CUSTOMS, place.border, 30)] if place.border else []),
        Step(kinds.ARRIVED_HUB, place.hub, 18),
        Step(kinds.IN_TRANSIT, place.hub, 8),
        Step(kinds.ARRIVED_HUB, place.city, 14),
        Step(arrival, place.city, 6),
        Step(kinds.DELIVERED, place.city, 4),
    ]
    return way if cause is None else _troubled(way, place, cause)


def _troubled(way: list[Step], place: Place, cause: CheckpointKind) -> list[Step]:
    """The way with a trouble in it, and the parcel held there."""
    at = {CheckpointKind.CUSTOMS: place.border, CheckpointKind.ADDRESS_PROBLEM: place.city}.get(
        cause, place.hub
    )
    stops = {CheckpointKind.CUSTOMS, CheckpointKind.ARRIVED_HUB}
    here = next(index for index, step in enumerate(way) if step.place == at and step.kind in stops)
    trouble = [] if cause is CheckpointKind.CUSTOMS else [Step(cause, way[here].place, 4)]
    after = way[here + 1]
    held = Step(after.kind, after.place, _TROUBLES[cause].held)
    return [*way[: here + 1], *trouble, held, *way[here + 2 :]]


def _cut(rng: Random, steps: list[Step], state: OrderState, cause: CheckpointKind | None) -> list[Step]:
    """What of the way is behind the parcel."""
    match state:
        case OrderState.SHIPPED if cause:
            last = next(index for index, step in enumerate(steps) if step.kind is cause)
            return steps[: last + 1]
        case OrderState.SHIPPED:
            return steps[: rng.randint(2, len(steps) - 2)]
        case OrderState.IN_DELIVERY | OrderState.READY_FOR_PICKUP:
            return steps[:-1]
        case OrderState.RETURNED:
            return [*steps, Step(CheckpointKind.RETURNED, steps[0].place, 120)]
        case _:
            return steps


def _timed(
    rng: Random, steps: list[Step], last_at: datetime
) -> tuple[tuple[CheckpointKind, str, datetime], ...]:
    """Checkpoints, oldest first; the last one was at `last_at`."""
    at = last_at
    timed: list[tuple[CheckpointKind, str, datetime]] = []
    for step in reversed(steps):
        timed.append((step.kind, step.place, at))
        at -= timedelta(minutes=round(step.hours * 60 * rng.uniform(0.7, 1.3)))
    return tuple(reversed(timed))


def _promise(
    rng: Random,
    now: datetime,
    zone: str,
    times: dict[CheckpointKind, datetime],
    cause: CheckpointKind | None,
) -> datetime:
    """The evening that was promised: kept, or broken by the trouble on the way."""
    if cause is not None:
        return tonight(times[cause] + _TROUBLES[cause].way_left * HOUR, zone)
    arrived = times.get(CheckpointKind.DELIVERED) or times.get(CheckpointKind.READY_FOR_PICKUP)
    if arrived is not None:
        return tonight(arrived + rng.randint(0, 2) * DAY, zone)
    if CheckpointKind.OUT_FOR_DELIVERY in times:
        return tonight(now, zone)
    return evening(now + rng.randint(2, 4) * DAY, zone)


def _expected(
    rng: Random, now: datetime, zone: str, state: OrderState, promised: datetime
) -> datetime | None:
    """What the carrier says about a parcel on its way."""
    if state is OrderState.IN_DELIVERY:
        return tonight(now, zone)
    if state is OrderState.SHIPPED:
        return promised if promised > now else evening(now + rng.randint(1, 4) * DAY, zone)
    return None
