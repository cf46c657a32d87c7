"""What the product relies on, whichever CRM the company has."""

from datetime import datetime, timedelta

import pytest

from crm_bridge.adapters import (
    AuthFailed,
    Case,
    Change,
    Field,
    Forged,
    Kind,
    Note,
    NotFound,
    RateLimited,
    Received,
    Refused,
    Ticket,
    Unavailable,
    Uncertain,
    Values,
    WebhookHint,
)
from crm_bridge.adapters.values import CLOSED, OPEN
from crm_bridge.money import Money
from tests.crm_bridge.adapters.conftest import Connected
from tests.fakes.crm.base import Fault

MARIA = {
    Field.GIVEN_NAME: "Мария",
    Field.PATRONYMIC: "Ивановна",
    Field.FAMILY_NAME: "Соколова",
    Field.PHONE: "+79161234567",
    Field.EMAIL: "maria@example.com",
}
MINUTE = timedelta(minutes=1)
STRANGE = ["0", "nobody", "../../etc/passwd", "1 OR 1=1", "%2e%2e", ""]


def seen(connected: Connected, remote_id: str) -> Values:
    """What people in the CRM see, as far as the CRM can hold it."""
    values = connected.fake.values(remote_id)
    return {field: values[field] for field in connected.crm.capabilities.fields}


async def everything(connected: Connected, kind: Kind, since: datetime | None = None) -> list[Change]:
    changes: list[Change] = []
    cursor: str | None = None
    while True:
        page = await connected.crm.list_changed(kind, since, cursor)
        changes += page.changes
        cursor = page.next
        if cursor is None:
            return changes


async def test_a_new_customer_is_entered_and_read_back(connected: Connected) -> None:
    made = await connected.crm.upsert_contact(MARIA)
    assert made.values == connected.crm.project(MARIA) == seen(connected, made.remote_id)
    assert made.updated_at == connected.clock.now()
    assert await connected.crm.get_contact(made.remote_id) == made


async def test_a_change_touches_only_what_was_changed(connected: Connected) -> None:
    remote_id = connected.fake.add("Мария", "Соколова", "+79161234567", "maria@example.com")
    connected.clock.advance(MINUTE)
    changed = await connected.crm.upsert_contact({Field.PHONE: "+79160000000"}, remote_id)
    assert changed.values[Field.PHONE] == "+79160000000"
    assert changed.values[Field.EMAIL] == "maria@example.com"
    assert changed.values[Field.FAMILY_NAME] == "Соколова"
    assert changed.updated_at == connected.clock.now()


async def test_one_part_of_a_name_is_changed_and_the_other_stays(connected: Connected) -> None:
    remote_id = connected.fake.add("Мария", "Соколова")
    changed = await connected.crm.upsert_contact({Field.FAMILY_NAME: "Петрова"}, remote_id)
    assert (changed.values[Field.GIVEN_NAME], changed.values[Field.FAMILY_NAME]) == ("Мария", "Петрова")


async def test_a_phone_is_taken_away(connected: Connected) -> None:
    remote_id = connected.fake.add("Мария", "Соколова", "+79161234567", "maria@example.com")
    changed = await connected.crm.upsert_contact({Field.PHONE: ""}, remote_id)
    assert changed.values[Field.PHONE] == ""
    assert changed.values[Field.EMAIL] == "maria@example.com"


async def test_somebody_is_found_by_phone_and_by_email(connected: Connected) -> None:
    mine = connected.fake.add("Мария", "Соколова", "+79161234567", "maria@example.com")
    connected.fake.add("Иван", "Соколов", "+79161234568", "maria@example.com.example")
    by_phone = await connected.crm.find_contact(phone="+79161234567")
    by_email = await connected.crm.find_contact(email="maria@example.com")
    assert [who.remote_id for who in by_phone] == [who.remote_id for who in by_email] == [mine]
    assert await connected.crm.find_contact(phone="+79990000000", email="no@example.com") == ()


async def test_two_people_with_one_phone_are_both_found(connected: Connected) -> None:
    both = {connected.fake.add(name, "Соколова", "+79161234567") for name in ("Мария", "Анна")}
    found = await connected.crm.find_contact(phone="+79161234567")
    assert {who.remote_id for who in found} == both


@pytest.mark.parametrize("remote_id", STRANGE)
async def test_nobody_of_that_id(connected: Connected, remote_id: str) -> None:
    with pytest.raises((NotFound, Refused, Unavailable)):
        await connected.crm.get_contact(remote_id)


