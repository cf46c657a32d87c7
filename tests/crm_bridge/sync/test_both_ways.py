"""A customer here and a contact there stay one person."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from core.clock import ManualClock
from crm_bridge.adapters import Forged, Received
from crm_bridge.models import ContactPoint, Customer
from crm_bridge.sync import UnknownAccount
from crm_bridge.sync.tables import CrmShadow
from tests.crm_bridge.sync.conftest import MakeOffice
from tests.crm_bridge.sync.office import Office
from tests.fakes.crm.plain import PlainCrm

PHONE, OTHER_PHONE = "+79161234567", "+79160000000"


async def test_the_first_reading_brings_everybody_in(office: Office, crm: PlainCrm) -> None:
    ids = [crm.add(given_name=f"Клиент{n}", family_name="Тестов", phone=f"+7916000000{n}") for n in range(7)]
    await office.pass_time()
    links = await office.links()
    assert sorted(links) == ids
    for remote_id in ids:
        assert await office.sees(await office.linked(remote_id), "phone") == crm.sees(remote_id, "phone")
    assert crm.calls.count("upsert") == 0
    assert await office.record() == []


async def test_a_new_customer_here_appears_there(office: Office, crm: PlainCrm) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    assert await office.links() == {"1": maria}
    assert (crm.sees("1", "given_name"), crm.sees("1", "phone")) == ("Мария", PHONE)


async def test_somebody_whom_both_know_is_linked_not_doubled(office: Office, crm: PlainCrm) -> None:
    crm.add(given_name="Мария", family_name="Соколова", phone=PHONE, email="maria@example.com")
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    assert await office.links() == {"1": maria}
    assert len(crm.contacts) == 1
    assert await office.sees(maria, "email") == "maria@example.com"


async def test_two_people_with_one_family_phone_stay_two(office: Office, crm: PlainCrm) -> None:
    crm.add(given_name="Иван", family_name="Соколов", phone=PHONE)
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    assert await office.linked("2") == maria
    assert await office.sees(await office.linked("1"), "given_name") == "Иван"


async def test_edits_cross_from_either_side_and_meet(office: Office, crm: PlainCrm) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    await office.edit(maria, phone=OTHER_PHONE)
    crm.edit("1", family_name="Петрова")
    await office.pass_time()
    assert crm.sees("1", "phone") == await office.sees(maria, "phone") == OTHER_PHONE
    assert crm.sees("1", "family_name") == await office.sees(maria, "family_name") == "Петрова"
    assert await office.record() == []


async def test_our_own_write_does_not_come_back_as_an_edit(office: Office, crm: PlainCrm) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    await office.edit(maria, phone=OTHER_PHONE)
    await office.work()
    async with office.db.read() as session:
        before = await session.scalar(select(CrmShadow.version))
    writes = crm.calls.count("upsert")
    await office.pass_time(10)
    async with office.db.read() as session:
        assert await session.scalar(select(CrmShadow.version)) == before
    assert crm.calls.count("upsert") == writes


async def test_a_webhook_brings_the_edit_at_once(office: Office, crm: PlainCrm) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    crm.edit("1", family_name="Петрова")
    assert await office.sync.receive("shop", crm.webhook("1")) == 1
    await office.sync.receive("shop", crm.webhook("1"))  # doubled
    await office.work()
    assert await office.sees(maria, "family_name") == "Петрова"


async def test_a_forged_webhook_changes_nothing(office: Office, crm: PlainCrm) -> None:
    with pytest.raises(Forged):
        await office.sync.receive("shop", Received(b"contact:1", secret="guess"))
    with pytest.raises(UnknownAccount):
        await office.sync.receive("other", crm.webhook("1"))
    await office.work()
    assert crm.calls == []


async def test_a_list_that_lags_behind_undoes_nothing(office: Office, crm: PlainCrm) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    crm.lagging = dict(crm.contacts)
    await office.edit(maria, phone=OTHER_PHONE)
    await office.pass_time()
    crm.edit("1", family_name="Петрова")
    await office.sync.receive("shop", crm.webhook("1"))
    await office.pass_time()
    assert crm.sees("1", "phone") == await office.sees(maria, "phone") == OTHER_PHONE
    assert await office.sees(maria, "family_name") == "Петрова"
    assert await office.record() == []


async def test_a_deletion_there_is_found_at_night_and_the_customer_stays(
    office: Office, crm: PlainCrm
) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    crm.delete("1")
    await office.pass_time()
    await office.night()
    await office.edit(maria, family_name="Петрова")
    await office.pass_time()
    assert await office.sees(maria, "family_name") == "Петрова"
    assert crm.contacts == {}


async def test_contacts_that_were_merged_there_are_followed(office: Office, crm: PlainCrm) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    crm.delete("1")
    await office.night()
    assert crm.add(given_name="Мария", family_name="Соколова", phone=PHONE) == "2"
    await office.pass_time()
    assert await office.links() == {"2": maria}


async def test_what_nobody_announced_is_sent_at_night(office: Office, crm: PlainCrm) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    await office.edit(maria, announced=False, family_name="Петрова")
    await office.pass_time()
    assert crm.sees("1", "family_name") == "Соколова"
    await office.night()
    assert crm.sees("1", "family_name") == "Петрова"


async def test_an_erased_customer_is_not_brought_back(office: Office, crm: PlainCrm) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    async with office.db.write() as session:
        await session.execute(delete(Customer).where(Customer.id == maria))
    crm.edit("1", family_name="Петрова")
    await office.night()
    async with office.db.read() as session:
        assert (await session.scalars(select(Customer))).all() == []
        assert (await session.scalars(select(CrmShadow))).all() == []
    assert await office.links() == {"1": None}


async def test_a_customer_without_phone_and_address_is_not_entered(office: Office, crm: PlainCrm) -> None:
    await office.customer()
    await office.pass_time()
    assert crm.contacts == {}


async def test_new_people_stay_out_when_the_rules_say_so(office_with: MakeOffice, crm: PlainCrm) -> None:
    office = office_with(create_contacts=False, create_customers=False)
    crm.add(given_name="Иван", phone=OTHER_PHONE)
    await office.customer(phone=PHONE)
    await office.night()
    assert (len(crm.contacts), await office.links()) == (1, {})


async def test_a_phone_that_only_changed_places_stays_verified(
    office: Office, crm: PlainCrm, clock: ManualClock
) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    async with office.db.write() as session:
        [first] = await session.scalars(select(ContactPoint))
        first.verified_at = clock.now()
    crm.edit("1", phone=OTHER_PHONE)
    await office.pass_time()
    crm.edit("1", phone=PHONE)
    await office.pass_time()
    assert await office.sees(maria, "phone") == PHONE
    async with office.db.read() as session:
        verified = {point.value: point.verified_at for point in await session.scalars(select(ContactPoint))}
    assert verified == {PHONE: None}  # it was taken away meanwhile, and the CRM vouches for nobody


async def test_a_phone_that_nobody_can_dial_is_not_stored(office: Office, crm: PlainCrm) -> None:
    crm.add(given_name="Иван", phone="звонить вечером", email="ivan@example.com")
    await office.pass_time(5)
    ivan = await office.linked("1")
    assert await office.sees(ivan, "phone") == ""
    assert crm.sees("1", "phone") == "звонить вечером"


async def test_a_pull_that_dies_goes_on_with_the_page_it_was_at(office: Office, crm: PlainCrm) -> None:
    for n in range(6):
        crm.add(given_name=f"Клиент{n}", phone=f"+7916000000{n}")
    await office.sync.start()
    lists = 0

    def die(step: str) -> None:
        nonlocal lists
        lists += step == "after list"
        if lists == 2:
            crm.step = lambda _: None
            raise ConnectionResetError

    crm.step = die
    with pytest.raises(ConnectionResetError):
        await office.sync.pull("shop")
    assert len(await office.links()) == 2
    asked = len(crm.calls)
    await office.sync.pull("shop")
    assert len(await office.links()) == 6
    assert len(crm.calls) - asked == 4  # two pages of contacts that were left, one of deals, one of tickets


async def test_a_contact_touched_while_the_pull_was_long_ago_is_not_missed(
    office: Office, crm: PlainCrm, clock: ManualClock
) -> None:
    """What changes behind the reader's back in a long round belongs to the next round."""
    for n in range(6):
        crm.add(given_name=f"Клиент{n}", phone=f"+7916000000{n}")

    def touch(step: str) -> None:
        if step == "after list" and crm.calls.count("list") == 2:
            crm.edit("1", family_name="Петров")
            clock.advance(timedelta(hours=1))
            crm.edit("6", family_name="Последний")

    crm.step = touch
    await office.sync.pull("shop")
    crm.step = lambda _: None
    clock.advance(timedelta(minutes=1))
    await office.pass_time(1)
    assert await office.sees(await office.linked("1"), "family_name") == "Петров"
