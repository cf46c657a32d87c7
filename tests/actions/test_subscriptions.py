"""Customers look after what they get again and again, and after what the company writes to them."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.clock import ManualClock
from core.db import Database
from crm_bridge.consent import may_send
from crm_bridge.models import (
    ContactPoint,
    Customer,
    Period,
    Purpose,
    Subscription,
    SubscriptionState,
)
from tests.actions.conftest import Open
from tests.conftest import NOON

COFFEE, FILTERS = "Кофе в зёрнах, 500 г каждый месяц", "Фильтры для увлажнителя"


async def subscribe(shop: Database, ref: str, *titles: str, renews: bool = True) -> list[int]:
    """Give a customer these subscriptions, half of the month paid, instead of those they had."""
    async with shop.write() as session:
        known = select(Customer.id).where(Customer.external_ref == ref)
        customer_id = (await session.execute(known)).scalar_one()
        for old in await session.scalars(select(Subscription).where(Subscription.customer_id == customer_id)):
            await session.delete(old)
        rows = [
            Subscription(
                customer_id=customer_id,
                title=title,
                state=SubscriptionState.ACTIVE,
                price_minor=59000 if title == COFFEE else 39000,
                currency="RUB",
                period=Period.MONTH,
                renews=renews,
                started_at=NOON - timedelta(days=45),
                paid_until=NOON + timedelta(days=15),
            )
            for title in titles
        ]
        session.add_all(rows)
        await session.flush()
        return [row.id for row in rows]


async def read(shop: Database, subscription_id: int) -> Subscription:
    async with shop.read() as session:
        return await session.get_one(Subscription, subscription_id)


async def test_where_it_stands(chats: Open, shop: Database) -> None:
    await subscribe(shop, "demo-1006", COFFEE)
    dmitry = await chats("demo-1006")
    heard = (await dmitry.says("какая у меня сейчас подписка", "manage_subscription")).replace("\xa0", " ")
    assert "590 ₽ в месяц" in heard
    assert "до 5 декабря" in heard
    english = await chats("demo-1003", "en")
    assert "It runs until 26 November" in await english.says("subscription status", "manage_subscription")


async def test_nobody_subscribed_sees_what_there_is(chats: Open, shop: Database) -> None:
    await subscribe(shop, "demo-1006")
    dmitry = await chats("demo-1006")
    assert "Подписок у вас сейчас нет" in await dmitry.says("моя подписка", "manage_subscription")
    assert "действующих подписок" in (await dmitry.says("отмените подписку", "cancel_subscription")).lower()


async def test_another_plan_is_quoted_before_it_is_made(chats: Open, shop: Database) -> None:
    [coffee] = await subscribe(shop, "demo-1006", COFFEE)
    dmitry = await chats("demo-1006")
    heard = await dmitry.says("хочу перейти на другой тариф", "manage_subscription")
    assert "На какой план" in heard
    heard = (await dmitry.presses("1 кг")).replace("\xa0", " ")
    assert "1 090 ₽ в месяц" in heard
    assert "295 ₽" in heard  # half of 590
    assert "хватит до 28 ноября" in heard  # 295 / 1090 of 30 days
    assert (await read(shop, coffee)).title == COFFEE
    assert "Готово" in await dmitry.says("да", "affirm")
    changed = await read(shop, coffee)
    assert (changed.title, changed.price_minor) == ("Кофе в зёрнах, 1 кг каждый месяц", 109000)
    assert abs(changed.paid_until - (NOON + timedelta(days=30) * 295 / 1090)) < timedelta(seconds=2)


async def test_a_plan_named_at_once_is_not_asked_for(chats: Open, shop: Database) -> None:
    await subscribe(shop, "demo-1006", COFFEE)
    dmitry = await chats("demo-1006")
    heard = await dmitry.says("переведите на премиум", "manage_subscription", plan="премиум")
    assert "Перейти на «Кофе в зёрнах, 1 кг каждый месяц»" in heard
    assert "остаётся как есть" in await dmitry.says("нет", "deny")


async def test_what_changed_meanwhile_is_not_overwritten(chats: Open, shop: Database) -> None:
    [coffee] = await subscribe(shop, "demo-1006", COFFEE)
    dmitry = await chats("demo-1006")
    await dmitry.says("перейти на килограмм", "manage_subscription")
    async with shop.write() as session:  # billed while the customer thinks
        row = await session.get_one(Subscription, coffee)
        row.paid_until += timedelta(days=30)
    assert "за это время изменилась" in await dmitry.says("да", "affirm")
    assert (await read(shop, coffee)).title == COFFEE


async def test_the_same_agreement_twice_changes_the_plan_once(chats: Open, shop: Database) -> None:
    [coffee] = await subscribe(shop, "demo-1006", COFFEE)
    dmitry = await chats("demo-1006")
    await dmitry.says("перейти на килограмм", "manage_subscription")
    slots, form = dict(dmitry.slots), dmitry.form
    first = await dmitry.says("да", "affirm", message_id="same")
    until = (await read(shop, coffee)).paid_until
    dmitry.slots, dmitry.form = slots, form
    assert await dmitry.says("да", "affirm", message_id="same") == first
    assert (await read(shop, coffee)).paid_until == until


async def test_a_pause_keeps_the_paid_time(chats: Open, shop: Database, clock: ManualClock) -> None:
    [coffee] = await subscribe(shop, "demo-1006", COFFEE)
    dmitry = await chats("demo-1006")
    await dmitry.says("поставьте подписку на паузу, уезжаю на два месяца", "manage_subscription")
    assert "на паузе" in await dmitry.presses("Поставить")
    clock.advance(timedelta(days=40))
    dmitry = await chats("demo-1006")
    await dmitry.says("снимите меня с паузы", "manage_subscription")
    assert "снова действует" in await dmitry.presses("Снять с паузы")
    resumed = await read(shop, coffee)
    assert (resumed.state, resumed.paused_at) == (SubscriptionState.ACTIVE, None)
    assert resumed.paid_until == NOON + timedelta(days=55)


async def test_cancelling_takes_a_choice_and_a_yes(chats: Open, shop: Database) -> None:
    coffee, filters = await subscribe(shop, "demo-1006", COFFEE, FILTERS)
    dmitry = await chats("demo-1006")
    assert "О какой подписке" in await dmitry.says("отмените подписку", "cancel_subscription")
    assert "до 5 декабря" in await dmitry.presses(FILTERS)
    assert "списаний больше не будет" in await dmitry.says("да", "affirm")
    cancelled = await read(shop, filters)
    assert (cancelled.state, cancelled.renews) == (SubscriptionState.CANCELLED, False)
    assert cancelled.paid_until == NOON + timedelta(days=15)
    assert (await read(shop, coffee)).state is SubscriptionState.ACTIVE


async def test_the_same_yes_twice_and_what_is_cancelled_already(chats: Open, shop: Database) -> None:
    await subscribe(shop, "demo-1006", COFFEE)
    dmitry = await chats("demo-1006")
    await dmitry.says("отключите автопродление", "cancel_subscription")
    slots, form = dict(dmitry.slots), dmitry.form
    first = await dmitry.says("да", "affirm", message_id="same")
    dmitry.slots, dmitry.form = slots, form
    assert await dmitry.says("да", "affirm", message_id="same") == first
    heard = await dmitry.says("отмените подписку", "cancel_subscription")
    assert "уже не продлевается" in heard
    await dmitry.presses("Включить автопродление")
    assert "продлится 5 декабря" in await dmitry.says("да", "affirm")


async def test_a_subscription_is_named_by_its_words(chats: Open, shop: Database) -> None:
    coffee, _ = await subscribe(shop, "demo-1006", COFFEE, FILTERS)
    dmitry = await chats("demo-1006")
    assert f"Отменить «{FILTERS}»" in await dmitry.says("фильтры больше не присылайте", "cancel_subscription")
    assert "остаётся" in await dmitry.presses("Оставить")
    assert (await read(shop, coffee)).renews


async def test_nobody_reaches_the_subscription_of_somebody_else(chats: Open, shop: Database) -> None:
    [coffee] = await subscribe(shop, "demo-1006", COFFEE)
    [other] = await subscribe(shop, "demo-1001", FILTERS)
    maria = await chats("demo-1001")
    await maria.says("", "manage_subscription", value=f"pause:{coffee}")
    await maria.says("да", "affirm")
    assert (await read(shop, coffee)).state is SubscriptionState.ACTIVE
    assert (await read(shop, other)).state is SubscriptionState.PAUSED


async def allowed(shop: Database, ref: str, clock: ManualClock) -> dict[str, bool]:
    """What may be sent to a customer now."""
    async with shop.read() as session:
        known = await session.scalar(select(Customer.id).where(Customer.external_ref == ref))
        assert known is not None
        return {
            f"{purpose}:{channel}": (await may_send(session, known, purpose, channel, clock.now())).allowed
            for purpose in (Purpose.MARKETING, Purpose.SERVICE)
            for channel in ("sms", "email")
        }


async def test_advertising_stops_at_once_and_orders_go_on(
    chats: Open, shop: Database, clock: ManualClock
) -> None:
    maria = await chats("demo-1001")
    heard = await maria.says("хватит слать рекламу", "notifications_opt_out")
    assert "статус заказа" in heard
    may = await allowed(shop, "demo-1001", clock)
    assert may == {
        "marketing:sms": False,
        "marketing:email": False,
        "service:sms": True,
        "service:email": True,
    }
    heard = await maria.presses("Не писать и о заказах")
    assert "вообще" in heard
    assert not any((await allowed(shop, "demo-1001", clock)).values())


async def test_advertising_comes_back_by_the_channel_that_was_chosen(
    chats: Open, shop: Database, clock: ManualClock
) -> None:
    maria = await chats("demo-1001")
    await maria.says("отпишите меня", "notifications_opt_out")
    heard = await maria.says("хочу снова получать акции", "notifications_opt_in")
    assert "не чаще двух раз в неделю" in heard
    assert "на почту" in await maria.presses("На почту")
    may = await allowed(shop, "demo-1001", clock)
    assert (may["marketing:sms"], may["marketing:email"]) == (False, True)


async def test_one_channel_alone_is_switched_off(chats: Open, shop: Database, clock: ManualClock) -> None:
    maria = await chats("demo-1001", "en")
    await maria.says("send me offers by email and text", "notifications_opt_in")
    if maria.form:
        await maria.presses("Everywhere")
    heard = await maria.says("no more text messages please", "notifications_opt_out")
    assert "by text message" in heard
    assert not (await allowed(shop, "demo-1001", clock))["marketing:sms"]


async def test_order_messages_are_switched_on_again(chats: Open, shop: Database, clock: ManualClock) -> None:
    maria = await chats("demo-1001")
    await maria.says("вообще никаких сообщений", "notifications_opt_out")
    assert not (await allowed(shop, "demo-1001", clock))["service:sms"]
    assert "статус заказа" in await maria.says("присылайте смс о статусе заказа", "notifications_opt_in")
    assert (await allowed(shop, "demo-1001", clock))["service:sms"]


async def test_there_is_no_writing_to_where_nothing_is_known(chats: Open, shop: Database) -> None:
    async with shop.write() as session:
        known = select(Customer.id).where(Customer.external_ref == "demo-1001").scalar_subquery()
        points = await session.scalars(select(ContactPoint).where(ContactPoint.customer_id == known))
        for point in points:
            if point.kind == "email":
                await session.delete(point)
    maria = await chats("demo-1001")
    heard = await maria.says("присылайте новинки на почту", "notifications_opt_in")
    assert "такого контакта у нас нет" in heard


async def test_to_be_left_in_peace_needs_no_new_code(chats: Open, shop: Database, clock: ManualClock) -> None:
    maria = await chats("demo-1001")
    clock.advance(timedelta(days=30))  # the proof of who she is has run out
    assert "рекламы больше не будет" in await maria.says("стоп", "notifications_opt_out")
    assert not (await allowed(shop, "demo-1001", clock))["marketing:email"]
    stranger = await chats()
    await stranger.ask("action_notifications_opt_out", "отпишите меня", "notifications_opt_out")
    assert stranger.form == "identification_form"


@pytest.mark.parametrize("said", ["не присылайте письма на почту", "письма на почту уберите"])
async def test_a_channel_is_heard(chats: Open, said: str) -> None:
    maria = await chats("demo-1001")
    assert "на почту" in await maria.says(said, "notifications_opt_out")
