"""What only one of the CRMs does."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from crm_bridge.adapters import AuthFailed, Builder, Conflict, CrmAdapter, Field, Kind, Note
from crm_bridge.adapters import accounts as written
from crm_bridge.adapters.oauth import Tokens
from crm_bridge.money import Money
from tests.crm_bridge.adapters.conftest import Connected, HurriedClock, MemoryTokens
from tests.fakes.crm.amocrm import FakeAmoCrm
from tests.fakes.crm.base import Fault
from tests.fakes.crm.bitrix24 import FakeBitrix24
from tests.fakes.crm.bottlecrm import FakeBottleCrm
from tests.fakes.crm.espocrm import FakeEspoCrm
from tests.fakes.crm.odoo import FakeOdoo

only = pytest.mark.parametrize


@only("connected", [FakeBitrix24, FakeAmoCrm, FakeEspoCrm], indirect=True)
async def test_further_phones_of_a_contact_stay_when_the_first_one_changes(connected: Connected) -> None:
    remote_id = connected.fake.add("Мария", "Соколова", "+79161234567")
    connected.fake.edit(remote_id, phones=["+79161234567", "+79160000005"])
    await connected.crm.upsert_contact({Field.PHONE: "+79160000001"}, remote_id)
    assert connected.fake.people[remote_id].phones == ["+79160000001", "+79160000005"]


@only("connected", [FakeBitrix24, FakeAmoCrm, FakeOdoo, FakeBottleCrm, FakeEspoCrm], indirect=True)
async def test_a_phone_that_people_typed_in_their_own_way_is_read(connected: Connected) -> None:
    remote_id = connected.fake.add("Мария", "Соколова", "8 (916) 123-45-67")
    contact = await connected.crm.get_contact(remote_id)
    assert contact.values[Field.PHONE] == "+79161234567"


@only("connected", [FakeBottleCrm], indirect=True)
async def test_bottlecrm_finds_a_phone_through_its_brackets(connected: Connected) -> None:
    remote_id = connected.fake.add("Мария", "Соколова", "8 (916) 123-45-67", "Maria@Example.com")
    for wanted in ({"phone": "+79161234567"}, {"email": "maria@example.com"}):
        assert [who.remote_id for who in await connected.crm.find_contact(**wanted)] == [remote_id]


@only("connected", [FakeBottleCrm], indirect=True)
async def test_bottlecrm_takes_somebody_of_whom_only_half_a_name_is_known(connected: Connected) -> None:
    made = await connected.crm.upsert_contact({Field.GIVEN_NAME: "Мария", Field.PHONE: "+79161234567"})
    assert made.values[Field.FAMILY_NAME] == ""
    assert connected.fake.people[made.remote_id].family == "—"
    named = await connected.crm.upsert_contact({Field.FAMILY_NAME: "Соколова"}, made.remote_id)
    nameless = await connected.crm.upsert_contact({Field.GIVEN_NAME: ""}, made.remote_id)
    assert (named.values[Field.FAMILY_NAME], nameless.values[Field.GIVEN_NAME]) == ("Соколова", "")


@only("connected", [FakeBottleCrm], indirect=True)
async def test_bottlecrm_gets_long_notes_cut_and_their_sign_whole(connected: Connected) -> None:
    maria = connected.fake.add("Мария", "Соколова")
    note = Note("shop-n1", Kind.CONTACT, maria, "я" * 20_000)
    assert await connected.crm.append_note(note) == await connected.crm.append_note(note)
    [written] = connected.fake.notes
    assert len(written.text) <= 10_000


@only("connected", [FakeBottleCrm], indirect=True)
async def test_deals_of_bottlecrm_without_a_currency_have_that_of_the_account(connected: Connected) -> None:
    deal = connected.fake.sell(connected.fake.add("Мария", "Соколова"), amount="1499.50")
    assert (await connected.crm.get_order(deal)).amount == Money(149950, "RUB")


@only("connected", [FakeOdoo], indirect=True)
async def test_odoo_has_one_name_and_wants_one(connected: Connected) -> None:
    values = {Field.GIVEN_NAME: "Анна Мария", Field.FAMILY_NAME: "Петрова", Field.PHONE: "", Field.EMAIL: ""}
    made = await connected.crm.upsert_contact(values)
    assert made.values[Field.FAMILY_NAME] == "Мария Петрова"
    assert connected.crm.project(values) == made.values
    nameless = {**dict.fromkeys(values, ""), Field.PHONE: "+79161234567"}
    assert (await connected.crm.upsert_contact(nameless)).values == connected.crm.project(nameless)


@only("connected", [FakeBottleCrm, FakeEspoCrm], indirect=True)
async def test_a_second_contact_with_one_address_is_a_conflict(connected: Connected) -> None:
    connected.fake.add("Мария", "Соколова", email="maria@example.com")
    with pytest.raises(Conflict):
        await connected.crm.upsert_contact({Field.GIVEN_NAME: "Анна", Field.EMAIL: "maria@example.com"})


async def test_deprecated_methods_of_bitrix24_are_not_used(hurried: HurriedClock) -> None:
    """The fake does not know them, and every test of the contract passes on it."""
    assert not any("crm.contact" in name or "crm.deal" in name for name in dir(FakeBitrix24(hurried)))


@pytest.fixture
async def application(
    hurried: HurriedClock, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[FakeBitrix24, CrmAdapter, MemoryTokens]]:
    """Bitrix24 as an application whose token expires."""
    fake = FakeBitrix24(hurried)
    fake.access = "access-0"
    async with TestServer(fake.app()) as server:
        address = str(server.make_url("")).rstrip("/")
        monkeypatch.setattr(written, "BITRIX_TOKENS", f"{address}/oauth/token/")
        tokens = MemoryTokens()
        yield fake, Builder(http, hurried).build("shop", fake.account(address), tokens), tokens


async def test_an_expired_token_is_renewed_once_for_everybody_who_waits(
    application: tuple[FakeBitrix24, CrmAdapter, MemoryTokens],
) -> None:
    fake, crm, tokens = application
    remote_id = fake.add("Мария", "Соколова")
    fake.access = "nobody has this"
    found = await asyncio.gather(*(crm.get_contact(remote_id) for _ in range(5)))
    assert len(found) == 5
    assert fake.renewals == 1
    assert tokens.tokens == Tokens("access-1", "refresh-1")


async def test_a_token_that_another_process_renewed_is_taken_over(
    application: tuple[FakeBitrix24, CrmAdapter, MemoryTokens],
) -> None:
    fake, crm, tokens = application
    remote_id = fake.add("Мария", "Соколова")
    await crm.get_contact(remote_id)
    fake.access, fake.refresh = "access-9", "refresh-9"
    fake.faults.append(Fault.EXPIRED)
    tokens.tokens = Tokens("access-9", "refresh-9")
    assert (await crm.get_contact(remote_id)).remote_id == remote_id
    assert fake.renewals <= 1


async def test_a_refresh_token_that_was_revoked_asks_for_a_person(
    application: tuple[FakeBitrix24, CrmAdapter, MemoryTokens],
) -> None:
    fake, crm, _tokens = application
    fake.access, fake.refresh = "other", "other"
    with pytest.raises(AuthFailed):
        await crm.get_contact("1")
