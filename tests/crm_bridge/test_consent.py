"""A customer grants and withdraws, and is written to only as they said last."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from core.clock import ManualClock
from core.db import Database
from crm_bridge.consent import Consents, Ground, Permission, SaidInFuture
from crm_bridge.models import ConsentRecord, Customer, Decision, Purpose
from tests.conftest import NOON
from tests.crm_bridge.people import Company

HOUR = timedelta(hours=1)


@pytest.fixture
def consents(db: Database, clock: ManualClock) -> Consents:
    return Consents(db, clock)


@pytest.fixture
def company(db: Database, clock: ManualClock) -> Company:
    return Company(db, clock)


async def says(
    consents: Consents,
    customer: int,
    decision: Decision,
    purpose: Purpose = Purpose.MARKETING,
    channel: str | None = "sms",
    ago: timedelta = timedelta(),
) -> int:
    async with consents._db.write() as session:
        said = await consents.record(
            session,
            customer,
            purpose,
            channel,
            decision,
            text_version="2026-01",
            source="form",
            at=NOON - ago,
        )
    return said.id


async def test_advertising_needs_a_yes_and_a_service_message_needs_a_contract(
    company: Company, consents: Consents
) -> None:
    customer = await company.customer()
    for purpose in (Purpose.MARKETING, Purpose.PROFILING):
        answer = await consents.may_send(customer, purpose, "sms")
        assert (answer.allowed, answer.ground, answer.record) == (False, Ground.NEVER_GRANTED, None)
    stranger = await consents.may_send(customer, Purpose.SERVICE, "sms")
    assert (stranger.allowed, stranger.ground) == (False, Ground.NO_CONTRACT)
    await company.order(customer, "1")
    buyer = await consents.may_send(customer, Purpose.SERVICE, "sms")
    assert (buyer.allowed, buyer.ground) == (True, Ground.CONTRACT)


async def test_the_last_word_counts_and_is_named(company: Company, consents: Consents) -> None:
    customer = await company.customer()
    yes = await says(consents, customer, Decision.GRANTED, ago=3 * HOUR)
    no = await says(consents, customer, Decision.WITHDRAWN, ago=HOUR)
    then = await consents.may_send(customer, Purpose.MARKETING, "sms", NOON - 2 * HOUR)
    now = await consents.may_send(customer, Purpose.MARKETING, "sms")
    assert (then.allowed, then.record and then.record.id) == (True, yes)
    assert (now.allowed, now.ground, now.record and now.record.id) == (False, Ground.WITHDRAWN, no)
    assert [said.id for said in await consents.history(customer)] == [no, yes]


async def test_one_channel_is_not_another_and_none_means_all(company: Company, consents: Consents) -> None:
    customer = await company.customer()
    await says(consents, customer, Decision.GRANTED, channel="sms", ago=2 * HOUR)
    assert (await consents.may_send(customer, Purpose.MARKETING, "sms")).allowed
    assert not (await consents.may_send(customer, Purpose.MARKETING, "email")).allowed
    await says(consents, customer, Decision.WITHDRAWN, channel=None, ago=HOUR)
    assert not (await consents.may_send(customer, Purpose.MARKETING, "sms")).allowed


async def test_even_service_messages_end_when_the_customer_says_so(
    company: Company, consents: Consents
) -> None:
    customer = await company.customer()
    await company.order(customer, "1")
    await says(consents, customer, Decision.WITHDRAWN, Purpose.SERVICE, None)
    assert (await consents.may_send(customer, Purpose.SERVICE, "sms")).ground is Ground.WITHDRAWN


async def test_whoever_asked_not_to_be_disturbed_is_left_alone(company: Company, consents: Consents) -> None:
    customer = await company.customer()
    await company.order(customer, "1")
    for purpose in Purpose:
        await says(consents, customer, Decision.GRANTED, purpose, None)
    async with company.db.write() as session:
        await session.execute(update(Customer).values(do_not_disturb=True))
    for purpose in (Purpose.SERVICE, Purpose.MARKETING):
        assert (await consents.may_send(customer, purpose, "sms")).ground is Ground.DO_NOT_DISTURB
    assert (await consents.may_send(customer, Purpose.PROFILING, "sms")).allowed


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_answer_can_be_explained(language: str) -> None:
    said = {Permission(False, ground).in_words(language) for ground in Ground}
    assert len(said) == len(Ground)


async def test_nobody_is_written_to_whom_we_do_not_know(consents: Consents) -> None:
    assert (await consents.may_send(404, Purpose.SERVICE, "sms")).ground is Ground.UNKNOWN_CUSTOMER


async def test_what_was_said_is_never_changed(company: Company, consents: Consents, db: Database) -> None:
    customer, other = await company.customer(), await company.customer()
    await says(consents, customer, Decision.WITHDRAWN)
    for change in ({"decision": Decision.GRANTED}, {"channel": None}, {"at": NOON - HOUR}):
        with pytest.raises(DBAPIError, match="never changed"):
            async with db.write() as session:
                await session.execute(update(ConsentRecord).values(change))
    async with db.write() as session:  # a merge gives it to somebody else, an erasure takes it away
        await session.execute(update(ConsentRecord).values(customer_id=other))
    assert len(await consents.history(other)) == 1
    async with db.write() as session:
        await session.execute(delete(ConsentRecord))


async def test_nobody_decides_in_the_future(company: Company, consents: Consents) -> None:
    customer = await company.customer()
    with pytest.raises(SaidInFuture):
        await says(consents, customer, Decision.GRANTED, ago=-HOUR)
    await says(consents, customer, Decision.GRANTED, ago=-timedelta(minutes=1))
    assert (await consents.may_send(customer, Purpose.MARKETING, "sms")).allowed


CHANNELS = ("sms", "email", "telegram")
SAID = st.tuples(
    st.sampled_from(Purpose),
    st.sampled_from((*CHANNELS, None)),
    st.sampled_from(Decision),
    st.integers(0, 5),  # hours ago; many at the same moment
)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SAID, max_size=12), st.sampled_from(Purpose), st.sampled_from(CHANNELS), st.integers(0, 6))
async def test_any_sequence_gives_the_right_answer_and_the_record_that_decided(
    company: Company,
    consents: Consents,
    sequence: list[tuple[Purpose, str | None, Decision, int]],
    purpose: Purpose,
    channel: str,
    asked: int,
) -> None:
    customer = await company.customer()
    last: tuple[int, Decision, int] | None = None  # (hours ago, decision, id), by going through it all
    for about, by, decision, ago in sequence:
        id_ = await says(consents, customer, decision, about, by, ago * HOUR)
        counts = about is purpose and by in (None, channel) and ago >= asked
        if counts and (last is None or ago <= last[0]):
            last = ago, decision, id_
    answer = await consents.may_send(customer, purpose, channel, NOON - asked * HOUR)
    assert answer.allowed == (last is not None and last[1] is Decision.GRANTED)
    assert (answer.record.id if answer.record else None) == (last[2] if last else None)
    async with consents._db.read() as session:
        mine = select(ConsentRecord).where(ConsentRecord.customer_id == customer)
        assert len(list(await session.scalars(mine))) == len(sequence)
