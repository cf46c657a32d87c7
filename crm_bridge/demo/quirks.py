"""What befell the customers one can play, and nobody else: a payment made twice, a promo code used."""

from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.demo.clients import Client
from crm_bridge.models import Order, Payment

LATER = timedelta(minutes=2)


async def load_quirks(session: AsyncSession, clients: list[Client]) -> None:
    """Add them to orders that are there."""
    for client in clients:
        for order in client.orders:
            if order.number == client.certain.get("paid_twice"):
                await _pay_again(session, order.id)
            if code := client.certain.get("promo_codes", {}).get(order.number):
                await session.execute(update(Order).where(Order.id == order.id).values(promo_code=code))


async def _pay_again(session: AsyncSession, order_id: int) -> None:
    query = select(Payment).where(Payment.order_id == order_id).order_by(Payment.id.desc()).limit(1)
    first = (await session.scalars(query)).one()
    session.add(
        Payment(
            order_id=order_id,
            method=first.method,
            last_four=first.last_four,
            state=first.state,
            amount_minor=first.amount_minor,
            currency=first.currency,
            created_at=first.created_at + LATER,
        )
    )
    await session.flush()
