"""The messenger's own «share my phone»: the provider vouches that the number is the sender's."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.contacts import read_contact
from crm_bridge.identity import Identities
from crm_bridge.models import ContactKind, ContactPoint, Customer, Proof


async def link_by_phone(
    session: AsyncSession, identities: Identities, identity_id: int, phone: str, region: str = "RU"
) -> Customer | None:
    """Link an identity to the customer with this number; None when there is none, or several share it.

    Args:
        phone: as the provider wrote it, with or without a plus.
        region: the country whose numbers are written without a country code.
    """
    digits = phone.strip().lstrip("+")
    found = read_contact(f"+{digits}", region) or read_contact(phone, region)
    if found is None or found.kind is not ContactKind.PHONE:
        return None
    query = (
        select(Customer)
        .join(ContactPoint, ContactPoint.customer_id == Customer.id)
        .where(ContactPoint.kind == ContactKind.PHONE, ContactPoint.value == found.value)
        .limit(2)
    )
    owners = list(await session.scalars(query))
    if len(owners) != 1:
        return None
    await identities.link(session, identity_id, owners[0].id, Proof.SHARED_PHONE)
    return owners[0]
