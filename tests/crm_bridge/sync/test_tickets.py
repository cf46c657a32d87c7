"""A ticket here and a case in the CRM are one matter, whoever sees to it and wherever."""

import pytest
from sqlalchemy import select

from core.clock import ManualClock
from crm_bridge.adapters import Field, Kind, Refused
from crm_bridge.models import Interaction, Ticket, TicketPriority, TicketState
from crm_bridge.operations.cases import Cases
from crm_bridge.operations.running import Operations
from crm_bridge.privacy import Stores, erase
from crm_bridge.sync import Side
from crm_bridge.sync.tables import CrmCase, Why
from tests.crm_bridge.sync.conftest import MakeOffice
from tests.crm_bridge.sync.office import Office
from tests.fakes.crm.plain import Death, PlainCrm

PHONE = "+79161234567"


async def opened(office: Office, crm: PlainCrm) -> tuple[int, str]:
    """A ticket of Maria's, and what it is there."""
    maria = await office.customer(phone=PHONE)
    ticket_id = await office.ticket(maria)
    await office.pass_time()
    [remote_id] = crm.cases
    return ticket_id, remote_id


async def test_a_ticket_solved_here_closes_its_case_there(office: Office, crm: PlainCrm) -> None:
    ticket_id, remote_id = await opened(office, crm)
    await office.handle(ticket_id, state=TicketState.SOLVED)
    await office.work()
    assert crm.says(remote_id, "state") == "closed"
    assert (await office.tickets())[remote_id].state is TicketState.SOLVED
    await office.handle(ticket_id, state=TicketState.OPEN)
    await office.work()
    assert crm.says(remote_id, "state") == "open"
    assert await office.record() == []


async def test_a_case_closed_there_closes_its_ticket_here(office: Office, crm: PlainCrm) -> None:
    _, remote_id = await opened(office, crm)
    crm.handle(remote_id, state="closed")
    await office.pass_time()
    ticket = (await office.tickets())[remote_id]
    assert ticket.state is TicketState.CLOSED
    assert ticket.solved_at is not None
    crm.handle(remote_id, state="open", priority="high", subject="Не греет, срочно")
    await office.pass_time()
    ticket = (await office.tickets())[remote_id]
    assert (ticket.state, ticket.solved_at) == (TicketState.OPEN, None)
    assert (ticket.priority, ticket.subject) == (TicketPriority.HIGH, "Не греет, срочно")
    assert await office.record() == []


async def test_a_case_opened_there_is_a_ticket_here_and_is_solved_here(office: Office, crm: PlainCrm) -> None:
    contact = crm.add(given_name="Мария", phone=PHONE)
    crm.complain("somebody whom nobody knows", "Чужое")
    remote_id = crm.complain(contact, "Где возврат?")
    await office.pass_time()
    [ticket] = (await office.tickets()).values()
    assert (ticket.subject, ticket.state) == ("Где возврат?", TicketState.OPEN)
    await office.handle(ticket.id, state=TicketState.SOLVED, priority=TicketPriority.HIGH)
    await office.work()
    assert (crm.says(remote_id, "state"), crm.says(remote_id, "priority")) == ("closed", "high")
    assert len(crm.cases) == 2


async def test_what_was_changed_before_the_crm_knew_the_ticket_is_sent_after_it(
    office: Office, crm: PlainCrm
) -> None:
    crm.down = True
    maria = await office.customer(phone=PHONE)
    ticket_id = await office.ticket(maria)
    await office.pass_time()
    await office.handle(ticket_id, state=TicketState.SOLVED, subject="Греет")
    crm.down = False
    await office.pass_time()
    [remote_id] = crm.cases
    assert (crm.says(remote_id, "state"), crm.says(remote_id, "subject")) == ("closed", "Греет")
    assert (await office.statuses.of("shop")).waiting == 0


async def test_our_own_change_does_not_come_back(office: Office, crm: PlainCrm) -> None:
    ticket_id, _ = await opened(office, crm)
    await office.handle(ticket_id, subject="Не греет вовсе")
    await office.work()
    written, changed = crm.calls.count("update ticket"), (await office.tickets()).popitem()[1].updated_at
    await office.pass_time(5)
    await office.night()
    assert crm.calls.count("update ticket") == written == 1
    assert (await office.tickets()).popitem()[1].updated_at == changed


