"""A round that looks only at what is new decides exactly what a round over everybody would."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, text, update

from bot.proactive.deciding import run_range
from bot.proactive.rules import rule_files
from bot.proactive.signals.base import Range
from bot.proactive.tables import DecisionRow, Incident, RuleState, SignalRow, Touch
from bot.proactive.touches import dealt_with, forget, touched, watch
from crm_bridge.models import (
    Appointment,
    AppointmentState,
    Asset,
    Checkpoint,
    CheckpointKind,
    ConsentRecord,
    Customer,
    Decision,
    Identity,
    LoyaltyAccount,
    LoyaltyEntry,
    LoyaltyReason,
    Order,
    OrderItem,
    OrderState,
    Payment,
    PaymentMethod,
    PaymentState,
    Period,
    Proof,
    Purpose,
    Refund,
    RefundState,
    Review,
    SavedMethod,
    Shipment,
    Subscription,
    SubscriptionState,
    Ticket,
    TicketKind,
    TicketPriority,
    TicketState,
    Watch,
    WatchReason,
)
from tests.proactive.conftest import Shop

STORIES, STEPS, PEOPLE = 6, 24, 8
DAY = timedelta(days=1)
EVERY_RULE = [path.stem for path in rule_files()]


async def decided(shop: Shop) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    query = select(
        DecisionRow.rule, SignalRow.kind, SignalRow.subject, SignalRow.expected_at, SignalRow.reason,
        DecisionRow.verdict, DecisionRow.why, DecisionRow.channel, DecisionRow.until,
    ).join(SignalRow, SignalRow.id == DecisionRow.signal_id)  # fmt: skip
    async with shop.db.read() as session:
        return {(row[0], row[1], row[2], row[3]): tuple(row)[4:] for row in await session.execute(query)}


async def round_(shop: Shop) -> int:
    """One incremental round, and what a full one finds that it did not."""
    await shop.decide()
    seen = await decided(shop)
    world = await shop.predicting().world()
    await run_range(shop.db, world, Range(), shop.now)
    assert await decided(shop) == seen
    async with shop.db.read() as session:
        assert await session.scalar(select(func.count()).select_from(Touch)) == 0
    return len(seen)


class Company:
    """Things happen to its customers, by lot."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop = shop
        self.lot = random.Random(seed)
        self.people: list[int] = []
        self.number = 0

    def when(self, low: float = -12, high: float = 30) -> Any:
        return self.shop.now + timedelta(hours=self.lot.uniform(low * 24, high * 24))

    def whose(self) -> int:
        return self.lot.choice(self.people)

    def next(self, prefix: str) -> str:
        self.number += 1
        return f"{prefix}{self.number}"

    async def arrives(self) -> None:
        chat = self.lot.random() < 0.7
        city = self.lot.choice(["Казань", "Омск"])
        self.people.append(await self.shop.customer(self.next("Мария"), chat=chat, city=city))
        for purpose in (Purpose.MARKETING, Purpose.PROFILING):
            at = self.shop.now - DAY
            said = ConsentRecord(
                customer_id=self.people[-1], purpose=purpose, decision=Decision.GRANTED,
                text_version="v", source="t",
                at=at, created_at=at,
            )  # fmt: skip
            await self.shop.add(said)

    async def orders(self) -> None:
        state = self.lot.choice([OrderState.SHIPPED, OrderState.SHIPPED, OrderState.DELIVERED])
        placed = self.when(-90, -1)
        order = await self.shop.order(
            self.whose(), self.next("N"), state=state, placed_at=placed,
            promised_at=self.when(-4, 6),
            delivered_at=None if state is OrderState.SHIPPED else placed + 3 * DAY,
        )  # fmt: skip
        item = OrderItem(
            order_id=order.id, title=self.lot.choice(["Кофе", "Корм"]), quantity=self.lot.randint(1, 2),
            price_minor=100,
        )  # fmt: skip
        await self.shop.add(item)

    async def buys_again(self) -> None:
        who = self.whose()
        for back in (66, 44, 22):
            placed = self.shop.now - timedelta(days=back + self.lot.uniform(-6, 6))
            order = await self.shop.order(
                who, self.next("N"), state=OrderState.DELIVERED, placed_at=placed,
                promised_at=placed + 5 * DAY, delivered_at=placed + 4 * DAY,
            )  # fmt: skip
            await self.shop.add(OrderItem(order_id=order.id, title="Кофе", quantity=1, price_minor=100))

    async def parcel_has_news(self) -> None:
        shipments = await self.shop.all(Shipment)
        if not shipments:
            return
        chosen = self.lot.choice(shipments)
        async with self.shop.db.read() as session:
            order = await session.get_one(Order, chosen.order_id)
        if self.lot.random() < 0.5:
            watch = Watch(
                customer_id=order.customer_id, order_id=order.id, reason=WatchReason.LATE_PARCEL,
                created_at=self.shop.now - timedelta(minutes=1), until=self.shop.now + 5 * DAY,
            )  # fmt: skip
            async with self.shop.db.write() as session:
                taken = select(Watch.id).where(Watch.order_id == order.id, Watch.reason == watch.reason)
                if await session.scalar(taken) is None:
                    session.add(watch)
        await self.shop.add(
            Checkpoint(
                shipment_id=chosen.id, at=self.shop.now, place="Казань",
                kind=self.lot.choice([CheckpointKind.DELAY_WEATHER, CheckpointKind.READY_FOR_PICKUP]),
            )
        )  # fmt: skip

    async def subscribes(self) -> None:
        who, card = self.whose(), None
        if self.lot.random() < 0.7:
            method = SavedMethod(
                customer_id=who, method=PaymentMethod.CARD, last_four="4242", expires_at=self.when(0, 60),
                is_default=True, created_at=self.shop.now - 90 * DAY,
            )  # fmt: skip
            card = (await self.shop.add(method)).id
        await self.shop.add(
            Subscription(
                customer_id=who, title="Кофе", state=self.lot.choice(list(SubscriptionState)), price_minor=1,
                currency="RUB", period=next(iter(Period)), renews=self.lot.random() < 0.6,
                payment_method_id=card, started_at=self.shop.now - 90 * DAY, paid_until=self.when(0, 30),
            )
        )  # fmt: skip

    async def card_is_declined(self) -> None:
        order = await self.shop.order(self.whose(), self.next("N"), state=OrderState.CANCELLED)
        for _ in range(2):
            await self.shop.add(
                Payment(
                    order_id=order.id, state=PaymentState.FAILED, amount_minor=1, currency="RUB",
                    method=PaymentMethod.CARD, last_four="4242", created_at=self.shop.now,
                )
            )  # fmt: skip

    async def owns(self) -> None:
        who = self.whose()
        asset = await self.shop.add(
            Asset(
                customer_id=who, title="Кофемашина", bought_at=self.when(-200, -150),
                warranty_until=self.when(-5, 60), maintenance_days=180, maintenance_usage=1000, usage=700,
                usage_at=self.shop.now - DAY,
            )
        )  # fmt: skip
        if self.lot.random() < 0.6:
            await self.books(who, asset.id)

    async def books(self, who: int | None = None, asset_id: int | None = None) -> None:
        starts = self.when(0.1, 6)
        await self.shop.add(
            Appointment(
                customer_id=who or self.whose(), service="Осмотр", place="Казань",
                starts_at=starts, ends_at=starts + timedelta(hours=1), state=AppointmentState.BOOKED,
                asset_id=asset_id, created_at=self.shop.now,
            )
        )  # fmt: skip

    async def complains(self) -> None:
        due = self.when(-2, 4) if self.lot.random() < 0.5 else None
        await self.shop.add(
            Ticket(
                customer_id=self.whose(), number=self.next("T"), kind=TicketKind.COMPLAINT,
                state=TicketState.OPEN, priority=TicketPriority.HIGH, subject="s", text="",
                opened_at=self.when(-4, 0), due_at=due, updated_at=self.shop.now,
            )
        )  # fmt: skip

    async def is_owed(self) -> None:
        await self.shop.add(
            Refund(
                customer_id=self.whose(), amount_minor=1, currency="RUB", state=RefundState.APPROVED,
                requested_at=self.shop.now - DAY, promised_at=self.when(-2, 6),
            )
        )  # fmt: skip

    async def collects(self) -> None:
        who = self.whose()
        async with self.shop.db.read() as session:
            account = await session.scalar(select(LoyaltyAccount).where(LoyaltyAccount.customer_id == who))
        if account is None:
            account = await self.shop.add(
                LoyaltyAccount(customer_id=who, number=self.next("L"), opened_at=self.shop.now)
            )
        points = self.lot.choice([300, 200, -150])
        await self.shop.add(
            LoyaltyEntry(
                account_id=account.id, customer_id=who, points=points, reason=next(iter(LoyaltyReason)),
                at=self.shop.now, expires_at=self.when(0, 30) if points > 0 else None,
            )
        )  # fmt: skip

    async def trouble(self) -> None:
        await self.shop.add(
            Incident(
                kind="outage", match=self.lot.choice(["Казань", "Омск"]),
                said={"ru": "Беда", "en": "Trouble"},
                starts_at=self.when(-1, 1), ends_at=self.when(1, 3), created_by="t", created_at=self.shop.now,
            )
        )  # fmt: skip

    async def moves(self) -> None:
        change = update(Customer).where(Customer.id == self.whose())
        await self._do(change.values(city=self.lot.choice(["Казань", "Омск"])))

    async def becomes_reachable(self) -> None:
        await self.shop.add(
            Identity(
                channel="webchat", account="main", external_id=self.next("v"), customer_id=self.whose(),
                method=Proof.SIGNED_USER, verified_at=self.shop.now, created_at=self.shop.now, language="ru",
            )
        )  # fmt: skip

    async def is_rated(self) -> None:
        await self.shop.add(
            Review(
                customer_id=self.whose(), subject="s", stars=self.lot.randint(1, 5), text="",
                at=self.shop.now, source="web",
            )
        )  # fmt: skip

    async def dates_move(self) -> None:
        """By plain SQL, as an import would: past the product's own code."""
        table: Any = self.lot.choice([Subscription, Refund, Order, Asset, Appointment, Ticket])
        column = {
            Subscription: "paid_until", Refund: "promised_at", Order: "promised_at", Asset: "warranty_until",
            Appointment: "starts_at", Ticket: "due_at",
        }[table]  # fmt: skip
        await self._do(
            update(table).where(table.customer_id == self.whose()).values({column: self.when(-2, 20)})
        )

    async def rows_go(self) -> None:
        table: Any = self.lot.choice([Appointment, OrderItem, Checkpoint, Subscription])
        rows = await self.shop.all(table)
        if rows:
            await self._do(delete(table).where(table.id == self.lot.choice(rows).id))

    async def _do(self, statement: Any) -> None:
        async with self.shop.db.write() as session:
            await session.execute(statement)

    def events(self) -> list[Callable[[], Awaitable[None]]]:
        return [
            self.arrives, self.orders, self.orders, self.buys_again, self.parcel_has_news, self.subscribes,
            self.card_is_declined, self.owns, self.books, self.complains, self.is_owed, self.collects,
            self.trouble, self.moves, self.becomes_reachable, self.is_rated, self.dates_move, self.dates_move,
            self.rows_go,
        ]  # fmt: skip


