"""What stands in the database after a conversation."""

from typing import Any

from sqlalchemy import select, update

from core.db import Database
from crm_bridge.models import Order, OrderItem, Refund, Ticket


def plain(text: str) -> str:
    """With ordinary spaces in amounts."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


async def alter(shop: Database, number: str, **values: Any) -> None:
    """Make an order be as the story needs it."""
    async with shop.write() as session:
        await session.execute(update(Order).where(Order.number == number).values(**values))


async def order(shop: Database, number: str) -> Order:
    async with shop.read() as session:
        return (await session.scalars(select(Order).where(Order.number == number))).one()


async def goods(shop: Database, number: str) -> dict[str, int]:
    """Titles and quantities of an order."""
    query = select(OrderItem).join(Order, Order.id == OrderItem.order_id).where(Order.number == number)
    async with shop.read() as session:
        return {item.title: item.quantity for item in await session.scalars(query)}


async def add_item(shop: Database, number: str, title: str, price_minor: int, quantity: int = 1) -> None:
    """Another line; the total follows."""
    async with shop.write() as session:
        row = (await session.scalars(select(Order).where(Order.number == number))).one()
        row.total_minor += price_minor * quantity
        session.add(OrderItem(order_id=row.id, title=title, quantity=quantity, price_minor=price_minor))


async def tickets(shop: Database, chat: str) -> list[Ticket]:
    """Cases that were opened in a conversation."""
    query = select(Ticket).where(Ticket.conversation_id == chat).order_by(Ticket.id)
    async with shop.read() as session:
        return list(await session.scalars(query))


async def refunds_of(shop: Database, number: str) -> list[Refund]:
    query = select(Refund).join(Order, Order.id == Refund.order_id).where(Order.number == number)
    async with shop.read() as session:
        return list(await session.scalars(query.order_by(Refund.id)))
