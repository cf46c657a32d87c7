"""How any dialogue behaves: interruption, correction, a change of mind, a pause. Told with cancelling."""

from datetime import timedelta

from sqlalchemy import select, update

from core.clock import ManualClock
from core.db import Database
from crm_bridge.models import Identity, Order, OrderState, Refund
from tests.actions.chat import read
from tests.actions.conftest import Open


async def state_of(shop: Database, number: str) -> OrderState:
    async with shop.read() as session:
        return (await session.execute(select(Order.state).where(Order.number == number))).scalar_one()


async def refunds(shop: Database) -> int:
    async with shop.read() as session:
        found = await session.scalars(select(Refund).where(Refund.reason == "order cancelled"))
        return len(found.all())


async def test_the_customer_chooses_hears_the_price_agrees_and_it_is_done(
    chats: Open, shop: Database
) -> None:
    dmitry = await chats("demo-1006")
    assert "О каком заказе" in await dmitry.says("хочу отменить заказ", "cancel_order")
    assert "бесплатно" in await dmitry.presses("1008")
    assert "отменён" in await dmitry.presses("Да, отменить")
    assert await state_of(shop, "1008") is OrderState.CANCELLED
    assert dmitry.form is None
    assert await refunds(shop) == 1


async def test_the_fee_is_said_before_anything_is_done(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    assert "удержим" in await maria.says("отмените мой заказ", "cancel_order")
    assert await state_of(shop, "1001") is OrderState.SHIPPED
    assert "остаётся в силе" in await maria.says("нет", "deny")
    assert await state_of(shop, "1001") is OrderState.SHIPPED


async def test_another_question_in_between_is_answered_and_the_dialogue_goes_on(chats: Open) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("отменить заказ 1008", "cancel_order", order_id="1008")
    heard = await dmitry.says("а вы бот?", "bot_challenge")
    assert "виртуальная помощница" in heard
    assert "Отменить заказ 1008" in heard
    assert "отменён" in await dmitry.says("да", "affirm")


async def test_no_another_order(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("отменить заказ 1008", "cancel_order", order_id="1008")
    assert "О каком заказе" in await dmitry.says("нет, другой заказ", "deny")
    assert "Отменить заказ 1006" in await dmitry.says("1006", "out_of_scope", order_id="1006")
    assert "Отменить заказ 1008" in await dmitry.says(
        "ой нет, всё-таки 1008", "out_of_scope", order_id="1008"
    )
    assert "отменён" in await dmitry.says("да", "affirm")
    assert await state_of(shop, "1008") is OrderState.CANCELLED
    assert await state_of(shop, "1006") is OrderState.PACKING


async def test_a_change_of_mind_at_any_step(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("отменить заказ", "cancel_order")
    assert "оставим это" in await dmitry.says("не надо, передумал", "out_of_scope")
    assert dmitry.form is None
    assert await state_of(shop, "1008") is OrderState.PAID


async def test_the_same_message_twice_does_it_once(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("отменить заказ 1008", "cancel_order", order_id="1008")
    before, form = dict(dmitry.slots), dmitry.form
    first = await dmitry.says("да", "affirm", message_id="same")
    dmitry.slots, dmitry.form = before, form
    assert await dmitry.says("да", "affirm", message_id="same") == first
    assert await refunds(shop) == 1


async def test_nonsense_is_asked_again_and_the_third_time_people_help(chats: Open) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("отменить заказ", "cancel_order")
    assert "не поняла ответ" in await dmitry.says("фыва")
    assert "О каком заказе" in await dmitry.says("олдж")
    await dmitry.says("ячс")
    assert dmitry.said[-1].custom == {"handoff": {"reason": "not_understood"}}
    assert dmitry.form is None


async def test_after_a_long_pause_she_asks_whether_to_go_on(chats: Open, clock: ManualClock) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("отменить заказ 1008", "cancel_order", order_id="1008")
    clock.advance(timedelta(hours=7))
    assert "Продолжим?" in await dmitry.says("здравствуйте", "greet")
    assert "Отменить заказ 1008" in await dmitry.says("да", "affirm")
    assert "отменён" in await dmitry.says("да", "affirm")


async def test_an_older_button_corrects_the_answer(chats: Open) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("отменить заказ", "cancel_order")
    older = dmitry.said
    assert "1008" in await dmitry.presses("1008")
    dmitry.said = older
    assert "Отменить заказ 1006" in await dmitry.presses("1006")


async def test_a_matter_inside_a_matter_ends_first(chats: Open) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("отменить заказ 1008", "cancel_order", order_id="1008")
    heard = await dmitry.says("где заказ 1007?", "track_order", order_id="1007")
    assert "1007" in heard
    assert "Отменить заказ 1008" in heard


async def test_a_bare_number_corrects_the_order_too(chats: Open) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("отменить заказ 1006", "cancel_order", order_id="1006")
    assert "Отменить заказ 1008" in await dmitry.says("нет, 1008", "deny")


async def test_when_the_proof_runs_out_it_is_asked_for_again_and_the_matter_goes_on(
    chats: Open, clock: ManualClock, shop: Database
) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("отменить заказ 1008", "cancel_order", order_id="1008")
    clock.advance(timedelta(hours=20))
    assert "Продолжим?" in await dmitry.says("здравствуйте", "greet")
    await dmitry.run("validate_task_form", "да", "affirm")
    assert dmitry.slots["followup"] == "identification_form"
    async with shop.write() as session:
        await session.execute(update(Identity).values(verified_at=clock.now()))
    said = await dmitry.run("action_after_identification", "123456")
    assert "Отменить заказ 1008" in read(said)
