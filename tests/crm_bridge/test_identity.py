"""Who is writing: a visitor, a customer of the site, a customer who has proved it."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from core.clock import ManualClock
from core.db import Database
from crm_bridge.identity import Caller, Identities, UnknownConversation, check_user_hash, user_hash
from crm_bridge.models import Identity, Proof
from tests.crm_bridge.people import Company

HOUR = timedelta(hours=1)
KEY = b"site secret"


@pytest.fixture
def company(db: Database, clock: ManualClock) -> Company:
    return Company(db, clock)


@pytest.fixture
def identities(db: Database, clock: ManualClock) -> Identities:
    return Identities(db, clock, 12 * HOUR)


async def test_an_account_is_one_identity_however_often_it_writes(
    db: Database, identities: Identities
) -> None:
    async def write(account: str, external_id: str) -> int:
        async with db.write() as session:
            return (await identities.get_or_create(session, "web", account, external_id, "en")).id

    first = await asyncio.gather(*(write("shop", "visitor") for _ in range(8)))
    others = [await write("shop", "another"), await write("blog", "visitor")]
    assert len({*first, *others}) == 3
    async with db.read() as session:
        assert await session.scalar(select(func.count()).select_from(Identity)) == 3
        again = await identities.get_or_create(session, "web", "shop", "visitor", "ru")
    assert (again.language, again.customer_id) == ("en", None)


async def test_a_visitor_is_nobody_yet(company: Company, identities: Identities) -> None:
    chat = await company.chat(language="en")
    caller = await identities.caller(chat)
    assert caller == Caller(chat, caller.identity_id, None, False, None, "en", "Europe/Moscow")
    assert caller.proven_customer_id is None


async def test_a_proof_lasts_as_long_as_the_company_wants(
    company: Company, identities: Identities, clock: ManualClock
) -> None:
    maria = await company.customer()
    chat = await company.chat()
    visitor = (await identities.caller(chat)).identity_id
    async with company.db.write() as session:
        await identities.link(session, visitor, maria, Proof.CODE)

    clock.advance(12 * HOUR - timedelta(seconds=1))
    assert await identities.caller(chat) == Caller(
        chat, visitor, maria, True, "Мария", "ru", "Asia/Yekaterinburg"
    )
    clock.advance(timedelta(seconds=1))
    stale = await identities.caller(chat)
    assert (stale.customer_id, stale.verified, stale.name) == (maria, False, None)
    assert stale.proven_customer_id is None


async def test_whoever_is_unlinked_is_nobody_again(company: Company, identities: Identities) -> None:
    maria = await company.customer()
    chat = await company.chat()
    visitor = (await identities.caller(chat)).identity_id
    async with company.db.write() as session:
        await identities.link(session, visitor, maria, Proof.SHARED_PHONE)
    async with company.db.write() as session:
        await identities.unlink(session, visitor)
    caller = await identities.caller(chat)
    assert (caller.customer_id, caller.verified, caller.name) == (None, False, None)


async def test_a_conversation_that_is_not_there(identities: Identities) -> None:
    with pytest.raises(UnknownConversation):
        await identities.caller("nowhere")


async def test_a_user_whom_the_site_signed_is_the_customer_of_that_reference(
    company: Company, identities: Identities
) -> None:
    maria = await company.customer(external_ref="user-1")
    chat = await company.chat()
    visitor = (await identities.caller(chat)).identity_id
    async with company.db.write() as session:
        assert await identities.link_signed_user(session, visitor, "user-1") == maria
    assert (await identities.caller(chat)).proven_customer_id == maria


async def test_a_signed_user_whom_we_do_not_know_does_not_see_the_last_one(
    company: Company, identities: Identities
) -> None:
    await company.customer(external_ref="user-1")
    chat = await company.chat()
    visitor = (await identities.caller(chat)).identity_id
    async with company.db.write() as session:
        await identities.link_signed_user(session, visitor, "user-1")
    async with company.db.write() as session:
        assert await identities.link_signed_user(session, visitor, "user-2") is None
    assert (await identities.caller(chat)).customer_id is None


def test_the_sites_signature_is_right() -> None:
    """RFC 4231, test case 2."""
    signed = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert user_hash(b"Jefe", "what do ya want for nothing?") == signed
    assert check_user_hash(b"Jefe", "what do ya want for nothing?", signed)


@pytest.mark.parametrize(
    "given", ["", "0" * 64, "хэш", user_hash(KEY, "user-2"), user_hash(b"other", "user-1")]
)
def test_a_wrong_signature_is_refused(given: str) -> None:
    assert check_user_hash(KEY, "user-1", user_hash(KEY, "user-1"))
    assert not check_user_hash(KEY, "user-1", given)


def test_nobody_cannot_be_signed() -> None:
    assert not check_user_hash(KEY, "", user_hash(KEY, ""))
