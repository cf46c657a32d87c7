"""An agent is shown two records of one person, and an administrator two people on one phone."""

import pytest
from sqlalchemy import func, select, text

from core.clock import ManualClock
from core.db import Database
from crm_bridge.demo import load
from crm_bridge.duplicates import (
    Arrivals,
    Merges,
    NeedsAdministrator,
    Person,
    ProblemCode,
    Proposals,
    ReasonCode,
    compare,
    problems,
)
from crm_bridge.duplicates.batch import BatchSearch
from crm_bridge.models import Customer, FoundBy, MergeProposal, OrderState
from tests.crm_bridge.people import Company

PHONE = "+79000001001"
EMAIL = "maria@example.com"


@pytest.fixture
def company(db: Database, clock: ManualClock) -> Company:
    return Company(db, clock)


@pytest.fixture
def proposals(db: Database, clock: ManualClock) -> Proposals:
    return Proposals(db, clock)


def person(given: str, family: str, patronymic: str = "", **told: str) -> Person:
    phones, emails = (frozenset({told[kind]} if kind in told else ()) for kind in ("phone", "email"))
    return Person(0, given, patronymic, family, told.get("city", ""), phones, emails)


async def arrives(company: Company, proposals: Proposals, customer: int) -> int:
    async with company.db.write() as session:
        return await Arrivals(proposals).check(session, customer)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (person("Мария", "Соколова", phone=PHONE), person("мария", "СОКОЛОВА", phone=PHONE)),
        (person("Наталья", "Семёнова", email=EMAIL), person("Наталия", "Семенова", email=EMAIL)),
        (person("Соколова", "Мария", phone=PHONE), person("Мария", "Соколова", phone=PHONE)),
        (person("James", "Miller", email=EMAIL), person("James", "Millar", email=EMAIL)),
        (person("Пётр", "Волков", city="Омск"), person("Петр", "Волков", city="Омск")),
    ],
)
def test_one_person_written_in_two_ways(one: Person, other: Person) -> None:
    match = compare(one, other)
    assert match is not None
    assert not match.administrator


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (person("Иван", "Орлов", phone=PHONE), person("Елена", "Орлова", phone=PHONE)),
        (person("Александр", "Белый", phone=PHONE), person("Александра", "Белая", phone=PHONE)),
        (person("Иван", "Орлов", phone=PHONE), person("", "", phone=PHONE)),
        (
            person("Иван", "Орлов", patronymic="Петрович", phone=PHONE),
            person("Иван", "Орлов", patronymic="Сергеевич", phone=PHONE),
        ),
    ],
)
def test_two_people_with_one_phone_are_a_family_until_an_administrator_says_otherwise(
    one: Person, other: Person
) -> None:
    match = compare(one, other)
    assert match is not None
    assert match.administrator
    assert match == compare(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (person("Мария", "Соколова"), person("Мария", "Соколова")),
        (person("Мария", "Соколова", city="Омск"), person("Мария", "Соколова", city="Уфа")),
        (person("Мария", "Соколова", city="Омск"), person("Ирина", "Соколова", city="Омск")),
        (person("", ""), person("", "")),
    ],
)
def test_a_name_alone_proves_nothing(one: Person, other: Person) -> None:
    assert compare(one, other) is None


async def test_a_duplicate_is_proposed_when_it_arrives_with_reasons_in_words(
    company: Company, proposals: Proposals
) -> None:
    first = await company.customer(phone=PHONE, email=EMAIL)
    await company.customer("Пётр", "Волков", phone="+79000001002")
    second = await company.customer("Мария", "Соколова", phone=PHONE)
    assert await arrives(company, proposals, second) == 1
    assert await arrives(company, proposals, second) == 0
    (proposal,) = await proposals.open()
    assert (proposal.first_id, proposal.second_id, proposal.found_by) == (first, second, FoundBy.ARRIVAL)
    assert proposal.in_words("ru") == ["совпадает телефон", "совпадают имя и фамилия"]
    assert proposal.in_words("en")[0] == "the same phone"


async def test_who_was_found_to_be_another_is_not_proposed_again(
    company: Company, proposals: Proposals
) -> None:
    await company.customer(phone=PHONE)
    second = await company.customer(phone=PHONE)
    await arrives(company, proposals, second)
    (proposal,) = await proposals.open()
    async with company.db.write() as session:
        assert await proposals.refuse(session, proposal.id, "anna")
        assert not await proposals.refuse(session, proposal.id, "anna")
    assert await arrives(company, proposals, second) == 0
    assert await proposals.open() == []


