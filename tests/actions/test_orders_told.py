"""A customer asks where an order is, or why it is late, and reads the truth."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from core.clock import ManualClock
from core.db import Database
from crm_bridge.models import CheckpointKind, Order, OrderState, Payment, PaymentState, Shipment
from crm_bridge.models.shipment import Checkpoint
from tests.actions.chat import read
from tests.actions.conftest import Open

TRACK, DELAY, LIST = "action_track_order", "action_delivery_delay", "action_list_orders"


async def alter(shop: Database, number: str, **values: Any) -> None:
    async with shop.write() as session:
        await session.execute(update(Order).where(Order.number == number).values(**values))


async def test_an_order_on_its_way(chats: Open) -> None:
    maria = await chats("demo-1001")
    [reply] = await maria.ask(TRACK, "где мой заказ 1001", order_id="1001")
    assert reply.text.startswith("Заказ 1001 в пути.")
    assert "как и обещали" in reply.text
    assert "Трек-номер" in reply.text
    assert "Позвать сотрудника" in reply.buttons
    assert maria.slots["order_id"] == "1001"


async def test_without_a_number_the_only_open_order_is_meant(chats: Open) -> None:
    maria = await chats("demo-1001")
    assert "Заказ 1001" in read(await maria.ask(TRACK, "где мой заказ"))


@pytest.mark.parametrize(
    ("ref", "language", "said"),
    [
        ("demo-1003", "en", "Order 1003 is out for delivery.\nIt should arrive today, as promised."),
        ("demo-1005", "ru", "Заказ 1005 приехал и ждёт вас.\nПункт выдачи: Санкт-Петербург,"),
        ("demo-1005", "en", "Order 1005 has arrived and is waiting for you.\nPick-up point:"),
    ],
)
async def test_what_stands_is_told_in_the_customers_language(
    chats: Open, ref: str, language: str, said: str
) -> None:
    customer = await chats(ref, language)
    assert read(await customer.ask(TRACK, "where is it")).startswith(said)


async def test_several_open_orders_are_a_choice(chats: Open) -> None:
    dmitry = await chats("demo-1006")
    [reply] = await dmitry.ask(TRACK, "где мой заказ")
    assert reply.text == "О каком заказе речь?"
    assert sorted(reply.buttons) == [
        "1006 — собирают",
        "1007 — задерживается",
        "1008 — оплачен",
        "Позвать сотрудника",
    ]


async def test_of_many_open_orders_five_are_offered(chats: Open, shop: Database) -> None:
    async with shop.write() as session:
        [dmitrys] = await session.scalars(select(Order.customer_id).where(Order.number == "1006"))
        others = ["1001", "1002", "1003", "1004"]
        await session.execute(update(Order).where(Order.number.in_(others)).values(customer_id=dmitrys))
    dmitry = await chats("demo-1006")
    [reply] = await dmitry.ask(TRACK, "где мой заказ")
    assert reply.text == "О каком заказе речь?"
    assert len([one for one in reply.buttons.values() if one.startswith("/answer")]) == 5


async def test_a_late_order_is_the_only_late_one(chats: Open) -> None:
    dmitry = await chats("demo-1006", "en")
    assert "We are sorry: order 1007 is late" in await dmitry.says("my order is late", "delivery_delay")


async def test_the_choice_leads_back_to_what_was_asked(chats: Open) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("хочу отменить заказ", "cancel_order")
    assert "Отменить заказ 1008" in await dmitry.says("который блендер", "product_advice")


async def test_the_order_spoken_about_stays_in_mind(chats: Open) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.ask(TRACK, "где заказ 1007", order_id="1007")
    assert "1007 задерживается" in read(await dmitry.ask(DELAY, "а когда привезут?", "delivery_delay"))
    assert "Заказ 1008" in read(await dmitry.ask(TRACK, "а 1008?"))


async def test_a_closed_order_gives_way_to_open_ones(chats: Open) -> None:
    dmitry = await chats("demo-1006")
    assert "Заказ 1009 доставлен" in read(await dmitry.ask(TRACK, "где заказ 1009", order_id="1009"))
    assert "О каком заказе речь?" in read(await dmitry.ask(TRACK, "где мой заказ"))


async def test_the_list_holds_closed_orders_too(chats: Open) -> None:
    dmitry = await chats("demo-1006")
    [reply] = await dmitry.ask(LIST, intent="list_orders")
    assert len(reply.buttons) == 4
    assert "1009 — доставлен" in reply.buttons


async def test_another_customers_order_is_not_told_apart_from_none(chats: Open) -> None:
    maria = await chats("demo-1001")
    others = await maria.ask(TRACK, "где заказ 1002", order_id="1002")
    nobodys = await maria.ask(TRACK, "где заказ 999999", order_id="999999")
    assert others == nobodys
    assert "такого номера нет" in read(others)
    assert "1001 — в пути" in others[0].buttons
    assert maria.slots["order_id"] is None


async def test_slots_are_no_identity(chats: Open) -> None:
    """Whatever stands in slots or entities, a stranger is asked who they are."""
    stranger = await chats()
    stranger.slots |= {"customer_id": 1, "verified": True, "identification_code": "accepted"}
    replies = await stranger.ask(TRACK, "где заказ 1001", order_id="1001", customer_id="1")
    assert "Заказ 1001" not in read(replies)
    assert "одноразовый код" in read(replies)


async def test_a_proof_grows_old(chats: Open, clock: ManualClock) -> None:
    maria = await chats("demo-1001")
    clock.advance(timedelta(hours=13))
    assert "одноразовый код" in read(await maria.ask(TRACK, "где мой заказ"))


async def test_late_because_of_sorting(chats: Open) -> None:
    peter = await chats("demo-1002")
    [reply] = await peter.ask(DELAY, "почему так долго", "delivery_delay")
    assert reply.text.startswith("Простите нас: заказ 1002 задерживается. Мы обещали доставить его")
    assert "задержка при сортировке" in reply.text
    assert "Теперь ждём его" in reply.text
    assert peter.slots["offer"] == "human_agent"


async def test_late_at_customs_in_english(chats: Open) -> None:
    anna = await chats("demo-1004", "en")
    [reply] = await anna.ask(DELAY, "why so late", "delivery_delay")
    assert reply.text.startswith("We are sorry: order 1004 is late.")
    assert "customs" in reply.text
    assert "Would you like me to call a person?" in reply.text


async def test_not_late_is_said_honestly(chats: Open) -> None:
    maria = await chats("demo-1001")
    [reply] = await maria.ask(DELAY, "опаздывает?", "delivery_delay")
    assert reply.text.startswith("Заказ 1001 идёт по плану, задержки не вижу.")
    assert "как и обещали" in reply.text


async def test_a_passed_date_of_the_carrier_is_not_promised_again(
    chats: Open, shop: Database, clock: ManualClock
) -> None:
    late = clock.now() - timedelta(days=3)
    await alter(shop, "1002", promised_at=late, expected_at=late + timedelta(days=1))
    peter = await chats("demo-1002")
    assert "Новой даты пока нет" in read(await peter.ask(DELAY, "ну где", "delivery_delay"))
    assert "новой даты пока нет" in read(await peter.ask(TRACK, "где заказ"))


async def test_a_delay_before_shipping_is_ours(chats: Open, shop: Database, clock: ManualClock) -> None:
    await alter(shop, "1008", promised_at=clock.now() - timedelta(days=1), expected_at=None)
    dmitry = await chats("demo-1006")
    text = read(await dmitry.ask(DELAY, "где 1008", "delivery_delay", order_id="1008"))
    assert "задержка на нашей стороне" in text


async def test_late_within_the_day_names_the_hours(chats: Open, shop: Database, clock: ManualClock) -> None:
    now = clock.now()  # noon in Moscow, two o'clock in Yekaterinburg
    await alter(shop, "1007", promised_at=now - timedelta(hours=1), expected_at=now + timedelta(hours=4))
    dmitry = await chats("demo-1006")
    text = read(await dmitry.ask(DELAY, "где 1007", "delivery_delay", order_id="1007"))
    assert "обещали доставить его сегодня к 13:00" in text
    assert "ждём его сегодня к 18:00" in text


@pytest.mark.parametrize(("days", "said"), [(0, "Если вы его не получали"), (3, "с опозданием на 3 дня")])
async def test_delivered_and_yet_missed(
    chats: Open, shop: Database, clock: ManualClock, days: int, said: str
) -> None:
    arrived = clock.now() - timedelta(hours=2)
    await alter(shop, "1009", delivered_at=arrived, promised_at=arrived - timedelta(days=days))
    dmitry = await chats("demo-1006")
    text = read(await dmitry.ask(DELAY, "1009 так и не пришёл", "delivery_delay", order_id="1009"))
    assert "доставлен сегодня" in text
    assert said in text


async def test_an_unpaid_order_waits_for_its_money(chats: Open, shop: Database) -> None:
    await alter(shop, "1001", state=OrderState.NEW, total_minor=149900)
    async with shop.write() as session:
        order_id = select(Order.id).where(Order.number == "1001").scalar_subquery()
        await session.execute(
            update(Payment).where(Payment.order_id == order_id).values(state=PaymentState.PENDING)
        )
    maria = await chats("demo-1001")
    assert "К оплате 1\u00a0499\u00a0₽" in read(await maria.ask(TRACK, "где мой заказ"))


async def test_no_orders_at_all(chats: Open, shop: Database) -> None:
    async with shop.write() as session:
        await session.execute(delete(Order).where(Order.number == "1001"))
    maria = await chats("demo-1001")
    for action in (TRACK, DELAY, LIST):
        assert read(await maria.ask(action, "где мой заказ")).startswith("У вас пока нет заказов.")


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("state", list(OrderState))
@pytest.mark.parametrize("action", [TRACK, DELAY])
async def test_every_state_reads_well(
    chats: Open, shop: Database, clock: ManualClock, state: OrderState, action: str, language: str
) -> None:
    await alter(shop, "1001", state=state, delivered_at=clock.now(), keep_until=clock.now())
    maria = await chats("demo-1001", language)
    [reply] = await maria.ask(action, "1001?", order_id="1001")
    assert "1001" in reply.text
    assert reply.text == reply.text.strip()
    assert "\n\n" not in reply.text
    assert "/human_agent" in reply.buttons.values()


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("kind", list(CheckpointKind))
async def test_every_checkpoint_reads_well(
    chats: Open, shop: Database, clock: ManualClock, kind: CheckpointKind, language: str
) -> None:
    await alter(shop, "1001", promised_at=clock.now() - timedelta(days=2), expected_at=None)
    await add_checkpoint(shop, "1001", kind, clock.now())
    maria = await chats("demo-1001", language)
    for action in (TRACK, DELAY):
        [reply] = await maria.ask(action, "1001?", order_id="1001")
        assert ("Тверь" if language == "ru" else "today at") in reply.text


async def add_checkpoint(shop: Database, number: str, kind: CheckpointKind, at: datetime) -> None:
    async with shop.write() as session:
        query = select(Shipment.id).join(Order, Order.id == Shipment.order_id).where(Order.number == number)
        shipment_id = (await session.execute(query)).scalar_one()
        session.add(Checkpoint(shipment_id=shipment_id, kind=kind, place="Тверь", at=at))
