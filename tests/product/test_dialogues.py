"""A dialogue in the real engine: it starts after the identification and survives what comes in between."""

from sqlalchemy import select

from crm_bridge.models import Order, OrderState
from tests.product.running import Product


async def test_a_customer_changes_his_mind_is_interrupted_and_gets_it_done(product: Product) -> None:
    dmitry = await product.customer()
    await dmitry.says("хочу отменить заказ")
    assert "О каком заказе" in await dmitry.proves("dmitry.kozlov@example.com")
    assert "1008" in await dmitry.presses("1008")
    between = await dmitry.says("а вы вообще человек?")
    assert "виртуальная помощница" in between
    assert "Отменить заказ 1008" in between
    between = await dmitry.says("а где заказ 1007?")
    assert "1007" in between
    assert "Отменить заказ 1008" in between
    assert "О каком заказе" in await dmitry.says("нет, другой заказ")
    assert "Отменить заказ 1006" in await dmitry.says("1006")
    assert "остаётся в силе" in await dmitry.says("передумал, не надо")
    await dmitry.says("отмените заказ 1008 пожалуйста")
    assert "отменён" in await dmitry.says("да")
    async with product.db.read() as session:
        state = await session.scalar(select(Order.state).where(Order.number == "1008"))
    assert state is OrderState.CANCELLED


async def test_the_second_inquiry_of_a_message_is_served_too(product: Product) -> None:
    dmitry = await product.customer(language="en")
    heard = await dmitry.says("cancel order 1008 and where is my order 1007?")
    print(heard)
    heard = await dmitry.proves("dmitry.kozlov@example.com")
    print(heard)
    print(await dmitry.says("no"))