STEPS_OF_TIME = (
    timedelta(0), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=2), timedelta(hours=3),
    timedelta(hours=5), timedelta(hours=7), 2 * DAY,
)  # fmt: skip


@pytest.mark.parametrize("seed", range(STORIES))
async def test_nothing_is_decided_otherwise_than_by_looking_at_everybody(shop: Shop, seed: int) -> None:
    await shop.live(*EVERY_RULE)
    company, found = Company(shop, seed), 0
    for _ in range(PEOPLE):
        await company.arrives()
    for _ in range(3):
        await company.buys_again()
    for _ in range(STEPS):
        for _ in range(company.lot.randint(0, 6)):
            await company.lot.choice(company.events())()
        found = await round_(shop)
        shop.clock.advance(company.lot.choice(STEPS_OF_TIME))
    await round_(shop)
    assert found > 20


async def test_what_changes_while_one_looks_is_left_for_the_next(shop: Shop) -> None:
    maria, pyotr = await shop.customer(), await shop.customer("Пётр")
    await watch(shop.db)
    await shop.order(maria, "N1")
    async with shop.db.read() as session:
        seen = await touched(session, Range())
    assert list(seen.customers) == [maria]
    await shop.order(pyotr, "N2")
    async with shop.db.write() as session:
        await dealt_with(session, seen)
    async with shop.db.read() as session:
        assert list((await touched(session, Range())).customers) == [pyotr]