async def test_a_change_that_nobody_announced_is_sent_at_night(office: Office, crm: PlainCrm) -> None:
    ticket_id, remote_id = await opened(office, crm)
    office.clock.advance(office.party.rules.every)
    await office.handle(ticket_id, announced=False, state=TicketState.CLOSED)
    await office.night()
    assert crm.says(remote_id, "state") == "closed"


async def test_two_edits_of_one_ticket_leave_a_record(office: Office, crm: PlainCrm) -> None:
    ticket_id, remote_id = await opened(office, crm)
    crm.handle(remote_id, subject="Ихнее")
    await office.handle(ticket_id, subject="Наше")
    await office.pass_time()
    assert crm.says(remote_id, "subject") == (await office.tickets())[remote_id].subject == "Ихнее"
    [conflict] = await office.record()
    assert (conflict.ticket_id, conflict.field) == (ticket_id, "ticket_subject")
    assert (conflict.ours, conflict.theirs, conflict.why) == ("Наше", "Ихнее", Why.BOTH_CHANGED)


async def test_two_tickets_of_one_customer_wait_for_a_person_each_by_itself(
    office_with: MakeOffice, crm: PlainCrm
) -> None:
    office = office_with(fields={"ticket_subject": {"conflict": "ask"}})
    maria = await office.customer(phone=PHONE)
    first, second = await office.ticket(maria, "Один"), await office.ticket(maria, "Два")
    await office.pass_time()
    there = {ticket.id: remote_id for remote_id, ticket in (await office.tickets()).items()}
    for ticket_id in (first, second):
        crm.handle(there[ticket_id], subject=f"Ихнее {ticket_id}")
        await office.handle(ticket_id, subject=f"Наше {ticket_id}")
    await office.pass_time()
    record = {each.ticket_id: each.id for each in await office.record() if each.winner is None}
    assert set(record) == {first, second}
    await office.conflicts.decide(record[first], Side.ZABOTA, "Ольга")
    await office.conflicts.decide(record[second], Side.CRM, "Ольга")
    await office.work()
    tickets = await office.tickets()
    for ticket_id, text in ((first, f"Наше {first}"), (second, f"Ихнее {second}")):
        assert crm.says(there[ticket_id], "subject") == tickets[there[ticket_id]].subject == text


async def test_a_state_that_the_crm_owns_is_put_back(office_with: MakeOffice, crm: PlainCrm) -> None:
    office = office_with(fields={"ticket_state": {"owner": "crm"}})
    ticket_id, remote_id = await opened(office, crm)
    await office.handle(ticket_id, state=TicketState.SOLVED)
    await office.pass_time()
    assert crm.says(remote_id, "state") == "open"
    assert (await office.tickets())[remote_id].state is TicketState.OPEN
    assert [each.why for each in await office.record()] == [Why.OWNED]


async def test_a_change_that_the_crm_refuses_is_shown_and_holds_up_nothing(
    office: Office, crm: PlainCrm
) -> None:
    ticket_id, remote_id = await opened(office, crm)

    def approve_first(step: str) -> None:
        if step == "before update ticket":
            raise Refused("not accepted: status")

    crm.step = approve_first
    await office.handle(ticket_id, state=TicketState.SOLVED)
    await office.pass_time()
    status = await office.statuses.of("shop")
    assert (status.refused, status.waiting) == (1, 0)
    crm.step = lambda _: None
    crm.handle(remote_id, subject="Разрешили")
    await office.pass_time()
    assert crm.says(remote_id, "state") == "closed"
    assert (await office.statuses.of("shop")).refused == 0


async def test_a_case_deleted_there_leaves_its_ticket(office: Office, crm: PlainCrm) -> None:
    ticket_id, remote_id = await opened(office, crm)
    del crm.cases[remote_id]
    await office.handle(ticket_id, subject="Ещё раз")
    await office.pass_time()
    assert (await office.tickets())[remote_id].subject == "Ещё раз"
    assert (crm.cases, (await office.statuses.of("shop")).waiting) == ({}, 0)


