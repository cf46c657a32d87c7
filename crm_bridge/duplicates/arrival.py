"""Looks for duplicates of a customer the moment they come in, or change."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from crm_bridge.duplicates.matching import compare, read_people
from crm_bridge.duplicates.proposals import Proposals
from crm_bridge.models import ContactPoint, Customer, FoundBy

BLOCK_LIMIT = 50  # a phone that more people share than this is a switchboard, and says nothing


class Arrivals:
    """Compares a customer with those who share a phone, an e-mail, or name and city."""

    def __init__(self, proposals: Proposals) -> None:
        self._proposals = proposals

    async def check(self, session: AsyncSession, customer_id: int) -> int:
        """Propose merges for a customer who has just been stored; how many are new."""
        rivals = await candidates(session, customer_id)
        people = await read_people(session, {customer_id, *rivals})
        person = people.pop(customer_id, None)
        if person is None:
            return 0
        new = 0
        for other in people.values():
            if match := compare(person, other):
                new += await self._proposals.propose(session, person.id, other.id, match, FoundBy.ARRIVAL)
        return new


async def candidates(session: AsyncSession, customer_id: int) -> set[int]:
    """Who is worth comparing with: each block is one look into an index."""
    return await _by_contact(session, customer_id) | await _by_name(session, customer_id)


async def _by_contact(session: AsyncSession, customer_id: int) -> set[int]:
    mine, theirs = aliased(ContactPoint), aliased(ContactPoint)
    query = (
        select(theirs.customer_id)
        .join(mine, (mine.value == theirs.value) & (mine.kind == theirs.kind))
        .where(mine.customer_id == customer_id, theirs.customer_id != customer_id)
        .limit(BLOCK_LIMIT)
    )
    return set(await session.scalars(query))


async def _by_name(session: AsyncSession, customer_id: int) -> set[int]:
    person = (await read_people(session, [customer_id])).get(customer_id)
    if person is None or not (person.family and person.given):
        return set()
    query = select(Customer.id).where(
        Customer.family_name.in_(_spellings(person.family)),
        Customer.given_name.in_(_spellings(person.given)),
        Customer.city == person.city if person.city else Customer.city.is_(None),
        Customer.merged_into_id.is_(None),
        Customer.id != customer_id,
    )
    return set(await session.scalars(query.limit(BLOCK_LIMIT)))


def _spellings(name: str) -> set[str]:
    """A name as people write it: in capitals or not, with ё or without."""
    words = {name, name.lower(), name.upper(), name.capitalize(), name.title()}
    return words | {word.replace("ё", "е").replace("Ё", "Е") for word in words}