async def test_a_family_is_proposed_with_a_warning_and_nobody_but_an_administrator_merges_it(
    company: Company, proposals: Proposals, clock: ManualClock
) -> None:
    ivan = await company.customer("Иван", "Орлов", phone=PHONE)
    elena = await company.customer("Елена", "Орлова", phone=PHONE)
    await arrives(company, proposals, elena)
    (proposal,) = await proposals.open()
    assert proposal.administrator
    assert ReasonCode.OTHER_NAME in proposal.reasons
    assert "решает администратор" in proposal.in_words("ru")[-1]
    with pytest.raises(NeedsAdministrator):
        async with company.db.write() as session:
            await Merges(clock).merge(session, ivan, elena, "anna")
    async with company.db.write() as session:
        await Merges(clock).merge(session, ivan, elena, "root", administrator=True)


async def test_a_switchboards_number_does_not_stop_anything(company: Company, proposals: Proposals) -> None:
    for number in range(60):
        last = await company.customer(f"Имя{number}", f"Фамилия{number}", phone=PHONE)
    assert await arrives(company, proposals, last) <= 50


async def test_the_batch_finds_what_arrival_could_not(company: Company, proposals: Proposals) -> None:
    for number in range(40):
        await company.customer(f"Имя{number}", f"Род{number}", phone=f"+7900000{number:04}")
    first = await company.customer("Мария", "Соколова", email=EMAIL, phone=PHONE)
    second = await company.customer("Марья", "Соколова", email=EMAIL)
    searched = await BatchSearch(company.db, proposals).run()
    assert (searched.customers, searched.proposed) == (42, 1)
    (proposal,) = await proposals.open()
    assert (proposal.first_id, proposal.second_id, proposal.found_by) == (first, second, FoundBy.BATCH)
    assert (await BatchSearch(company.db, proposals).run()).proposed == 0
    async with company.db.read() as session:
        assert await session.scalar(select(func.count()).select_from(MergeProposal)) == 1


async def test_an_empty_database_has_no_duplicates(db: Database, proposals: Proposals) -> None:
    assert (await BatchSearch(db, proposals).run()).customers == 0


async def test_records_that_lack_something_or_contradict_themselves_are_reported(company: Company) -> None:
    right = await company.customer(phone="+79000001009")
    nameless = await company.customer("", "", phone="+79000001008")
    mute = await company.customer()
    late = await company.customer(email=EMAIL)
    await company.order(late, "1", state=OrderState.DELIVERED)
    ivan = await company.customer("Иван", "Орлов", phone=PHONE)
    elena = await company.customer("Елена", "Орлова", phone=PHONE)
    async with company.db.write() as session:
        row = await session.get(Customer, late)
        assert row is not None
        row.preferred_channel, row.preferred_from = "sms", 10
    found = [problem async for problem in problems(company.db)]
    assert {(problem.customer_id, problem.code) for problem in found} == {
        (nameless, ProblemCode.NO_NAME),
        (mute, ProblemCode.NO_CONTACT),
        (late, ProblemCode.NO_WAY_TO_WRITE),
        (late, ProblemCode.HOURS_WITHOUT_LENGTH),
        (late, ProblemCode.DELIVERED_WITHOUT_DATE),
        (ivan, ProblemCode.CONTACT_OF_SEVERAL),
        (elena, ProblemCode.CONTACT_OF_SEVERAL),
    }
    assert right not in {problem.customer_id for problem in found}
    assert all(problem.in_words(language) for problem in found for language in ("ru", "en"))


async def test_among_many_the_batch_finds_every_second_copy_and_hardly_anybody_else(
    sqlite: Database, clock: ManualClock
) -> None:
    await load(sqlite, clock.now())
    fields = "patronymic, language, time_zone, city, created_at"
    async with sqlite.write() as session:  # a letter is missing in the surname, and a contact
        await session.execute(
            text(
                f"INSERT INTO customer (given_name, family_name, vip, do_not_disturb, {fields}) "
                f"SELECT given_name, substr(family_name, 1, 3) || substr(family_name, 5), 0, 0, {fields} "
                "FROM customer WHERE id <= 600"
            )
        )
        await session.execute(
            text(
                "INSERT INTO contact_point (customer_id, kind, value, created_at) "
                "SELECT customer_id + 648, kind, value, created_at FROM contact_point "
                "WHERE customer_id <= 600 "
                "AND kind = CASE customer_id % 2 WHEN 0 THEN 'phone' ELSE 'email' END"
            )
        )
    searched = await BatchSearch(sqlite, Proposals(sqlite, clock)).run()
    assert searched.customers == 1248
    async with sqlite.read() as session:
        pairs = list(await session.scalars(select(MergeProposal)))
    right = [pair for pair in pairs if pair.second_id - pair.first_id == 648]
    assert len(right) >= 0.98 * 600
    assert len(pairs) - len(right) <= 0.02 * 600