async def test_a_migration_that_lost_a_trigger_makes_everybody_be_looked_at(shop: Shop) -> None:
    await shop.live("late_delivery")
    maria = await shop.customer()
    order = await shop.order(maria, promised_at=shop.now + 20 * DAY)
    await shop.decide()
    assert await shop.decisions() == []
    async with shop.db.write() as session:
        of = "" if shop.db.is_sqlite else " ON orders"
        await session.execute(text(f"DROP TRIGGER proactive_touch_orders_update{of}"))
        await session.execute(update(Order).values(promised_at=shop.now - DAY))
    await shop.decide()
    assert [each.subject for each in await shop.decisions()] == [f"order:{order.number}"]
    assert not await watch(shop.db)


async def test_while_no_rule_works_nothing_piles_up_and_nothing_is_missed_afterwards(shop: Shop) -> None:
    await shop.live("late_delivery")
    await shop.customer()
    await shop.decide()
    async with shop.db.write() as session:
        await shop.book.move(session, "late_delivery", RuleState.PAUSED, "vera")
    await shop.order(await shop.customer())
    await forget(shop.db)
    assert await shop.all(Touch) == []
    shop.clock.advance(timedelta(minutes=1))
    async with shop.db.write() as session:
        await shop.book.move(session, "late_delivery", RuleState.LIVE, "vera")
    await shop.decide()
    assert len(await shop.decisions()) == 1


async def test_two_workers_over_the_same_customers_decide_each_once(shop: Shop) -> None:
    await shop.live("late_delivery")
    for number in range(30):
        await shop.order(await shop.customer(), f"N{number}")
    await asyncio.gather(shop.decide(), shop.decide())
    assert len(await shop.decisions()) == 30
    await shop.order(await shop.customer(), "N30")
    await asyncio.gather(shop.decide(), shop.decide())
    assert len(await shop.decisions()) == 31
