"""Two records become one, and two again, and nothing is lost on the way."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.clock import ManualClock
from core.db import Base, Database
from crm_bridge.duplicates import CannotMerge, CannotUnmerge, Merges
from crm_bridge.identity import Identities
from crm_bridge.models import Customer, Merge
from crm_bridge.timeline import Timelines
from tests.crm_bridge.lives import DAY, live
from tests.crm_bridge.people import Company

PHONE = "+79000001001"
LEFT_BEHIND = {"merge"}  # the record itself


@pytest.fixture
def company(db: Database, clock: ManualClock) -> Company:
    return Company(db, clock)


@pytest.fixture
def merges(clock: ManualClock) -> Merges:
    return Merges(clock)


async def merge(company: Company, merges: Merges, survivor: int, absorbed: int) -> int:
    async with company.db.write() as session:
        return await merges.merge(session, survivor, absorbed, "root", administrator=True)


async def unmerge(company: Company, merges: Merges, merge_id: int) -> None:
    async with company.db.write() as session:
        await merges.unmerge(session, merge_id, "root")


async def everything(db: Database) -> dict[str, list[dict[str, Any]]]:
    async with db.read() as session:
        return {
            table.name: sorted(
                ([dict(row) for row in (await session.execute(select(table))).mappings()]), key=repr
            )
            for table in Base.metadata.sorted_tables
            if table.name not in LEFT_BEHIND
        }


def without_stamps(tables: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    for row in tables["customer"]:
        del row["updated_at"]
    return tables


async def two(company: Company) -> tuple[int, int]:
    one = await company.customer(phone=PHONE, email="one@example.com", external_ref="one")
    other = await company.customer("Маша", phone=PHONE, email="other@example.com", external_ref="other")
    await live(company, one, "one")
    await live(company, other, "other")
    return one, other


async def test_the_survivor_has_it_all_and_parting_gives_everything_back(
    company: Company, merges: Merges
) -> None:
    one, other = await two(company)
    before = without_stamps(await everything(company.db))
    timelines = Timelines(company.db)
    ours, theirs = [(await timelines.page(customer)).events for customer in (one, other)]
    merged = await merge(company, merges, one, other)
    together = (await Timelines(company.db).page(one)).events
    assert set(together) == set(ours) | set(theirs)
    assert (await Timelines(company.db).page(other)).events == ()
    await unmerge(company, merges, merged)
    assert without_stamps(await everything(company.db)) == before


async def test_what_came_afterwards_stays_with_the_survivor(company: Company, merges: Merges) -> None:
    one, other = await two(company)
    merged = await merge(company, merges, one, other)
    await company.order(one, "later")
    await unmerge(company, merges, merged)
    titles = {event.title for event in (await Timelines(company.db).page(one)).events}
    assert "later" in titles


async def test_what_the_survivor_lacked_is_taken_over_and_given_back_unless_changed(
    company: Company, merges: Merges
) -> None:
    one, other = await two(company)
    async with company.db.write() as session:
        person = await session.get(Customer, other)
        assert person is not None
        person.city, person.segment, person.do_not_disturb = "Казань", "loyal", True
    merged = await merge(company, merges, one, other)
    async with company.db.write() as session:
        person = await session.get(Customer, one)
        assert person is not None
        assert (person.city, person.segment, person.do_not_disturb) == ("Казань", "loyal", True)
        person.city = "Пермь"
    await unmerge(company, merges, merged)
    async with company.db.read() as session:
        person = await session.get(Customer, one)
        assert person is not None
        assert (person.city, person.segment, person.do_not_disturb) == ("Пермь", None, False)


async def test_the_absorbed_ones_account_on_the_site_leads_to_the_survivor(
    company: Company, merges: Merges, clock: ManualClock
) -> None:
    one, other = await two(company)
    await merge(company, merges, one, other)
    identities = Identities(company.db, clock, DAY)
    async with company.db.write() as session:
        account = await identities.get_or_create(session, "web", "shop", "visitor-9")
        assert await identities.link_signed_user(session, account.id, "other") == one


async def test_chains_are_undone_from_their_end(company: Company, merges: Merges) -> None:
    one, other = await two(company)
    third = await company.customer("Мария", phone=PHONE)
    first = await merge(company, merges, one, other)
    second = await merge(company, merges, third, one)
    async with company.db.read() as session:
        absorbed = await session.get(Customer, other)
        assert absorbed is not None
        assert absorbed.merged_into_id == third
    with pytest.raises(CannotUnmerge):
        await unmerge(company, merges, first)
    await unmerge(company, merges, second)
    await unmerge(company, merges, first)
    with pytest.raises(CannotUnmerge):
        await unmerge(company, merges, first)


async def test_what_cannot_be_merged(company: Company, merges: Merges) -> None:
    one, other = await two(company)
    for pair in ((one, one), (one, 404)):
        with pytest.raises(CannotMerge):
            await merge(company, merges, *pair)
    await merge(company, merges, one, other)
    with pytest.raises(CannotMerge):
        await merge(company, merges, other, one)


@settings(deadline=None, max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=6))
async def test_any_sequence_of_merges_undone_backwards_leaves_everything_as_it_was(
    company: Company, merges: Merges, pairs: list[tuple[int, int]]
) -> None:
    people = [await company.customer(phone=PHONE, email=f"{n}@example.com") for n in range(4)]
    for person in people:
        await company.order(person, f"order {person}")
    before = without_stamps(await everything(company.db))
    done = []
    for survivor, absorbed in pairs:
        try:
            done.append(await merge(company, merges, people[survivor], people[absorbed]))
        except CannotMerge:
            continue
    for merge_id in reversed(done):
        await unmerge(company, merges, merge_id)
    assert without_stamps(await everything(company.db)) == before
    async with company.db.read() as session:
        assert all(row.undone_by == "root" for row in await session.scalars(select(Merge)))
