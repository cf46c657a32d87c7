"""Demands about data and messages, as operations: once for a key, effective at once."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

import bot.tables  # noqa: F401 - an export looks into every table
from core.clock import ManualClock
from core.db import Base, Database
from core.media import MediaStore
from crm_bridge.company import Company as Rules
from crm_bridge.consent import Consents
from crm_bridge.models import ConsentRecord, Customer, Document, Purpose, Ticket
from crm_bridge.operations.cases import Cases
from crm_bridge.operations.messages import MessageOperations
from crm_bridge.operations.privacy import PrivacyOperations, Told
from crm_bridge.operations.running import Operations
from crm_bridge.privacy import Stores
from tests.crm_bridge.people import Company

MARKETING = (Purpose.MARKETING,)


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    return MediaStore("", tmp_path / "media")


@pytest.fixture
def messages(operations: Operations, rules: Rules) -> MessageOperations:
    return MessageOperations(operations, Consents(operations.db, operations.clock), rules.messages)


@pytest.fixture
def demands(
    operations: Operations, rules: Rules, store: MediaStore, messages: MessageOperations
) -> PrivacyOperations:
    cases = Cases(operations, rules.cases)
    return PrivacyOperations(operations, Stores, store, cases, messages, rules.privacy)


async def count(db: Database, table: type[Base]) -> int:
    async with db.read() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_the_newest_word_counts(
    shop: Company, db: Database, messages: MessageOperations, clock: ManualClock
) -> None:
    maria = await shop.customer()
    consents = Consents(db, clock)
    await messages.opt_in("a", maria, MARKETING, "sms")
    assert (await consents.may_send(maria, Purpose.MARKETING, "sms")).allowed
    assert not (await consents.may_send(maria, Purpose.MARKETING, "email")).allowed
    await messages.opt_out("b", maria, MARKETING, None)
    await messages.opt_out("b", maria, MARKETING, None)
    assert not (await consents.may_send(maria, Purpose.MARKETING, "sms")).allowed
    assert await count(db, ConsentRecord) == 2


async def test_who_wants_messages_is_disturbed_again(
    shop: Company, db: Database, messages: MessageOperations, clock: ManualClock
) -> None:
    maria = await shop.customer()
    async with db.write() as session:
        (await session.get_one(Customer, maria)).do_not_disturb = True
    await messages.opt_in("a", maria, MARKETING, None)
    assert (await Consents(db, clock).may_send(maria, Purpose.MARKETING, "email")).allowed


async def test_an_export_holds_what_is_theirs_and_nothing_else(
    shop: Company, db: Database, demands: PrivacyOperations, store: MediaStore
) -> None:
    maria = await shop.customer(phone="+79000001001")
    petr = await shop.customer("Пётр", "Волков", phone="+79000001002")
    await shop.order(maria, "1001")
    await shop.order(petr, "1002")
    made = await demands.export("a", maria, "Мои данные")
    assert await demands.export("a", maria, "Мои данные") == made
    text, machine = [(await store.read(file["key"])).data.decode() for file in made["files"]]
    assert [file["name"] for file in made["files"]] == ["Мои данные.txt", "Мои данные.json"]
    assert "Соколова" in text
    held = json.loads(machine)
    assert [row["number"] for row in held["orders"]] == ["1001"]
    assert "Волков" not in machine + text
    assert await count(db, Document) == 2


async def test_an_erasure_is_set_going_once(
    shop: Company, db: Database, demands: PrivacyOperations, clock: ManualClock
) -> None:
    maria = await shop.customer()
    chat = await shop.chat(maria)
    told = Told("Удаление", f"zabota privacy erase id:{maria}")
    opened = await demands.request_erasure("a", maria, chat, told)
    assert await demands.request_erasure("a", maria, chat, told) == opened
    async with db.read() as session:
        [ticket] = await session.scalars(select(Ticket))
        person = await session.get_one(Customer, maria)
    assert (ticket.number, ticket.due_at) == (opened["number"], clock.now() + timedelta(days=30))
    assert person.do_not_disturb
    assert await count(db, ConsentRecord) == 2
