"""The whole way over real HTTP, for every CRM: people come in, edits cross, tickets arrive, bad days pass."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from core.db import Database
from crm_bridge.adapters import Field
from crm_bridge.models import Ticket, TicketPriority, TicketState
from crm_bridge.sync import CrmConfig, connect
from crm_bridge.sync.config import Account
from tests.conftest import NOON
from tests.crm_bridge.adapters.conftest import FAKES, HurriedClock
from tests.crm_bridge.sync.office import Office
from tests.fakes.crm.amocrm import FakeAmoCrm
from tests.fakes.crm.base import FakeCrm, Fault
from tests.fakes.crm.bottlecrm import FakeBottleCrm
from tests.fakes.crm.espocrm import FakeEspoCrm
from tests.fakes.crm.rest import FakeRest

PHONE, OTHER_PHONE = "+79161234567", "+79160000000"


@dataclass
class Firm:
    """A company that has this CRM."""

    fake: FakeCrm
    office: Office


@pytest.fixture(params=FAKES, ids=lambda fake: fake.__name__.removeprefix("Fake"))
async def firm(
    request: pytest.FixtureRequest, sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Firm]:
    clock = HurriedClock(NOON)
    monkeypatch.setattr("purgatory.domain.model.time.time", lambda: clock.now().timestamp())
    fake: FakeCrm = request.param(clock)
    async with TestServer(fake.app()) as server, aiohttp.ClientSession() as http:
        account = Account(crm=fake.account(str(server.make_url("")).rstrip("/")))
        parties = connect(CrmConfig(accounts={"shop": account}), http, sqlite, clock, b"key")
        yield Firm(fake, Office(sqlite, clock, parties["shop"].crm))
        fake.released.set()


async def test_everybody_comes_in_and_edits_cross(firm: Firm) -> None:
    office, fake = firm.office, firm.fake
    ids = [fake.add(f"Имя{n}", f"Тестов{n}", f"+7916000{n:04d}", f"m{n}@example.com") for n in range(60)]
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    links = await office.links()
    assert set(links) == set(fake.people)
    assert len(links) == 61
    [contact] = [remote_id for remote_id, who in links.items() if who == maria]
    await office.edit(maria, phone=OTHER_PHONE)
    fake.edit(ids[0], emails=["new@example.com"])
    await office.sync.receive("shop", fake.webhook(ids[0]))
    await office.pass_time()
    assert fake.values(contact)[Field.PHONE] == OTHER_PHONE
    assert await office.sees(await office.linked(ids[0]), "email") == "new@example.com"
    assert await office.record() == []


async def test_nothing_is_written_when_nothing_was_edited(firm: Firm) -> None:
    office, fake = firm.office, firm.fake
    for n in range(5):
        fake.add("Анна Мария", f"Тестова{n}", f"8 916 000-00-0{n}")
    await office.pass_time()
    fake.asked.clear()
    await office.night()
    written = [asked for asked in fake.asked if asked.startswith(("PATCH", "PUT")) or "/write" in asked]
    written += [asked for asked in fake.asked if "crm.item.update" in asked or "crm.item.add" in asked]
    assert written == []
    assert await office.record() == []


async def test_lost_answers_limits_and_errors_leave_one_of_each(firm: Firm) -> None:
    office, fake = firm.office, firm.fake
    chance = fake.chance
    maria = await office.customer(phone=PHONE, email="maria@example.com")
    async with office.db.write() as session:
        await office.sync.announcements.ticket(session, maria, "t1", "Не греет", "Чайник не греет")
        await office.sync.announcements.note(session, maria, "n1", "Просила перезвонить")
    for _ in range(12):
        bad = [Fault.ERROR, Fault.ERROR_AFTER, Fault.LIMIT, Fault.LOST, Fault.CUT, Fault.GARBLED, None, None]
        fake.faults.extend(chance.choice(bad) for _ in range(6))
        await office.pass_time(1)
    fake.faults.clear()
    await office.pass_time(30)
    assert len(fake.people) == 1
    [contact] = await office.links()
    assert [each.owner_id for each in fake.tickets] == [contact]
    assert [each.owner_id for each in fake.notes] == [contact]
    assert fake.values(contact)[Field.PHONE] == PHONE
    status = await office.statuses.of("shop")
    assert (status.waiting, status.refused, status.failing_since) == (0, 0, None)


async def test_an_order_comes_with_its_buyer(firm: Firm) -> None:
    office, fake = firm.office, firm.fake
    buyer = fake.add("Мария", "Соколова", PHONE)
    order = fake.sell(buyer, "Чайник", "1499.00")
    await office.pass_time()
    maria = await office.linked(buyer)
    [copy] = await office.sync.deals("shop").of_customer(maria)
    assert (copy.deal.remote_id, copy.deal.title, copy.live) == (order, "Чайник", False)
    fake.down = True
    seen = await office.sync.deals("shop").read(maria, order)
    assert seen is not None
    assert not seen.live


async def test_a_deletion_is_found_at_night(firm: Firm) -> None:
    office, fake = firm.office, firm.fake
    kept, gone = fake.add("Мария", "Соколова", PHONE), fake.add("Иван", "Иванов", OTHER_PHONE)
    await office.pass_time()
    ivan = await office.linked(gone)
    del fake.people[gone]
    await office.night()
    await office.edit(ivan, family_name="Петров")
    await office.pass_time()
    assert set(fake.people) == {kept}
    assert await office.sees(ivan, "family_name") == "Петров"


async def test_a_hostile_record_does_not_stop_the_others(firm: Firm) -> None:
    office, fake = firm.office, firm.fake
    hostile = fake.add("Ма\x00рия\ud800", "С" * 5000, "'; DROP TABLE customer; --", "не адрес")
    fake.sell(hostile, "Чай\x00ник", "9" * 40)
    fine = fake.add("Иван", "Иванов", PHONE)
    await office.pass_time()
    assert await office.sees(await office.linked(fine), "phone") == PHONE
    seen = await office.values(await office.linked(hostile))
    assert (seen[Field.GIVEN_NAME], seen[Field.PHONE], seen[Field.EMAIL]) == ("Мария", "", "")
    [copy] = await office.sync.deals("shop").of_customer(await office.linked(hostile))
    assert (copy.deal.title, copy.deal.amount) == ("Чайник", None)


TWO_WAY = [FakeAmoCrm, FakeEspoCrm, FakeBottleCrm, FakeRest]  # the others only take tickets


async def tickets(office: Office) -> dict[str, TicketState]:
    """What is asked for here, and where it stands."""
    async with office.db.read() as session:
        return {ticket.subject: ticket.state for ticket in await session.scalars(select(Ticket))}


@pytest.mark.parametrize("firm", TWO_WAY, indirect=True)
async def test_a_case_that_people_there_open_close_and_open_again_is_followed(firm: Firm) -> None:
    office, fake = firm.office, firm.fake
    maria = fake.add("Мария", "Соколова", PHONE)
    asked = fake.complain(maria, "Где возврат? [срочно]")
    fake.complain("99999", "Чужое")
    await office.pass_time()
    assert await tickets(office) == {"Где возврат? [срочно]": TicketState.OPEN}
    fake.handle(asked, is_open=False)
    await office.pass_time()
    assert await tickets(office) == {"Где возврат? [срочно]": TicketState.CLOSED}
    fake.handle(asked, is_open=True)
    await office.pass_time()
    assert await tickets(office) == {"Где возврат? [срочно]": TicketState.OPEN}
    assert await office.record() == []


@pytest.mark.parametrize("firm", TWO_WAY, indirect=True)
async def test_our_ticket_is_one_case_there_and_is_closed_when_they_close_it(firm: Firm) -> None:
    office, fake = firm.office, firm.fake
    maria = await office.customer(phone=PHONE)
    await office.ticket(maria, "Не греет")
    await office.ticket(maria, "Не тот цвет")
    fake.faults.extend([None, Fault.LOST] * 6)  # some answers never come
    await office.pass_time(20)
    assert await tickets(office) == {"Не греет": TicketState.OPEN, "Не тот цвет": TicketState.OPEN}
    [warm] = [case.id for case in fake.tickets if case.subject.startswith("Не греет")]
    fake.handle(warm, is_open=False)
    await office.pass_time()
    assert await tickets(office) == {"Не греет": TicketState.CLOSED, "Не тот цвет": TicketState.OPEN}
    assert len(fake.tickets) == 2
    assert await office.record() == []


@pytest.mark.parametrize("firm", TWO_WAY, indirect=True)
async def test_what_is_solved_here_is_closed_there_whatever_answers_are_lost(firm: Firm) -> None:
    office, fake = firm.office, firm.fake
    maria = await office.customer(phone=PHONE)
    ticket_id = await office.ticket(maria, "Не греет")
    await office.pass_time()
    fake.faults.extend([None, Fault.LOST, None, Fault.ERROR_AFTER] * 3)
    await office.handle(ticket_id, state=TicketState.SOLVED, priority=TicketPriority.HIGH)
    await office.pass_time(20)
    [case] = fake.tickets
    fields = office.party.crm.capabilities.ticket_fields
    assert not case.is_open
    assert case.priority == ("high" if Field.TICKET_PRIORITY in fields else "normal")
    assert await tickets(office) == {"Не греет": TicketState.SOLVED}
    asked = len([each for each in fake.asked if each.startswith(("PATCH", "PUT"))])
    await office.night()
    assert len([each for each in fake.asked if each.startswith(("PATCH", "PUT"))]) == asked
    assert await office.record() == []


async def test_notes_that_people_there_write_come_into_the_timeline_and_ours_stay_one(firm: Firm) -> None:
    office, fake = firm.office, firm.fake
    maria = await office.customer(phone=PHONE)
    async with office.db.write() as session:
        await office.sync.announcements.note(session, maria, "n1", "Просила перезвонить")
    await office.pass_time()
    [contact] = await office.links()
    fake.write_note(contact, "Звонила, <недовольна>")
    await office.sync.receive("shop", fake.webhook(contact))
    await office.work()
    assert await office.notes(maria) == ["Звонила, <недовольна>"]
    fake.faults.extend([None, Fault.LOST, Fault.GARBLED] * 3)
    await office.night()
    await office.night()
    assert await office.notes(maria) == ["Звонила, <недовольна>"]
    assert len(fake.notes) == 2


@pytest.mark.parametrize("firm", [FakeEspoCrm, FakeBottleCrm], indirect=True)
async def test_notes_beside_a_case_come_as_well(firm: Firm) -> None:
    office, fake = firm.office, firm.fake
    contact = fake.add("Мария", "Соколова", PHONE)
    case = fake.complain(contact, "Где возврат?")
    fake.write_note(case, "Деньги ушли вчера", "Case")
    await office.pass_time()
    assert await office.notes(await office.linked(contact)) == ["Деньги ушли вчера"]
    fake.write_note(case, "Банк подтвердил", "Case")
    await office.sync.receive("shop", fake.webhook(case, kind="ticket"))
    await office.work()
    assert set(await office.notes(await office.linked(contact))) == {"Деньги ушли вчера", "Банк подтвердил"}
