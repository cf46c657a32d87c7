"""What the demo company has had to do with its customers besides selling and sending.

Everything follows from the orders that are in the database: what was returned is refunded, what lasts is
looked after, what was delivered is reviewed.
"""

from dataclasses import dataclass
from datetime import datetime
from random import Random

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from crm_bridge.demo import belongings, dealings
from crm_bridge.demo.clients import Bought, Client
from crm_bridge.demo.inserting import Row, insert_for_ids, insert_rows
from crm_bridge.demo.quirks import load_quirks
from crm_bridge.models import (
    Appointment,
    Asset,
    ConsentRecord,
    Customer,
    Document,
    Interaction,
    LoyaltyAccount,
    LoyaltyEntry,
    Order,
    Refund,
    Review,
    SavedMethod,
    Slot,
    Subscription,
    Ticket,
)
from crm_bridge.operations.once import Result, once

KEY = "demo relations"


@dataclass(frozen=True, slots=True)
class _Visits:
    """Rooms for visits by what they are for, where and when."""

    ids: dict[tuple[str, str, datetime], int]

    def id_of(self, row: Row) -> int | None:
        return self.ids.get((row["service"], row["place"], row["starts_at"]))


async def load_relations(session: AsyncSession, now: datetime, seed: int) -> None:
    """Add them once, also to a company that was loaded before they existed."""

    async def run() -> Result:
        rng = Random(seed + 1)  # noqa: S311 - a stream of its own: the orders stay what they were
        clients = await _clients(session)
        await _describe(session, rng, clients, now)
        await _load_belongings(session, rng, clients, now)
        await _load_dealings(session, rng, clients, now)
        await load_quirks(session, clients)
        return {"customers": len(clients)}

    await once(session, KEY, "load_demo_relations", now, run)


async def _clients(session: AsyncSession) -> list[Client]:
    query = select(Customer).where(Customer.external_ref.like("demo-%")).order_by(Customer.id)
    customers = list(await session.scalars(query))
    orders: dict[int, list[Bought]] = {person.id: [] for person in customers}
    bought = select(Order).where(Order.customer_id.in_(query.with_only_columns(Customer.id).order_by(None)))
    for order in await session.scalars(bought.order_by(Order.id).options(selectinload(Order.items))):
        orders[order.customer_id].append(Bought.of(order))
    return [Client.of(person, tuple(orders[person.id])) for person in customers]


async def _describe(session: AsyncSession, rng: Random, clients: list[Client], now: datetime) -> None:
    rows = [{"id": client.id} | belongings.description(rng, client, now) for client in clients]
    if rows:
        await session.execute(update(Customer), rows)


async def _load_belongings(session: AsyncSession, rng: Random, clients: list[Client], now: datetime) -> None:
    cards = [row for client in clients for row in belongings.methods(rng, client, now)]
    card_ids = await insert_for_ids(session, SavedMethod, cards, by="customer_id")
    card_of = {row["customer_id"]: id_ for row, id_ in zip(cards, card_ids, strict=True)}
    rows = [row for client in clients for row in belongings.subscriptions(rng, client, now, card_of)]
    await insert_rows(session, Subscription, rows)
    accounts = [belongings.loyalty_account(client) for client in clients]
    account_ids = await insert_for_ids(session, LoyaltyAccount, accounts, by="number")
    entries = [
        row
        for client, account in zip(clients, account_ids, strict=True)
        for row in belongings.loyalty_entries(client, account, now)
    ]
    await insert_rows(session, LoyaltyEntry, entries)
    await insert_rows(
        session, Refund, [row for client in clients for row in belongings.refunds(rng, client, now)]
    )
    await _load_things(session, rng, clients, now)


async def _load_things(session: AsyncSession, rng: Random, clients: list[Client], now: datetime) -> None:
    """Things, and the visits to look after them."""
    rows = [row for client in clients for row in belongings.assets(rng, client, now)]
    ids = await insert_for_ids(session, Asset, rows, by="serial_number")
    owned: dict[int, list[tuple[int, Row]]] = {}
    for id_, row in zip(ids, rows, strict=True):
        owned.setdefault(row["customer_id"], []).append((id_, row))
    await insert_rows(session, Slot, dealings.slots(now))
    visits = _Visits(
        {(row.service, row.place, row.starts_at): row.id for row in await session.scalars(select(Slot))}
    )
    booked = [
        row for client in clients for row in dealings.appointments(rng, client, owned.get(client.id, []), now)
    ]
    await insert_rows(session, Appointment, [row | {"slot_id": visits.id_of(row)} for row in booked])


async def _load_dealings(session: AsyncSession, rng: Random, clients: list[Client], now: datetime) -> None:
    for table, told in (
        (ConsentRecord, dealings.consents),
        (Ticket, dealings.tickets),
        (Review, dealings.reviews),
        (Document, dealings.documents),
        (Interaction, dealings.interactions),
    ):
        rows = [row for client in clients for row in told(rng, client, now)]
        if table is Ticket:
            for number, row in enumerate(sorted(rows, key=lambda row: str(row["opened_at"])), 1):
                row["number"] = f"T-{number:05}"
        await insert_rows(session, table, rows)
