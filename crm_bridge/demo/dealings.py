"""What the demo company and its customers said to each other, agreed and signed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from crm_bridge.demo.catalogue import places, read
from crm_bridge.demo.clients import DAY, Client, minutes_between
from crm_bridge.demo.inserting import Row
from crm_bridge.models import (
    UNSOLVED,
    AppointmentState,
    Decision,
    Direction,
    DocumentKind,
    InteractionKind,
    OrderState,
    Purpose,
    TicketKind,
    TicketPriority,
    TicketState,
)

HOUR = timedelta(hours=1)
SLOT_HOURS = (10, 13, 16)  # of the place's own day
SLOT_DAYS = 7


def slots(now: datetime) -> list[Row]:
    """Rooms for maintenance and repair in the coming week, in every town."""
    return [
        {
            "service": read("relations")[service][town.language],
            "place": f"{town.city}, {town.points[0]}",
            "starts_at": (starts := _at(now + day * DAY, hour, town.zone)),
            "ends_at": starts + HOUR,
            "capacity": 2,
        }
        for service in ("maintenance", "repair")
        for language in ("ru", "en")
        for town in places(language)
        for day in range(1, SLOT_DAYS + 1)
        for hour in SLOT_HOURS
    ]


def _at(day: datetime, hour: int, zone: str) -> datetime:
    local = day.astimezone(ZoneInfo(zone)).replace(hour=hour, minute=0, second=0, microsecond=0)
    return local.astimezone(UTC)


def appointments(rng: Random, client: Client, owned: list[tuple[int, Row]], now: datetime) -> Iterator[Row]:
    """Visits for the things that are looked after: some were, some will be."""
    town = next(town for town in places(client.language) if town.city == client.city)
    for asset_id, asset in owned:
        if asset["maintenance_days"] is None:
            continue
        done, ahead = asset["maintained_at"], client.certain.get("visit_in", rng.randint(1, SLOT_DAYS))
        coming = rng.random() < 0.2 or "visit_in" in client.certain
        if done is None and not coming:
            continue
        starts = done or _at(now + ahead * DAY, rng.choice(SLOT_HOURS), town.zone)
        yield {
            "customer_id": client.id,
            "asset_id": asset_id,
            "service": read("relations")["maintenance"][client.language],
            "place": f"{town.city}, {town.points[0]}",
            "state": AppointmentState.DONE if done else AppointmentState.BOOKED,
            "starts_at": starts,
            "ends_at": starts + HOUR,
            "created_at": min(starts, now) - minutes_between(rng, DAY, 6 * DAY),
        }


def consents(rng: Random, client: Client, now: datetime) -> Iterator[Row]:
    """What was ticked at the registration, and what was taken back later."""
    for purpose, channel, share in (
        (Purpose.MARKETING, "email", 0.6),
        (Purpose.MARKETING, "sms", 0.35),
        (Purpose.PROFILING, None, 0.55),
    ):
        granted, withdrawn = rng.random() < share, rng.random() < 0.12
        if granted:
            yield _consent(client, purpose, channel, Decision.GRANTED, "registration", client.since)
        if granted and withdrawn:
            later = client.since + minutes_between(rng, 30 * DAY, 300 * DAY)
            yield _consent(client, purpose, channel, Decision.WITHDRAWN, "unsubscribe", later)


def _consent(
    client: Client, purpose: Purpose, channel: str | None, decision: Decision, source: str, at: datetime
) -> Row:
    return {
        "customer_id": client.id,
        "purpose": purpose,
        "channel": channel,
        "decision": decision,
        "text_version": "2024-03",
        "source": source,
        "at": at,
        "created_at": at,
    }


def tickets(rng: Random, client: Client, now: datetime) -> Iterator[Row]:
    """Matters that people saw to, or see to."""
    count = rng.choices((0, 1, 2, 3), weights=(55, 28, 12, 5))[0]
    if client.certain.get("complaint"):
        yield _ticket(rng, client, TicketKind.COMPLAINT, TicketState.OPEN, now - 3 * DAY)
    for _ in range(count):
        kind = rng.choices(list(TicketKind), weights=(40, 25, 15, 20))[0]
        state = rng.choices(list(TicketState), weights=(10, 10, 6, 34, 40))[0]
        age = (DAY / 24, 6 * DAY) if state in UNSOLVED else (6 * DAY, 300 * DAY)
        yield _ticket(rng, client, kind, state, now - minutes_between(rng, *age))


def _ticket(rng: Random, client: Client, kind: TicketKind, state: TicketState, at: datetime) -> Row:
    subject = rng.choice(read("relations")["tickets"][kind.value][client.language])
    solved = None if state in UNSOLVED else at + minutes_between(rng, DAY / 24, 4 * DAY)
    urgent = kind in {TicketKind.COMPLAINT, TicketKind.DEFECT}
    return {
        "customer_id": client.id,
        "number": "",
        "kind": kind,
        "state": state,
        "priority": TicketPriority.HIGH if urgent else TicketPriority.NORMAL,
        "subject": subject,
        "text": subject,
        "order_id": rng.choice(client.orders).id if client.orders else None,
        "opened_at": at,
        "due_at": at + (DAY if urgent else 2 * DAY),
        "solved_at": solved,
        "updated_at": solved or at + HOUR / 2,
    }


def reviews(rng: Random, client: Client, now: datetime) -> Iterator[Row]:
    """Opinions about what was delivered; the company answers the bad ones."""
    told = read("relations")
    for order in client.delivered:
        at = (order.delivered_at or now) + minutes_between(rng, DAY / 2, 9 * DAY)
        if rng.random() > 0.3 or at >= now:
            continue
        stars = rng.choices((5, 4, 3, 2, 1), weights=(52, 22, 11, 8, 7))[0]
        answered = at + minutes_between(rng, DAY / 12, 3 * DAY)
        bad = stars <= 2 and answered < now
        yield {
            "customer_id": client.id,
            "order_id": order.id,
            "subject": order.titles[0],
            "stars": stars,
            "text": rng.choice(told["reviews"][stars][client.language]),
            "source": "shop",
            "answer": told["answers"][client.language] if bad else None,
            "at": at,
            "answered_at": answered if bad else None,
        }


def documents(rng: Random, client: Client, now: datetime) -> Iterator[Row]:
    """A receipt for whatever was paid and sent."""
    title = read("relations")["receipt"][client.language]
    for order in client.orders:
        if order.state in {OrderState.NEW, OrderState.CANCELLED}:
            continue
        yield {
            "customer_id": client.id,
            "order_id": order.id,
            "kind": DocumentKind.RECEIPT,
            "number": order.number,
            "title": title.format(order.number),
            "storage_key": f"demo/receipts/{order.number}.pdf",
            "media_type": "application/pdf",
            "size_bytes": rng.randint(24_000, 61_000),
            "issued_at": order.placed_at + timedelta(minutes=2),
        }


def interactions(rng: Random, client: Client, now: datetime) -> Iterator[Row]:
    """Calls, letters and posts."""
    told = read("relations")
    for _ in range(rng.choices((0, 1, 2, 3, 5), weights=(30, 28, 20, 14, 8))[0]):
        kind = rng.choices(list(InteractionKind)[:6], weights=(30, 28, 22, 6, 9, 5))[0]
        outgoing = kind in {InteractionKind.EMAIL, InteractionKind.SMS}
        yield {
            "customer_id": client.id,
            "kind": kind,
            "direction": Direction.OUT if outgoing else Direction.IN,
            "subject": told["interactions"][kind.value][client.language],
            "text": "",
            "source": told["sources"][kind.value],
            "seconds": rng.randint(35, 600) if kind is InteractionKind.CALL else None,
            "at": now - minutes_between(rng, DAY / 12, 300 * DAY),
        }
