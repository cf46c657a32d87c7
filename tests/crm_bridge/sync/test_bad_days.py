"""The CRM is down, locks us out, loses answers, refuses; nobody who writes to the company notices."""

import random
from datetime import timedelta

from core.clock import ManualClock
from core.jobs import Worker
from crm_bridge.adapters import AuthFailed, Deal, Refused, Uncertain
from crm_bridge.money import Money
from crm_bridge.sync import Sync
from tests.crm_bridge.sync.office import Office
from tests.fakes.crm.plain import PlainCrm

PHONE, OTHER_PHONE = "+79161234567", "+79160000000"


async def test_while_the_crm_is_down_work_goes_on_and_is_sent_later(office: Office, crm: PlainCrm) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    crm.down = True
    await office.edit(maria, phone=OTHER_PHONE)
    await office.pass_time(20)
    assert await office.sees(maria, "phone") == OTHER_PHONE
    status = await office.statuses.of("shop")
    assert status.waiting == 1
    assert status.failing_since is not None
    assert status.error == "Unavailable: maintenance"
    assert status.lag is not None
    assert timedelta(minutes=20) <= status.lag <= timedelta(minutes=22)
    crm.down = False
    await office.pass_time()
    assert crm.sees("1", "phone") == OTHER_PHONE
    status = await office.statuses.of("shop")
    assert (status.waiting, status.failing_since, status.error) == (0, None, None)
    assert status.lag is not None
    assert status.lag <= timedelta(minutes=1)


async def test_a_key_that_is_refused_is_told_to_administrators(office: Office, crm: PlainCrm) -> None:
    def locked(step: str) -> None:
        raise AuthFailed("status 401")

    crm.step = locked
    await office.pass_time()
    assert (await office.statuses.of("shop")).error == "AuthFailed: status 401"


async def test_reading_is_never_given_up_whatever_the_crm_says(office: Office, crm: PlainCrm) -> None:
    def broken(step: str) -> None:
        raise Refused("status 400") if len(crm.calls) % 2 else ZeroDivisionError

    crm.step = broken
    await office.pass_time(45)
    assert (await office.statuses.of("shop")).failing_since is not None
    crm.step = lambda _: None
    crm.add(given_name="Мария", phone=PHONE)
    await office.pass_time(6)
    assert list(await office.links()) == ["1"]
    assert (await office.statuses.of("shop")).failing_since is None


async def test_an_account_that_was_taken_away_and_put_back_goes_on(office: Office, crm: PlainCrm) -> None:
    await office.pass_time()
    others = Sync(office.db, office.queue, office.clock, {}, "Europe/Moscow")
    office.clock.advance(timedelta(days=2))
    await Worker("gateway", office.queue, others.handlers(), office.clock, random.Random(1)).drain()
    crm.add(given_name="Мария", phone=PHONE)
    await office.pass_time()
    assert list(await office.links()) == ["1"]


async def test_a_value_that_the_crm_refuses_does_not_hold_up_others(office: Office, crm: PlainCrm) -> None:
    maria = await office.customer(phone=PHONE)
    ivan = await office.customer("Иван", "Иванов", phone="+79160000009")
    await office.pass_time()

    def picky(step: str) -> None:
        if step == "before upsert":
            crm.step = lambda _: None
            raise Refused("not accepted: phone")

    crm.step = picky
    await office.edit(maria, phone=OTHER_PHONE)
    await office.work()
    await office.edit(ivan, family_name="Петров")
    await office.pass_time()
    contact = next(remote for remote, who in (await office.links()).items() if who == ivan)
    assert crm.sees(contact, "family_name") == "Петров"
    assert (await office.statuses.of("shop")).refused == 1


async def test_a_ticket_reaches_the_crm_once_although_its_answer_was_lost(
    office: Office, crm: PlainCrm
) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()

    def lose(step: str) -> None:
        if step == "after ticket":
            crm.step = lambda _: None
            raise Uncertain("no whole answer came")

    crm.step = lose
    for _ in range(2):  # asked for twice
        async with office.db.write() as session:
            await office.sync.announcements.ticket(session, maria, "t17", "Не греет", "Чайник не греет")
    await office.pass_time()
    [ticket] = crm.tickets.values()
    assert (ticket.subject, ticket.contact_id) == ("Не греет", "1")
    assert crm.calls.count("ticket") == 2
    assert (await office.statuses.of("shop")).waiting == 0


async def test_a_note_waits_until_the_customer_is_in_the_crm(office: Office, crm: PlainCrm) -> None:
    crm.down = True
    maria = await office.customer(phone=PHONE)
    async with office.db.write() as session:
        await office.sync.announcements.note(session, maria, "n1", "Просила перезвонить")
    await office.pass_time()
    assert (await office.statuses.of("shop")).waiting == 2  # she herself, and the note
    crm.down = False
    await office.pass_time()
    [note] = crm.notes.values()
    assert (note.remote_id, note.text) == ("1", "Просила перезвонить")


async def test_a_ticket_about_a_contact_that_was_deleted_is_put_before_a_person(
    office: Office, crm: PlainCrm
) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    crm.delete("1")
    await office.night()
    async with office.db.write() as session:
        await office.sync.announcements.ticket(session, maria, "t1", "Возврат", "Верните деньги")
    await office.pass_time()
    status = await office.statuses.of("shop")
    assert (status.waiting, status.refused) == (0, 1)


async def test_an_order_is_shown_from_the_copy_with_its_date_while_the_crm_is_down(
    office: Office, crm: PlainCrm, clock: ManualClock
) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    crm.deals["5"] = Deal("5", "Чайник", "NEW", Money(149900, "RUB"), "1", clock.now())
    await office.pass_time()
    deals = office.sync.deals("shop")
    live = await deals.read(maria, "5")
    assert live is not None
    assert (live.live, live.as_of) == (True, clock.now())
    crm.down = True
    clock.advance(timedelta(hours=2))
    copy = await deals.read(maria, "5")
    assert copy is not None
    assert (copy.live, copy.deal) == (False, live.deal)
    assert clock.now() - copy.as_of == timedelta(hours=2)
    assert [each.deal for each in await deals.of_customer(maria)] == [live.deal]


async def test_somebody_elses_order_is_nobodys(office: Office, crm: PlainCrm, clock: ManualClock) -> None:
    maria = await office.customer(phone=PHONE)
    ivan = await office.customer("Иван", "Иванов", phone=OTHER_PHONE)
    await office.pass_time()
    contact = next(remote for remote, who in (await office.links()).items() if who == maria)
    crm.deals["5"] = Deal("5", "Чайник", "NEW", None, contact, clock.now())
    deals = office.sync.deals("shop")
    assert await deals.read(maria, "5") is not None
    assert await deals.read(ivan, "5") is None
    assert await deals.read(maria, "6") is None


async def test_an_order_that_came_before_its_buyer_finds_them(
    office: Office, crm: PlainCrm, clock: ManualClock
) -> None:
    crm.deals["5"] = Deal("5", "Чайник", "NEW", None, "1", clock.now())
    await office.pass_time()
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    assert [each.deal.title for each in await office.sync.deals("shop").of_customer(maria)] == ["Чайник"]