async def test_what_changed_is_listed_and_what_did_not_is_not(connected: Connected) -> None:
    old = connected.fake.add("Старый", "Клиент")
    connected.clock.advance(10 * MINUTE)
    since = connected.clock.now()
    new = connected.fake.add("Новая", "Клиентка", "+79161234567")
    [change] = await everything(connected, Kind.CONTACT, since)
    assert (change.remote_id, change.kind) == (new, Kind.CONTACT)
    assert change.record.updated_at == since
    assert {each.remote_id for each in await everything(connected, Kind.CONTACT)} == {old, new}


@pytest.mark.parametrize("shuffled", [False, True], ids=["in order", "out of order"])
async def test_six_hundred_customers_entered_in_one_second_are_all_listed(
    connected: Connected, shuffled: bool
) -> None:
    connected.fake.shuffled = shuffled
    ids = {connected.fake.add(f"Клиент{n}", "Тестов") for n in range(605)}
    assert {each.remote_id for each in await everything(connected, Kind.CONTACT)} == ids


async def test_six_hundred_customers_entered_one_after_another_are_all_listed(connected: Connected) -> None:
    since = connected.clock.now()
    ids = set()
    for n in range(605):
        connected.clock.advance(timedelta(seconds=1))
        ids.add(connected.fake.add(f"Клиент{n}", "Тестов"))
    assert {each.remote_id for each in await everything(connected, Kind.CONTACT, since)} == ids


async def test_nobody_is_skipped_when_records_change_while_we_read(connected: Connected) -> None:
    """Offsets would shift; only a CRM that has nothing else may miss records until the nightly sweep."""
    ids = []
    for n in range(505):
        connected.clock.advance(timedelta(seconds=1))
        ids.append(connected.fake.add(f"Клиент{n}", "Тестов"))
    first = await connected.crm.list_changed(Kind.CONTACT, None, None)
    seen = {each.remote_id for each in first.changes}
    connected.clock.advance(MINUTE)
    for remote_id in sorted(seen)[:20]:
        connected.fake.edit(remote_id, family="Изменённый")
    cursor = first.next
    while cursor is not None:
        page = await connected.crm.list_changed(Kind.CONTACT, None, cursor)
        seen |= {each.remote_id for each in page.changes}
        cursor = page.next
    assert seen == set(ids)


async def test_the_clock_of_a_page_is_the_crms(connected: Connected) -> None:
    page = await connected.crm.list_changed(Kind.CONTACT, None, None)
    assert (page.changes, page.next, page.as_of) == ((), None, connected.clock.now())


async def test_an_order_is_read_with_its_sum_and_buyer(connected: Connected) -> None:
    buyer = connected.fake.add("Мария", "Соколова")
    order = connected.fake.sell(buyer, "Чайник", "1499.00", "NEW")
    deal = await connected.crm.get_order(order)
    assert (deal.title, deal.stage, deal.contact_id) == ("Чайник", "NEW", buyer)
    assert deal.amount == Money(149900, "RUB")
    assert [each.record for each in await everything(connected, Kind.DEAL)] == [deal]


async def test_a_ticket_is_made_once_however_often_it_is_asked_for(connected: Connected) -> None:
    buyer = connected.fake.add("Мария", "Соколова")
    ticket = Ticket("zabota-t17", buyer, "Не греет чайник", "Купила неделю назад, не греет.")
    made = await connected.crm.create_ticket(ticket)
    assert await connected.crm.create_ticket(ticket) == made
    [kept] = connected.fake.tickets
    assert (kept.id, kept.owner_id) == (made, buyer)
    assert "Не греет чайник" in kept.subject
    assert "Купила неделю назад, не греет." in kept.text


@pytest.mark.parametrize("kind", [Kind.CONTACT, Kind.DEAL])
async def test_a_note_is_written_once_however_often_it_is_asked_for(connected: Connected, kind: Kind) -> None:
    buyer = connected.fake.add("Мария", "Соколова")
    owner = buyer if kind is Kind.CONTACT else connected.fake.sell(buyer)
    note = Note("zabota-n5", kind, owner, "Клиент просил перезвонить после 18:00")
    made = await connected.crm.append_note(note)
    assert made
    assert await connected.crm.append_note(note) == made
    other = await connected.crm.append_note(Note("zabota-n55", kind, owner, "И ещё раз"))
    assert other != made
    assert [note.owner_id for note in connected.fake.notes] == [owner, owner]


def two_way(connected: Connected) -> bool:
    """Whether tickets can be followed. One that cannot says so, and offers nothing."""
    capable = connected.crm.capabilities
    assert bool(capable.ticket_fields) == (Kind.TICKET in capable.kinds)
    return bool(capable.ticket_fields)


