"""Whom a request is about, as staff type it."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.contacts import read_contact
from crm_bridge.models import ContactPoint, Customer


class NobodyMeant(LookupError):
    """No customer is meant by these words."""


class SeveralMeant(LookupError):
    """Several customers are meant: say which by its id. The ids are in `ids`."""

    def __init__(self, ids: list[int]) -> None:
        super().__init__(", ".join(map(str, ids)))
        self.ids = ids


async def find_customer(session: AsyncSession, words: str) -> int:
    """The customer meant by an id, an `external_ref`, a phone or an e-mail.

    A reference goes before an id, since a company may number its customers itself; `id:7` is always the id.

    Raises:
        NobodyMeant
        SeveralMeant
    """
    words = words.strip()
    meant = func.coalesce(Customer.merged_into_id, Customer.id)
    if words.startswith("id:"):
        found = await _by_id(session, words.removeprefix("id:"))
    else:
        found = list(await session.scalars(select(meant).where(Customer.external_ref == words)))
        found = found or await _by_id(session, words) or await _by_contact(session, words)
    if not found:
        raise NobodyMeant(words)
    if len(found) > 1:
        raise SeveralMeant(found)
    return found[0]


async def _by_id(session: AsyncSession, words: str) -> list[int]:
    if not (words.isascii() and words.isdigit() and len(words) < 18):
        return []
    meant = func.coalesce(Customer.merged_into_id, Customer.id)
    return list(await session.scalars(select(meant).where(Customer.id == int(words))))


async def _by_contact(session: AsyncSession, words: str) -> list[int]:
    contact = read_contact(words)
    if contact is None:
        return []
    query = select(ContactPoint.customer_id).where(
        ContactPoint.kind == contact.kind, ContactPoint.value == contact.value
    )
    return sorted(set(await session.scalars(query)))
