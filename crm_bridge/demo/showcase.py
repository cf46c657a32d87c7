"""The demo customers whom one can play."""

from dataclasses import dataclass

from sqlalchemy import select

from core.db import Database
from crm_bridge.demo.catalogue import Role, cast
from crm_bridge.models import Customer


@dataclass(frozen=True, slots=True)
class DemoCustomer:
    """Somebody to be in the demo: how to sign in, and what to expect."""

    external_ref: str  # for the signed user hash
    name: str
    language: str
    phone: str  # E.164
    email: str
    orders: tuple[str, ...]
    situation: str


async def showcase(db: Database, language: str | None = None) -> list[DemoCustomer]:
    """Those of them that the database holds; situations in `language`, or else in each one's own."""
    parts = {role.ref: role for role in cast()}
    query = select(Customer).where(Customer.external_ref.in_(parts)).order_by(Customer.external_ref)
    async with db.read() as session:
        customers = await session.scalars(query)
        return [_customer(person, parts[person.external_ref or ""], language) for person in customers]


def _customer(person: Customer, role: Role, language: str | None) -> DemoCustomer:
    return DemoCustomer(
        external_ref=role.ref,
        name=person.name,
        language=person.language,
        phone=role.phone,
        email=role.email,
        orders=tuple(part.number for part in role.orders),
        situation=role.situation[language or person.language],
    )
