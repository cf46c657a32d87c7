"""Each predictor sees its problem, and nothing where there is none; on both databases."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.proactive.compose import Reader
from bot.proactive.explaining import reason_of
from bot.proactive.signals.all import predictors
from bot.proactive.signals.background import background
from bot.proactive.signals.base import Question, Range, Signal
from bot.proactive.tables import Incident, SignalRow
from crm_bridge.models import (
    Appointment,
    AppointmentState,
    Asset,
    Author,
    Checkpoint,
    CheckpointKind,
    Conversation,
    Identity,
    LoyaltyAccount,
    LoyaltyEntry,
    LoyaltyReason,
    Message,
    MessageState,
    Order,
    OrderItem,
    OrderState,
    Payment,
    PaymentMethod,
    PaymentState,
    Period,
    Refund,
    RefundState,
    SavedMethod,
    Shipment,
    Subscription,
    SubscriptionState,
    Ticket,
    TicketKind,
    TicketState,
    Watch,
    WatchReason,
)
from tests.proactive.conftest import Shop

DAY = timedelta(days=1)
WEEK = timedelta(days=7)


async def found(
    shop: Shop, kind: str, horizon: timedelta = WEEK, late: timedelta = WEEK, least: float = 0.0
) -> list[Signal]:
    known = await background(shop.db, shop.now, keep=False)
    async with shop.db.read() as session:
        asked = Question(shop.now, Range(), horizon, late, least)
        signals = await predictors(known, shop.models)[kind].signals(session, asked)
        for one in signals:  # what the last look asks: this one alone, of this customer
            alone = Range(one.customer_id - 1, one.customer_id)
            again = Question(shop.now, alone, horizon, late, 0.0, one.subject)
            assert one.key in {
                each.key for each in await predictors(known, shop.models)[kind].signals(session, again)
            }
    for one in signals:
        row = SignalRow(
            kind=one.kind, subject=one.subject, customer_id=1, expected_at=one.expected_at, model="",
            probability=one.probability, reason={"code": one.reason, **one.words},
        )  # fmt: skip
        for language in ("ru", "en"):
            said = reason_of(row, Reader("", language, "Europe/Moscow"))
            assert "{" not in said
            assert said != one.reason
        assert 0 <= one.probability <= 1
    return sorted(signals, key=lambda one: one.subject)


def subscription(customer_id: int, now: datetime, ends_in: int, **given: Any) -> Subscription:
    values: dict[str, Any] = {
        "title": "Кофе", "state": SubscriptionState.ACTIVE, "price_minor": 1, "currency": "RUB",
        "period": Period.MONTH, "renews": True, "started_at": now - 90 * DAY,
        "paid_until": now + ends_in * DAY,
    }  # fmt: skip
    return Subscription(customer_id=customer_id, **values | given)


async def card(shop: Shop, customer_id: int, expires_in: int, four: str = "4242") -> int:
    row = await shop.add(
        SavedMethod(
            customer_id=customer_id, method=PaymentMethod.CARD, last_four=four,
            expires_at=shop.now + expires_in * DAY, created_at=shop.now,
        )
    )  # fmt: skip
    id_: int = row.id
    return id_


async def test_parcels_that_are_late_or_will_be(shop: Shop) -> None:
    maria = await shop.customer()
    await shop.order(maria, "late")
    await shop.order(maria, "fine", promised_at=shop.now + 3 * DAY)
    await shop.order(maria, "moved", promised_at=shop.now + DAY, expected_at=shop.now + 3 * DAY)
    stuck = await shop.order(maria, "stuck", promised_at=shop.now + DAY)
    await shop.order(maria, "done", state=OrderState.DELIVERED, delivered_at=shop.now)
    shipment = next(row for row in await shop.all(Shipment) if row.order_id == stuck.id)
    delayed = CheckpointKind.DELAY_SORTING
    await shop.add(Checkpoint(shipment_id=shipment.id, kind=delayed, place="Казань", at=shop.now - DAY))
    signals = {one.subject: one.reason for one in await found(shop, "late_delivery", least=0.6)}
    assert signals == {"order:late": "overdue", "order:moved": "carrier_says", "order:stuck": "delayed"}


async def test_a_carrier_that_is_often_late_on_a_route(shop: Shop) -> None:
    maria = await shop.customer()
    for number in range(30):
        done = shop.now - (10 + number) * DAY
        await shop.order(
            maria, f"old{number}", state=OrderState.DELIVERED, promised_at=done - DAY, delivered_at=done
        )
    await shop.order(maria, "new", promised_at=shop.now + 2 * DAY)
    [signal] = await found(shop, "late_delivery")
    assert signal.reason == "slow_route"
    assert signal.probability > 0.7


async def test_news_of_a_parcel_we_promised_to_watch(shop: Shop) -> None:
    maria = await shop.customer()
    order = await shop.order(maria)
    await shop.add(
        Watch(
            customer_id=maria, order_id=order.id, reason=WatchReason.LATE_PARCEL, until=shop.now + WEEK,
            created_at=shop.now - DAY,
        )
    )  # fmt: skip
    assert await found(shop, "watched_parcel") == []
    [shipment] = await shop.all(Shipment)
    ready = CheckpointKind.READY_FOR_PICKUP
    await shop.add(Checkpoint(shipment_id=shipment.id, kind=ready, place="Казань", at=shop.now))
    assert [one.reason for one in await found(shop, "watched_parcel")] == ["watched_ready_for_pickup"]


async def test_charges_that_will_fail(shop: Shop) -> None:
    reasons = {}
    for name, expires_in, state, count in (
        ("expires", 2, PaymentState.PAID, 3),
        ("declined", 400, PaymentState.FAILED, 2),
        ("fine", 400, PaymentState.PAID, 3),
        ("new", 400, PaymentState.PAID, 0),
    ):
        customer_id = await shop.customer(name)
        method = await card(shop, customer_id, expires_in)
        await shop.add(subscription(customer_id, shop.now, 4, payment_method_id=method))
        order = await shop.order(customer_id, name)
        for _ in range(count):
            await shop.add(
                Payment(
                    order_id=order.id, method=PaymentMethod.CARD, last_four="4242", state=state,
                    amount_minor=1, currency="RUB", created_at=shop.now - DAY,
                )
            )  # fmt: skip
        reasons[customer_id] = name
    nobody = await shop.customer("none")
    await shop.add(subscription(nobody, shop.now, 4))
    signals = {reasons.get(one.customer_id, "none"): one for one in await found(shop, "payment_failing")}
    assert {name: one.reason for name, one in signals.items()} == {
        "expires": "card_expires", "declined": "declines", "new": "no_history", "none": "no_card",
    }  # fmt: skip
    assert signals["new"].probability < 0.5 < signals["declined"].probability


async def test_subscriptions_that_end(shop: Shop) -> None:
    maria = await shop.customer()
    await shop.add(subscription(maria, shop.now, 3, renews=False))
    await shop.add(subscription(maria, shop.now, 3))
    await shop.add(subscription(maria, shop.now, 40, renews=False))
    await shop.add(subscription(maria, shop.now, 3, state=SubscriptionState.CANCELLED))
    assert len(await found(shop, "subscription_ending")) == 2


async def test_maintenance_by_time_or_usage_whichever_comes_first(shop: Shop) -> None:
    maria = await shop.customer()

    async def thing(**given: Any) -> int:
        row = await shop.add(Asset(customer_id=maria, title="Кофемашина", **given))
        id_: int = row.id
        return id_

    by_time = await thing(bought_at=shop.now - 178 * DAY, maintenance_days=180)
    by_use = await thing(
        bought_at=shop.now - 100 * DAY, maintenance_days=300, maintenance_usage=1000, usage=970,
        usage_at=shop.now - DAY, usage_unit="cups",
    )  # fmt: skip
    await thing(bought_at=shop.now - 50 * DAY, maintenance_days=180)
    booked = await thing(bought_at=shop.now - 178 * DAY, maintenance_days=180)
    await shop.add(
        Appointment(
            customer_id=maria, asset_id=booked, service="s", place="p", state=AppointmentState.BOOKED,
            starts_at=shop.now + DAY, ends_at=shop.now + DAY, created_at=shop.now,
        )
    )  # fmt: skip
    signals = {one.subject.split(":")[1]: one.reason for one in await found(shop, "maintenance_due")}
    assert signals == {str(by_time): "time_passed", str(by_use): "used_much"}
    await thing(bought_at=shop.now - 300 * DAY, warranty_until=shop.now + 3 * DAY)
    assert len(await found(shop, "warranty_ending")) == 1


async def test_a_reading_moves_the_day_of_a_maintenance_and_it_stays_the_same_one(shop: Shop) -> None:
    maria = await shop.customer()
    thing = await shop.add(
        Asset(
            customer_id=maria, title="Кофемашина", bought_at=shop.now - 100 * DAY, maintenance_usage=1000,
            usage=880, usage_at=shop.now, usage_unit="cups",
        )
    )  # fmt: skip
    [first] = await found(shop, "maintenance_due", 30 * DAY)
    async with shop.db.write() as session:
        more = update(Asset).where(Asset.id == thing.id)
        await session.execute(more.values(usage=990))
    [second] = await found(shop, "maintenance_due", 30 * DAY)
    assert (first.expected_at.month, second.expected_at.month) == (12, 11)  # the clock stands at 20 November
    assert first.subject == second.subject
    async with shop.db.write() as session:
        looked_after = update(Asset).where(Asset.id == thing.id)
        await session.execute(looked_after.values(maintained_at=shop.now, maintained_usage=20))
    [next_one] = await found(shop, "maintenance_due", 30 * DAY)
    assert next_one.subject != first.subject


async def bought(shop: Shop, customer_id: int, title: str, *days_ago: int) -> None:
    for days in days_ago:
        at = shop.now - days * DAY
        order = await shop.order(
            customer_id, f"{customer_id}-{title}-{days}", state=OrderState.DELIVERED, placed_at=at,
            promised_at=at + DAY, delivered_at=at,
        )  # fmt: skip
        await shop.add(OrderItem(order_id=order.id, title=title, quantity=1, price_minor=1))


async def test_what_is_bought_again_and_again(shop: Shop) -> None:
    for _ in range(4):
        await bought(shop, await shop.customer(), "Корм", 95, 65, 35, 5)
    fast = await shop.customer()
    await bought(shop, fast, "Корм", 49, 34, 19, 14)  # every twelve days
    once = await shop.customer()
    await bought(shop, once, "Корм", 24)
    await bought(shop, once, "Шкаф", 28)
    signals = {one.customer_id: one for one in await found(shop, "restock_due", 5 * DAY, 5 * DAY)}
    assert signals.keys() == {fast, once}
    assert (signals[fast].reason, signals[once].reason) == ("own_rhythm", "group_rhythm")


async def test_who_used_to_buy_and_is_silent(shop: Shop) -> None:
    for _ in range(5):
        await bought(shop, await shop.customer(), "Кофе", 62, 32, 2)
    gone = await shop.customer()
    await bought(shop, gone, "Кофе", 135, 115, 95, 75, 55)
    [signal] = await found(shop, "churn_risk", timedelta(0), 21 * DAY)
    assert signal.customer_id == gone
    before = signal.probability
    await shop.add(
        Ticket(
            customer_id=gone, number="T-9", kind=TicketKind.COMPLAINT, state=TicketState.SOLVED, subject="s",
            opened_at=shop.now - 60 * DAY, updated_at=shop.now,
        )
    )  # fmt: skip
    [signal] = await found(shop, "churn_risk", timedelta(0), 21 * DAY)
    assert signal.reason == "silent_with_complaints"
    assert signal.probability > before


async def test_who_wrote_in_anger_before_falling_silent_is_likelier_gone(shop: Shop) -> None:
    for _ in range(5):
        await bought(shop, await shop.customer(), "Кофе", 62, 32, 2)
    gone = await shop.customer()
    await bought(shop, gone, "Кофе", 135, 115, 95, 75, 55)
    calm = (await found(shop, "churn_risk", timedelta(0), 21 * DAY))[0]
    async with shop.db.read() as session:
        visitor = (await session.scalars(select(Identity).where(Identity.customer_id == gone))).one()
    talk = Conversation(
        id="c1", identity_id=visitor.id, channel="webchat", account="main", language="ru",
        created_at=shop.now, updated_at=shop.now,
    )  # fmt: skip
    await shop.add(talk)
    for number, (sounds, ago) in enumerate(((-0.9, 40), (-0.5, 39), (0.9, 90))):  # the last was long ago
        await shop.add(
            Message(
                id=f"m{number}", conversation_id="c1", identity_id=visitor.id, seq=number + 1,
                author=Author.CUSTOMER, text="…", details={"nlu": {"sentiment": sounds}},
                state=MessageState.RECEIVED, created_at=shop.now - ago * DAY,
            )
        )  # fmt: skip
    [upset] = await found(shop, "churn_risk", timedelta(0), 21 * DAY)
    assert (calm.reason, upset.reason) == ("silent", "silent_upset")
    assert upset.probability > calm.probability


async def test_points_that_burn_are_those_that_were_not_spent(shop: Shop) -> None:
    maria = await shop.customer()
    account = await shop.add(LoyaltyAccount(customer_id=maria, number="L1", opened_at=shop.now - 99 * DAY))
    for points, ends_in in ((300, 4), (500, 60), (-120, None)):
        await shop.add(
            LoyaltyEntry(
                account_id=account.id, customer_id=maria, points=points, at=shop.now - 9 * DAY,
                reason=LoyaltyReason.EARNED if points > 0 else LoyaltyReason.SPENT,
                expires_at=shop.now + ends_in * DAY if ends_in else None,
            )
        )  # fmt: skip
    [signal] = await found(shop, "points_burning")
    assert signal.words["points"] == 180


async def test_visits_refunds_and_complaints(shop: Shop) -> None:
    maria = await shop.customer()
    order = await shop.order(maria)
    soon = Appointment(
        customer_id=maria, service="s", place="p", state=AppointmentState.BOOKED, starts_at=shop.now + DAY,
        ends_at=shop.now + DAY, created_at=shop.now,
    )  # fmt: skip
    await shop.add(soon)
    assert len(await found(shop, "appointment_soon", DAY)) == 1
    for promised in (-2, 5):
        await shop.add(
            Refund(
                customer_id=maria, order_id=order.id, state=RefundState.APPROVED, amount_minor=1,
                currency="RUB", requested_at=shop.now - 9 * DAY, promised_at=shop.now + promised * DAY,
            )
        )  # fmt: skip
    assert [one.reason for one in await found(shop, "refund_overdue", timedelta(0))] == ["overdue_refund"]
    for number, state in (("T-1", TicketState.OPEN), ("T-2", TicketState.SOLVED)):
        await shop.add(
            Ticket(
                customer_id=maria, number=number, kind=TicketKind.COMPLAINT, state=state, subject="Сломалось",
                opened_at=shop.now - 3 * DAY, due_at=shop.now - DAY, updated_at=shop.now,
            )
        )  # fmt: skip
    signals = await found(shop, "unresolved_complaint")
    assert [(one.subject, one.reason) for one in signals] == [("ticket:T-1", "complaint_overdue")]


@pytest.mark.parametrize(
    ("kind", "match"),
    [("outage", "Казань"), ("closed_point", "Казань, Баумана 1"), ("recall", "Чайник"), ("service", "Кофе")],
)
async def test_incidents_find_whom_they_touch(shop: Shop, kind: str, match: str) -> None:
    maria = await shop.customer(city="Казань")
    await shop.order(maria, delivery_place="Казань, Баумана 1")
    await bought(shop, maria, "Чайник", 20)
    await shop.add(subscription(maria, shop.now, 9))
    other = await shop.customer("Пётр", city="Самара")
    await shop.order(other, "other")
    await shop.add(
        Incident(
            kind=kind, match=match, said={"ru": "Не работает.", "en": "Broken."}, starts_at=shop.now - DAY,
            created_by="vera", created_at=shop.now,
        )
    )  # fmt: skip
    assert [one.customer_id for one in await found(shop, "incident")] == [maria]
    assert len(await shop.all(Order)) == 3
