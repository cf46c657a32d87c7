"""The demo company's way into the database, in a few large statements."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from random import Random

from sqlalchemy.ext.asyncio import AsyncSession

from core.db import Database
from crm_bridge.demo.calendar import catch_up
from crm_bridge.demo.catalogue import price
from crm_bridge.demo.inserting import Row, insert_for_ids, insert_rows
from crm_bridge.demo.orders import OrderPlan, played_order, random_orders
from crm_bridge.demo.people import Person, people
from crm_bridge.demo.relations import load_relations
from crm_bridge.models import (
    Checkpoint,
    ContactKind,
    ContactPoint,
    Customer,
    Order,
    OrderItem,
    Payment,
    Shipment,
)
from crm_bridge.operations.once import Result, once

SEED = 20261120
KEY = "demo company"
OTHERS = 640  # customers besides those one can play
FIRST_NUMBER = 1013  # of their orders


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What the demo company consists of."""

    customers: int
    orders: int
    late: int  # orders that are or were delivered late
    states: dict[str, int]
    loaded: bool  # by this call; False when it was there


async def load(db: Database, now: datetime, seed: int = SEED) -> DemoSummary:
    """Put the demo company into the database, as of `now`.

    When it is there already, its calendar is moved on by whole days: what is «on time» on the day of the
    first start must not be late a week later.
    """
    async with db.write() as session:

        async def run() -> Result:
            return await _load(session, now.replace(second=0, microsecond=0), seed)

        done = await once(session, KEY, "load_demo", now, run)
        if done.repeated:
            await catch_up(session, KEY, now)
        await load_relations(session, now.replace(second=0, microsecond=0), seed)
    return DemoSummary(**done.result, loaded=not done.repeated)


async def _load(session: AsyncSession, now: datetime, seed: int) -> Result:
    rng = Random(seed)  # noqa: S311
    crowd = list(people(rng, now, OTHERS))
    customer_ids = await insert_for_ids(
        session, Customer, [_customer(person) for person in crowd], by="external_ref"
    )
    contacts = [
        row for person, id_ in zip(crowd, customer_ids, strict=True) for row in _contacts(id_, person)
    ]
    await insert_rows(session, ContactPoint, contacts)
    plans = _number(_plans(rng, now, crowd, customer_ids))
    await _insert_orders(session, plans)
    return {
        "customers": len(crowd),
        "orders": len(plans),
        "late": sum(plan.cause is not None for _, _, plan in plans),
        "states": dict(Counter(plan.state.value for _, _, plan in plans)),
    }


def _customer(person: Person) -> Row:
    return {
        "external_ref": person.ref,
        "given_name": person.given,
        "patronymic": person.patronymic,
        "family_name": person.family,
        "language": person.place.language,
        "time_zone": person.place.zone,
        "city": person.place.city,
        "created_at": person.since,
    }


def _contacts(customer_id: int, person: Person) -> list[Row]:
    contacts = ((ContactKind.PHONE, person.phone), (ContactKind.EMAIL, person.email))
    return [
        {"customer_id": customer_id, "kind": kind, "value": value, "created_at": person.since}
        for kind, value in contacts
    ]


Sold = tuple[str, int, OrderPlan]  # number, customer id, plan


def _plans(rng: Random, now: datetime, crowd: list[Person], ids: list[int]) -> list[Sold]:
    """Everybody's orders; those of the customers one can play have their numbers already."""
    plans: list[Sold] = []
    for person, customer_id in zip(crowd, ids, strict=True):
        if person.role:
            for part in person.role.orders:
                plans.append((part.number, customer_id, played_order(rng, now, person.place, part)))
        else:
            plans += [("", customer_id, plan) for plan in random_orders(rng, now, person.place)]
    return plans


def _number(plans: list[Sold]) -> list[Sold]:
    """Number the rest in the order of purchase, as a shop does."""
    played = [plan for plan in plans if plan[0]]
    others = sorted((plan for plan in plans if not plan[0]), key=lambda plan: plan[2].journey.placed_at)
    numbered = [
        (str(number), customer_id, plan) for number, (_, customer_id, plan) in enumerate(others, FIRST_NUMBER)
    ]
    return played + numbered


async def _insert_orders(session: AsyncSession, plans: list[Sold]) -> None:
    ids = await insert_for_ids(session, Order, [_order(*plan) for plan in plans], by="number")
    owned = list(zip(ids, (plan for _, _, plan in plans), strict=True))
    await insert_rows(session, OrderItem, [row for id_, plan in owned for row in _items(id_, plan)])
    await insert_rows(session, Payment, [_payment(id_, plan) for id_, plan in owned])
    sent = [(id_, plan) for id_, plan in owned if plan.journey.checkpoints]
    parcels = await insert_for_ids(
        session, Shipment, [_shipment(id_, plan) for id_, plan in sent], by="order_id"
    )
    met = [
        {"shipment_id": parcel, "kind": kind, "place": place, "at": at}
        for parcel, (_, plan) in zip(parcels, sent, strict=True)
        for kind, place, at in plan.journey.checkpoints
    ]
    await insert_rows(session, Checkpoint, met)


def _order(number: str, customer_id: int, plan: OrderPlan) -> Row:
    return {
        "customer_id": customer_id,
        "number": number,
        "state": plan.state,
        "total_minor": plan.total,
        "currency": plan.place.currency,
        "delivery_method": plan.method,
        "delivery_city": plan.place.city,
        "delivery_place": plan.point,
        "placed_at": plan.journey.placed_at,
        "promised_at": plan.journey.promised_at,
        "expected_at": plan.journey.expected_at,
        "delivered_at": plan.journey.delivered_at,
        "keep_until": plan.journey.keep_until,
    }


def _items(order_id: int, plan: OrderPlan) -> list[Row]:
    return [
        {
            "order_id": order_id,
            "title": good.titles[plan.place.language],
            "quantity": count,
            "price_minor": price(good, plan.place.currency),
        }
        for good, count in plan.basket
    ]


def _payment(order_id: int, plan: OrderPlan) -> Row:
    method, last_four, state = plan.payment
    return {
        "order_id": order_id,
        "method": method,
        "last_four": last_four,
        "state": state,
        "amount_minor": plan.total,
        "currency": plan.place.currency,
        "created_at": plan.journey.placed_at,
    }


def _shipment(order_id: int, plan: OrderPlan) -> Row:
    return {
        "order_id": order_id,
        "carrier": plan.carrier,
        "tracking_number": plan.tracking,
        "created_at": plan.journey.checkpoints[0][2],
    }