@pytest.mark.parametrize("step", ["before update ticket", "after update ticket"])
async def test_a_change_survives_the_death_of_the_process(office: Office, crm: PlainCrm, step: str) -> None:
    ticket_id, remote_id = await opened(office, crm)

    def die(name: str) -> None:
        if name == step:
            crm.step = lambda _: None
            raise Death

    crm.step = die
    await office.handle(ticket_id, subject="После смерти")
    with pytest.raises(Death):
        await office.work()
    await office.queue.release("gateway")
    crm.handle(remote_id, priority="high")
    await office.pass_time()
    ticket = (await office.tickets())[remote_id]
    assert crm.says(remote_id, "subject") == ticket.subject == "После смерти"
    assert ticket.priority is TicketPriority.HIGH
    assert await office.record() == []


async def test_an_operation_changes_a_case_once_and_the_crm_hears_of_it(
    office: Office, crm: PlainCrm
) -> None:
    maria = await office.customer(phone=PHONE)
    ticket_id = await office.ticket(maria)
    await office.pass_time()
    cases = Cases(Operations(office.db, office.clock, office.sync.announcements), None)  # type: ignore[arg-type]
    number = f"T-{ticket_id}"
    for _ in range(2):
        done = await cases.change_case("k1", maria, number, state=TicketState.SOLVED)
        assert done == {"number": number, "state": "solved"}
    ivan = await office.customer("Иван", "Иванов")
    assert await cases.change_case("k2", ivan, number, state=TicketState.OPEN) == {"number": number}
    await office.work()
    [case] = crm.cases.values()
    assert case.values[Field.TICKET_STATE] == "closed"


# Notes.


async def test_a_note_written_there_comes_into_the_timeline_once(office: Office, crm: PlainCrm) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    crm.write_note(Kind.CONTACT, "1", "Просила перезвонить\nпосле шести")
    await office.pass_time()
    assert await office.notes(maria) == []  # nothing told of it
    await office.night()
    assert await office.notes(maria) == ["Просила перезвонить"]
    await office.night()
    await office.sync.receive("shop", crm.webhook("1"))
    await office.work()
    assert await office.notes(maria) == ["Просила перезвонить"]


async def test_a_webhook_or_an_edit_brings_notes_at_once(office: Office, crm: PlainCrm) -> None:
    maria = await office.customer(phone=PHONE)
    ticket_id = await office.ticket(maria)
    await office.pass_time()
    [remote_id] = crm.cases
    crm.write_note(Kind.CONTACT, "1", "Первая")
    await office.sync.receive("shop", crm.webhook("1"))
    await office.work()
    assert await office.notes(maria) == ["Первая"]
    crm.write_note(Kind.TICKET, remote_id, "Вторая")
    crm.handle(remote_id, priority="high")
    await office.pass_time()
    crm.write_note(Kind.CONTACT, "1", "Третья")
    crm.edit("1", family_name="Петрова")
    await office.pass_time()
    assert await office.notes(maria) == ["Третья", "Вторая", "Первая"]
    assert (await office.tickets())[remote_id].id == ticket_id


async def test_whoever_was_erased_here_does_not_come_back_with_their_notes_and_tickets(
    office: Office, crm: PlainCrm, clock: ManualClock
) -> None:
    maria = await office.customer(phone=PHONE)
    await office.ticket(maria)
    await office.pass_time()
    [remote_id] = crm.cases
    crm.write_note(Kind.TICKET, remote_id, "Тайна")
    await erase(office.db, clock, Stores(), maria, "root")
    crm.handle(remote_id, subject="Тайна")
    await office.night()
    await office.sync.receive("shop", crm.webhook("1"))
    await office.work()
    async with office.db.read() as session:
        left = [*await session.scalars(select(Ticket)), *await session.scalars(select(CrmCase))]
        left += list(await session.scalars(select(Interaction)))
    assert left == []


async def test_a_note_of_ours_is_not_taken_for_theirs(office: Office, crm: PlainCrm) -> None:
    maria = await office.customer(phone=PHONE)
    async with office.db.write() as session:
        await office.sync.announcements.note(session, maria, "n1", "Наша")
    await office.pass_time()
    await office.night()
    assert [each.text for each in crm.notes.values()] == ["Наша"]
    assert await office.notes(maria) == []


async def test_a_note_that_was_mended_there_is_mended_here(office: Office, crm: PlainCrm) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    crm.write_note(Kind.CONTACT, "1", "Позвонить в семь")
    await office.night()
    [old] = crm.comments["contact/1"]
    crm.comments["contact/1"] = [type(old)(old.remote_id, "", "Позвонить в восемь", old.author, old.at)]
    await office.night()
    assert await office.notes(maria) == ["Позвонить в восемь"]