async def test_a_ticket_made_at_a_screen_is_listed_and_read(connected: Connected) -> None:
    buyer = connected.fake.add("Мария", "Соколова")
    remote_id = connected.fake.complain(buyer, "Где возврат?")
    if not two_way(connected):
        with pytest.raises(NotFound):
            await connected.crm.get_ticket(remote_id)
        return
    case = await connected.crm.get_ticket(remote_id)
    assert (case.contact_id, case.key, case.values[Field.TICKET_STATE]) == (buyer, "", OPEN)
    assert set(case.values) == connected.crm.capabilities.ticket_fields
    assert [each.record for each in await everything(connected, Kind.TICKET)] == [case]
    connected.clock.advance(10 * MINUTE)
    since = connected.clock.now()
    if connected.crm.capabilities.modified_since:
        assert await everything(connected, Kind.TICKET, since) == []
    connected.fake.handle(remote_id, is_open=False, priority="high")
    [change] = await everything(connected, Kind.TICKET, since)
    assert isinstance(change.record, Case)
    assert change.record.values[Field.TICKET_STATE] == CLOSED
    assert change.record.values.get(Field.TICKET_PRIORITY, "high") == "high"


@pytest.mark.parametrize("shuffled", [False, True], ids=["in order", "out of order"])
async def test_three_hundred_tickets_of_one_second_are_all_listed(
    connected: Connected, shuffled: bool
) -> None:
    if two_way(connected):
        connected.fake.shuffled = shuffled
        buyer = connected.fake.add("Мария", "Соколова")
        ids = {connected.fake.complain(buyer, f"Обращение {n}") for n in range(305)}
        assert {each.remote_id for each in await everything(connected, Kind.TICKET)} == ids


@pytest.mark.parametrize("fault", [None, Fault.LOST, Fault.ERROR_AFTER, Fault.LIMIT])
async def test_a_ticket_is_changed_repeatably_and_only_where_it_was_changed(
    connected: Connected, fault: Fault | None
) -> None:
    buyer = connected.fake.add("Мария", "Соколова")
    ticket = Ticket("zabota-t17", buyer, "Не греет", "Купила неделю назад")
    remote_id = await connected.crm.create_ticket(ticket)
    if not two_way(connected):
        with pytest.raises(Refused):
            await connected.crm.update_ticket(Case(remote_id, ticket.key, buyer, {}, ""), {})
        return
    made = await connected.crm.get_ticket(remote_id)
    told = {
        Field.TICKET_STATE: OPEN,
        Field.TICKET_PRIORITY: "normal",
        Field.TICKET_SUBJECT: "Не греет",
    }
    assert made.values == connected.crm.project_ticket(told, ticket.key)
    assert (made.key, made.contact_id) == (ticket.key, buyer)
    changes = {
        Field.TICKET_STATE: CLOSED,
        Field.TICKET_PRIORITY: "high",
        Field.TICKET_SUBJECT: "Не греет вовсе, и это длиннее, чем помещается в название дела",
    }
    for field, value in changes.items():
        if field in connected.crm.capabilities.ticket_fields:
            connected.fake.faults.append(fault)
            told[field] = value
            made = await connected.crm.update_ticket(made, {field: value})
            assert made.values == connected.crm.project_ticket(told, ticket.key)
    reopened = await connected.crm.update_ticket(made, {Field.TICKET_STATE: OPEN})
    assert reopened.values[Field.TICKET_STATE] == OPEN
    assert await connected.crm.create_ticket(ticket) == remote_id


@pytest.mark.parametrize("remote_id", STRANGE)
async def test_no_ticket_of_that_id(connected: Connected, remote_id: str) -> None:
    with pytest.raises((NotFound, Refused, Unavailable)):
        await connected.crm.get_ticket(remote_id)


async def test_notes_are_listed_ours_with_their_key_and_theirs_without(connected: Connected) -> None:
    buyer, other = connected.fake.add("Мария", "Соколова"), connected.fake.add("Иван", "Иванов")
    ours = await connected.crm.append_note(Note("zabota-n5", Kind.CONTACT, buyer, "Просила перезвонить"))
    connected.clock.advance(MINUTE)
    theirs = connected.fake.write_note(buyer, "Звонила сама & ждёт <b>ответа</b>")
    connected.fake.write_note(other, "Чужое")
    notes = {note.remote_id: note for note in await connected.crm.list_notes(Kind.CONTACT, buyer)}
    assert set(notes) == {ours, theirs}
    assert (notes[ours].key, notes[theirs].key) == ("zabota-n5", "")
    assert notes[theirs].text == "Звонила сама & ждёт <b>ответа</b>"
    assert notes[theirs].at == connected.clock.now()


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.CUT, Fault.SILENT, Fault.ERROR_AFTER])
async def test_a_ticket_whose_answer_was_lost_is_uncertain_and_found_at_the_next_try(
    connected: Connected, fault: Fault
) -> None:
    buyer = connected.fake.add("Мария", "Соколова")
    ticket = Ticket("zabota-t1", buyer, "Возврат", "Верните деньги")
    healthy = len(connected.fake.asked)
    await connected.crm.create_ticket(Ticket("zabota-t0", buyer, "Проба", "Сколько запросов на заявку"))
    looks = len(connected.fake.asked) - healthy - 1  # the last request is the deed
    connected.fake.faults.extend([None] * looks + [fault])
    with pytest.raises(Uncertain):
        await connected.crm.create_ticket(ticket)
    assert await connected.crm.create_ticket(ticket) == connected.fake.tickets[-1].id
    assert len(connected.fake.tickets) == 2


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.CUT, Fault.SILENT, Fault.ERROR_AFTER, Fault.ERROR])
async def test_a_customer_whose_answer_was_lost_is_not_entered_twice_by_us(
    connected: Connected, fault: Fault
) -> None:
    connected.fake.faults.append(fault)
    with pytest.raises(Uncertain):
        await connected.crm.upsert_contact(MARIA)
    assert len(connected.fake.people) == (0 if fault is Fault.ERROR else 1)


