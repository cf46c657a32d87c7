"""Somebody tries the product with the demo company."""

import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from core.clock import ManualClock
from core.db import Base, Database
from crm_bridge.contacts import read_contact
from crm_bridge.demo import load, showcase
from crm_bridge.demo.people import feminine, latin
from crm_bridge.models import (
    CheckpointKind,
    ContactPoint,
    Customer,
    Order,
    OrderState,
    PaymentState,
)
from crm_bridge.orders import Orders, OrderView

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
async def shop(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    """The demo company, loaded once for the tests that only look."""
    database = fresh(migrated_sqlite, tmp_path_factory.mktemp("demo") / "shop.db")
    await load(database, NOW)
    yield database
    await database.close()


@pytest.fixture(scope="module")
async def orders(shop: Database) -> list[OrderView]:
    async with shop.read() as session:
        ids = list(await session.scalars(select(Customer.id)))
    return [order for id_ in ids[::2] for order in await Orders(shop).of_customer(id_, limit=100)]


def fresh(migrated: Path, path: Path) -> Database:
    return Database(f"sqlite+aiosqlite:///{shutil.copy(migrated, path)}")


async def everything(db: Database) -> dict[str, list[Any]]:
    async with db.read() as session:
        tables = ("customer", "contact_point", "orders", "order_item", "payment", "shipment", "checkpoint")
        return {
            name: [
                tuple(row) for row in await session.execute(select(Base.metadata.tables[name]).order_by("id"))
            ]
            for name in tables
        }


async def played(db: Database, number: str) -> tuple[Customer, OrderView]:
    async with db.read() as session:
        query = select(Customer).join(Order, Order.customer_id == Customer.id).where(Order.number == number)
        customer = (await session.execute(query)).scalar_one()
    order = await Orders(db).find(customer.id, number)
    assert order is not None
    return customer, order


async def test_the_company_is_loaded_once(db: Database, clock: ManualClock) -> None:
    first = await load(db, clock.now())
    clock.advance(DAY)
    second = await load(db, clock.now())
    assert (first.loaded, second.loaded) == (True, False)
    assert (first.customers, first.orders, first.states) == (second.customers, second.orders, second.states)
    async with db.read() as session:
        assert await session.scalar(select(func.count()).select_from(Customer)) == first.customers
        assert await session.scalar(select(func.count()).select_from(Order)) == first.orders
    assert len(await showcase(db)) == 8


async def test_new_rows_find_room_beside_the_company(db: Database, clock: ManualClock) -> None:
    await load(db, clock.now())
    async with db.write() as session:
        session.add(
            Customer(
                given_name="Новый", family_name="", language="ru", time_zone="UTC", created_at=clock.now()
            )
        )


async def test_the_same_seed_and_time_give_the_same_company(
    shop: Database, migrated_sqlite: Path, tmp_path: Path
) -> None:
    again, other = (fresh(migrated_sqlite, tmp_path / name) for name in ("again.db", "other.db"))
    await load(again, NOW)
    await load(other, NOW, seed=7)
    assert await everything(again) == await everything(shop)
    assert await everything(other) != await everything(shop)
    await again.close()
    await other.close()


async def test_loading_is_quick(sqlite: Database) -> None:
    started = time.process_time()
    await load(sqlite, NOW)
    assert time.process_time() - started < 5


async def test_enough_people_of_both_languages(shop: Database) -> None:
    async with shop.read() as session:
        people = list(await session.scalars(select(Customer)))
    languages = Counter(person.language for person in people)
    assert len(people) >= 600
    assert 0.6 < languages["ru"] / len(people) < 0.8
    assert len({person.name for person in people}) > 0.9 * len(people)
    assert len({person.time_zone for person in people}) > 8
    assert len({person.external_ref for person in people}) == len(people)
    russians = [person for person in people if person.language == "ru"]
    for person in russians:
        is_woman = (person.patronymic or "").endswith("на")
        if person.family_name.endswith(("ова", "ева", "ёва", "ина", "ая")):
            assert is_woman
        elif not person.family_name.endswith(("ко", "ук", "их", "ых", "ник", "роз")):
            assert not is_woman


async def test_contacts_are_stored_as_they_are_read_and_belong_to_nobody_real(shop: Database) -> None:
    async with shop.read() as session:
        points = list(await session.scalars(select(ContactPoint)))
    for point in points:
        contact = read_contact(point.value)
        assert contact is not None
        assert (contact.kind, contact.value) == (point.kind, point.value)
        assert point.value.startswith("+") or point.value.endswith(("@example.com", "@example.org"))
    shared = [value for value, times in Counter(point.value for point in points).items() if times > 1]
    assert shared == ["+79000001010"]


async def test_every_state_occurs_and_every_order_makes_sense(orders: list[OrderView]) -> None:
    assert {order.state for order in orders} == set(OrderState)
    assert min(Counter(order.state for order in orders).values()) > 10
    for order in orders:
        assert order.promised_at is not None
        assert order.placed_at < NOW
        assert order.placed_at < order.promised_at
        assert order.items
        assert order.total.minor == sum(item.price.times(item.quantity).minor for item in order.items)
        assert order.payment is not None
        assert (order.delivered_at is not None) == (
            order.state in {OrderState.DELIVERED, OrderState.RETURNED}
        )
        if order.state in {OrderState.NEW, OrderState.PAID, OrderState.PACKING, OrderState.CANCELLED}:
            assert order.shipment is None
        else:
            assert order.shipment is not None
            times = [point.at for point in order.shipment.checkpoints]
            assert times == sorted(times, reverse=True)
            assert order.placed_at < times[-1] <= times[0] < NOW
        if order.state is OrderState.READY_FOR_PICKUP:
            assert order.delivery_place
            assert order.keep_until is not None
            assert order.keep_until > NOW
        if order.state is OrderState.PAID:
            assert order.payment.state is PaymentState.PAID
        if order.state is OrderState.RETURNED:
            assert order.payment.state is PaymentState.REFUNDED


async def test_late_orders_are_late_for_the_reason_that_is_told(orders: list[OrderView]) -> None:
    late = [order for order in orders if order.lateness(NOW)]
    assert len(late) > 100
    for order in late:
        assert order.shipment is not None
        assert order.promised_at is not None
        told = next(point for point in order.shipment.checkpoints if point.kind is order.delay_cause)
        assert told.at < order.promised_at
    assert {order.delay_cause for order in late} == {
        CheckpointKind.DELAY_SORTING,
        CheckpointKind.DELAY_WEATHER,
        CheckpointKind.CUSTOMS,
        CheckpointKind.ADDRESS_PROBLEM,
    }
    assert sum(order.is_open for order in late) > 20


@pytest.mark.parametrize("hour", [1, 14, 22])
async def test_the_players_situations_hold_at_any_hour_of_the_day(sqlite: Database, hour: int) -> None:
    now = NOW.replace(hour=hour, minute=37)
    await load(sqlite, now)

    maria, first = await played(sqlite, "1001")
    assert (maria.name, first.state, first.lateness(now)) == (
        "Мария Соколова",
        OrderState.SHIPPED,
        timedelta(),
    )
    pyotr, second = await played(sqlite, "1002")
    assert (pyotr.name, second.delay_cause) == ("Пётр Волков", CheckpointKind.DELAY_SORTING)
    assert second.lateness(now) > timedelta()
    assert second.expected_at is not None
    assert second.expected_at > now
    james, third = await played(sqlite, "1003")
    assert (james.name, third.state, third.lateness(now)) == (
        "James Miller",
        OrderState.IN_DELIVERY,
        timedelta(),
    )
    anna, fourth = await played(sqlite, "1004")
    assert (anna.name, fourth.delay_cause) == ("Anna Becker", CheckpointKind.CUSTOMS)
    assert fourth.lateness(now) > timedelta()
    olga, fifth = await played(sqlite, "1005")
    assert (olga.name, fifth.state) == ("Ольга Лебедева", OrderState.READY_FOR_PICKUP)
    dmitry, _ = await played(sqlite, "1006")
    assert [order.is_open for order in await Orders(sqlite).of_customer(dmitry.id)] == [
        True,
        True,
        True,
        False,
    ]
    assert await Orders(sqlite).find(maria.id, "1002") is None


async def test_the_players_are_listed_as_the_database_holds_them(shop: Database) -> None:
    players = await showcase(shop)
    maria = players[0]
    assert (maria.external_ref, maria.name, maria.phone, maria.email, maria.orders) == (
        "demo-1001",
        "Мария Соколова",
        "+79000001001",
        "maria.sokolova@example.com",
        ("1001",),
    )
    assert "вовремя" in maria.situation
    assert "on time" in (await showcase(shop, "en"))[0].situation
    async with shop.read() as session:
        points = set(await session.scalars(select(ContactPoint.value)))
        numbers = set(await session.scalars(select(Order.number)))
    for player in players:
        assert {player.phone, player.email} <= points
        assert set(player.orders) <= numbers


async def test_without_the_company_nobody_is_listed(db: Database) -> None:
    assert await showcase(db) == []


@pytest.mark.parametrize(
    ("his", "hers"),
    [
        ("Волков", "Волкова"),
        ("Соловьёв", "Соловьёва"),
        ("Ильин", "Ильина"),
        ("Раевский", "Раевская"),
        ("Белый", "Белая"),
        ("Толстой", "Толстая"),
        ("Коваленко", "Коваленко"),
        ("Ковальчук", "Ковальчук"),
        ("Черных", "Черных"),
        ("Мороз", "Мороз"),
    ],
)
def test_surnames_have_the_right_gender(his: str, hers: str) -> None:
    assert feminine(his) == hers


def test_names_in_addresses() -> None:
    assert (latin("Соловьёва"), latin("O'Brien"), latin("Щукин")) == ("soloveva", "obrien", "schukin")


async def test_the_calendar_moves_on_with_the_days(db: Database) -> None:
    await load(db, NOW)
    before = await _promised(db, "1001")
    await load(db, NOW + timedelta(hours=23))
    assert await _promised(db, "1001") == before
    await load(db, NOW + timedelta(days=5, hours=2))
    assert await _promised(db, "1001") == before + timedelta(days=5)
    await load(db, NOW + timedelta(days=5, hours=3))
    assert await _promised(db, "1001") == before + timedelta(days=5)


async def _promised(db: Database, number: str) -> datetime:
    async with db.read() as session:
        promised = await session.scalar(select(Order.promised_at).where(Order.number == number))
    assert promised is not None
    return promised
