"""Where a customer can be written to, in the order they would like, and which addresses are dead."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.models import Author, ContactKind, ContactPoint, Customer, Identity, Message, NoticeChannel


@dataclass(frozen=True, slots=True)
class Address:
    """One way to a customer. `identity_id` is None for a contact that no account was made for yet."""

    channel: str
    account: str | None  # None: any account of ours there
    external_id: str
    identity_id: int | None
    last_inbound: datetime | None  # when they last wrote from there


async def mark_dead(session: AsyncSession, identity_id: int, why: str, at: datetime) -> None:
    """Nothing can be delivered there, until something comes from there."""
    await session.execute(
        update(Identity)
        .where(Identity.id == identity_id, Identity.dead_at.is_(None))
        .values(dead_at=at, dead_why=why)
        .execution_options(synchronize_session=False)
    )


async def mark_alive(session: AsyncSession, identity_id: int) -> None:
    """Something came from there, or the customer let us in again."""
    await session.execute(
        update(Identity)
        .where(Identity.id == identity_id, Identity.dead_at.is_not(None))
        .values(dead_at=None, dead_why=None)
        .execution_options(synchronize_session=False)
    )


async def ways_to(session: AsyncSession, customer_id: int) -> Sequence[Address]:
    """The ways to a customer that are not dead: the preferred channel first, then where they wrote last.

    Only accounts that proved whose they are, and contacts that were verified: what is sent may be personal.
    Verified contacts come last; who wants another order says so in their profile.
    """
    preferred = await session.scalar(select(Customer.preferred_channel).where(Customer.id == customer_id))
    accounts = await _accounts(session, customer_id)
    contacts = await _contacts(session, customer_id)
    known = {(address.channel, address.external_id) for address in accounts}
    ways = accounts + [each for each in contacts if (each.channel, each.external_id) not in known]
    return sorted(ways, key=lambda way: way.channel != preferred)  # stable: otherwise as they are


async def _accounts(session: AsyncSession, customer_id: int) -> list[Address]:
    last = (
        select(func.max(Message.created_at))
        .where(Message.identity_id == Identity.id, Message.author == Author.CUSTOMER)
        .scalar_subquery()
    )
    query = select(Identity.id, Identity.channel, Identity.account, Identity.external_id, last.label("last"))
    found = await session.execute(
        query.where(
            Identity.customer_id == customer_id, Identity.method.is_not(None), Identity.dead_at.is_(None)
        )
    )
    ways = [Address(row.channel, row.account, row.external_id, row.id, row.last) for row in found]
    return sorted(ways, key=lambda way: (way.last_inbound is None, -_seconds(way.last_inbound)))


async def _contacts(session: AsyncSession, customer_id: int) -> list[Address]:
    query = (
        select(ContactPoint.kind, ContactPoint.value)
        .where(ContactPoint.customer_id == customer_id, ContactPoint.verified_at.is_not(None))
        .order_by(ContactPoint.id)
    )
    dead = select(Identity.channel, Identity.external_id).where(
        Identity.customer_id == customer_id, Identity.dead_at.is_not(None)
    )
    gone = {tuple(row) for row in await session.execute(dead)}
    ways = []
    for kind, value in await session.execute(query):
        channel = NoticeChannel.SMS if kind is ContactKind.PHONE else NoticeChannel.EMAIL
        if (channel, value) not in gone:
            ways.append(Address(channel, None, value, None, None))
    return ways


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0
