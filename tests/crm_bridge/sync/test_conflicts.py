"""Two people edit one field. One edit gives way, and nothing is lost without a record."""

import pytest

from crm_bridge.sync import Side
from crm_bridge.sync.conflicts import AlreadyDecided
from crm_bridge.sync.tables import Why
from tests.crm_bridge.sync.conftest import MakeOffice
from tests.crm_bridge.sync.office import Office
from tests.fakes.crm.plain import PlainCrm

PHONE, OURS, THEIRS = "+79161234567", "+79160000001", "+79160000002"


async def both_edit(office: Office, crm: PlainCrm) -> int:
    """Maria's phone is changed on both sides before either hears of the other."""
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    crm.edit("1", phone=THEIRS)
    await office.edit(maria, phone=OURS)
    await office.pass_time()
    return maria


async def test_by_default_the_crm_wins_and_our_edit_is_on_record(office: Office, crm: PlainCrm) -> None:
    maria = await both_edit(office, crm)
    assert await office.sees(maria, "phone") == crm.sees("1", "phone") == THEIRS
    [conflict] = await office.record()
    assert (conflict.field, conflict.ours, conflict.theirs) == ("phone", OURS, THEIRS)
    assert (conflict.why, conflict.winner, conflict.decided_by) == (Why.BOTH_CHANGED, Side.CRM, None)
    assert (conflict.account, conflict.customer_id) == ("shop", maria)


async def test_we_win_when_the_rules_say_so(office_with: MakeOffice, crm: PlainCrm) -> None:
    office = office_with(fields={"phone": {"conflict": "zabota"}})
    maria = await both_edit(office, crm)
    assert await office.sees(maria, "phone") == crm.sees("1", "phone") == OURS
    assert [each.winner for each in await office.record()] == [Side.ZABOTA]


async def test_the_same_edit_on_both_sides_is_no_conflict(office: Office, crm: PlainCrm) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    crm.edit("1", phone=OURS)
    await office.edit(maria, phone=OURS)
    await office.pass_time()
    assert await office.record() == []


async def test_different_fields_are_no_conflict(office: Office, crm: PlainCrm) -> None:
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    crm.edit("1", family_name="Петрова")
    await office.edit(maria, phone=OURS)
    await office.pass_time()
    assert (crm.sees("1", "phone"), await office.sees(maria, "family_name")) == (OURS, "Петрова")
    assert await office.record() == []


async def test_an_edit_of_a_field_that_the_crm_owns_is_put_back_and_recorded(
    office_with: MakeOffice, crm: PlainCrm
) -> None:
    office = office_with(fields={"phone": {"owner": "crm"}})
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    await office.edit(maria, phone=OURS)
    await office.pass_time()
    assert await office.sees(maria, "phone") == crm.sees("1", "phone") == PHONE
    assert [(each.why, each.ours, each.winner) for each in await office.record()] == [
        (Why.OWNED, OURS, Side.CRM)
    ]


async def test_an_edit_of_a_field_that_we_own_is_put_back_there_and_recorded(
    office_with: MakeOffice, crm: PlainCrm
) -> None:
    office = office_with(fields={"phone": {"owner": "zabota"}})
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    crm.edit("1", phone=THEIRS)
    await office.pass_time()
    assert await office.sees(maria, "phone") == crm.sees("1", "phone") == PHONE
    assert [(each.why, each.theirs, each.winner) for each in await office.record()] == [
        (Why.OWNED, THEIRS, Side.ZABOTA)
    ]


async def test_an_owner_without_a_value_does_not_empty_the_other_side(
    office_with: MakeOffice, crm: PlainCrm
) -> None:
    office = office_with(fields={"email": {"owner": "zabota"}, "phone": {"owner": "crm"}})
    crm.add(given_name="Мария", family_name="Соколова", email="maria@example.com")
    maria = await office.customer(phone=PHONE, email="maria@example.com")
    await office.pass_time()
    assert crm.sees("1", "phone") == await office.sees(maria, "phone") == PHONE


async def test_a_field_of_nobody_stays_as_it_is(office_with: MakeOffice, crm: PlainCrm) -> None:
    office = office_with(fields={"family_name": {"owner": "nobody"}})
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    crm.edit("1", family_name="Петрова")
    await office.pass_time()
    assert await office.sees(maria, "family_name") == "Соколова"


async def test_what_differs_at_the_first_meeting_is_on_record(office: Office, crm: PlainCrm) -> None:
    crm.add(given_name="Мария", family_name="Соколова", phone=PHONE, email="old@example.com")
    maria = await office.customer(phone=PHONE, email="new@example.com")
    await office.pass_time()
    assert await office.sees(maria, "email") == "old@example.com"
    assert [(each.why, each.ours) for each in await office.record()] == [
        (Why.FIRST_MEETING, "new@example.com")
    ]


@pytest.mark.parametrize(("winner", "kept"), [(Side.ZABOTA, OURS), (Side.CRM, THEIRS)])
async def test_a_person_decides_and_both_sides_follow(
    office_with: MakeOffice, crm: PlainCrm, winner: Side, kept: str
) -> None:
    office = office_with(fields={"phone": {"conflict": "ask"}})
    maria = await both_edit(office, crm)
    await office.night()
    assert (await office.sees(maria, "phone"), crm.sees("1", "phone")) == (OURS, THEIRS)
    [waiting] = await office.record()
    assert waiting.winner is None
    assert (await office.statuses.of("shop")).conflicts == 1
    await office.conflicts.decide(waiting.id, winner, "anna")
    await office.pass_time()
    assert await office.sees(maria, "phone") == crm.sees("1", "phone") == kept
    [decided] = await office.record()
    assert (decided.winner, decided.decided_by) == (winner, "anna")
    with pytest.raises(AlreadyDecided):
        await office.conflicts.decide(waiting.id, winner, "boris")


async def test_an_open_conflict_ends_when_both_sides_come_to_agree(
    office_with: MakeOffice, crm: PlainCrm
) -> None:
    office = office_with(fields={"phone": {"conflict": "ask"}})
    await both_edit(office, crm)
    crm.edit("1", phone=OURS)
    await office.pass_time()
    assert [each.decided_by for each in await office.record()] == ["agreement"]
    assert await office.conflicts.listed("shop", only_open=True) == []