@pytest.mark.parametrize(
    "fault", [Fault.ERROR, Fault.LOST, Fault.CUT, Fault.SILENT, Fault.GARBLED, Fault.LIMIT]
)
async def test_reading_is_tried_again_until_it_works(connected: Connected, fault: Fault) -> None:
    remote_id = connected.fake.add("Мария", "Соколова")
    connected.fake.faults.extend([fault, fault])
    assert (await connected.crm.get_contact(remote_id)).values[Field.GIVEN_NAME] == "Мария"
    assert len(connected.fake.asked) == 3


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.ERROR_AFTER, Fault.LIMIT])
async def test_a_change_may_be_sent_again(connected: Connected, fault: Fault) -> None:
    remote_id = connected.fake.add("Мария", "Соколова", "+79161234567")
    for before in range(3):  # whichever request of the change it hits
        connected.fake.faults.extend([None] * before + [fault])
        changed = await connected.crm.upsert_contact({Field.PHONE: f"+7916000000{before}"}, remote_id)
        assert changed.values[Field.PHONE] == f"+7916000000{before}"
        connected.fake.faults.clear()


async def test_a_crm_that_is_down_is_unavailable(connected: Connected) -> None:
    connected.fake.down = True
    with pytest.raises(Unavailable):
        await connected.crm.list_changed(Kind.CONTACT, None, None)


async def test_one_limit_after_another_is_told_to_the_caller(connected: Connected) -> None:
    connected.fake.faults.extend([Fault.LIMIT] * 5)
    with pytest.raises(RateLimited) as limited:
        await connected.crm.get_contact("1")
    assert limited.value.retry_after > timedelta()


async def test_a_refused_key_is_not_tried_again_and_again(connected: Connected) -> None:
    connected.fake.faults.extend([Fault.EXPIRED] * 5)
    with pytest.raises(AuthFailed):
        await connected.crm.get_contact("1")
    assert len(connected.fake.asked) == 1


@pytest.mark.parametrize("kind", [Kind.CONTACT, Kind.DEAL])
async def test_a_webhook_says_where_to_look_and_nothing_else(connected: Connected, kind: Kind) -> None:
    remote_id = connected.fake.add("Мария", "Соколова")
    received = connected.fake.webhook(remote_id, kind=kind.value)
    assert connected.crm.verify_webhook(received) == (WebhookHint(kind, remote_id),)


async def test_a_forged_webhook_is_refused(connected: Connected) -> None:
    good = connected.fake.webhook("1")
    forgeries = [
        Received(good.body, {name: value[:-4] + "AAAA" for name, value in good.headers.items()}, "other"),
        Received(good.body),
        Received(good.body.replace(b"app-token", b"app-tokem").replace(b"1", b"2"), good.headers, "other"),
        Received(b"", good.headers, "other"),
        Received(b"\xff\x00{", good.headers, "other"),
        Received(b"[" * 100_000, good.headers, "other"),
    ]
    if b"app-token" in good.body:  # Bitrix24: the token stands in the body, which is not signed
        forgeries = [Received(good.body.replace(b"app-token", b"x")), Received(b""), Received(b"\xff")]
    for forged in forgeries:
        with pytest.raises(Forged):
            connected.crm.verify_webhook(forged)


async def test_nothing_secret_or_personal_is_in_an_error(connected: Connected) -> None:
    connected.fake.faults.extend([Fault.LOST] * 5)
    with pytest.raises(Uncertain) as error:
        await connected.crm.upsert_contact(MARIA)
    for secret in ("s3cr3t", "key", "token", "bcrm", "+7916", "maria@"):
        assert secret not in str(error.value)
    assert "s3cr3t" not in repr(connected.account)
