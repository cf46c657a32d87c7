"""A customer asks what is known about them, and then to be forgotten."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

import bot.tables  # noqa: F401 - every table of the product
from bot.gateway.privacy import GatewayStore
from bot.gateway.tables import Inbox, Outbox, Press
from core.clock import ManualClock
from core.db import Base, Database
from core.jobs.embedded import JobRow
from crm_bridge.duplicates import Merges
from crm_bridge.models import (
    Author,
    Conversation,
    Customer,
    ErasureReceipt,
    Identity,
    Message,
    MessageState,
    Notice,
    NoticeChannel,
    Operation,
    Throttle,
    VerificationCode,
)
from crm_bridge.privacy import (
    NobodyMeant,
    SeveralMeant,
    Stores,
    erase,
    export,
    find_customer,
    scrub,
)
from crm_bridge.timeline import Timelines
from tests.crm_bridge.lives import DAY, add, live
from tests.crm_bridge.people import Company
from tests.databases import Postgres

MARK = "Щегол-4417"  # in every text about the one who is erased
PHONE, EMAIL = "+79000004417", "schegol4417@example.com"
MAY_STAY = {"alembic_version", "erasure_receipt"}


@pytest.fixture
def stores() -> Stores:
    known = Stores()
    known.register(GatewayStore())
    return known


@pytest.fixture
def company(db: Database, clock: ManualClock) -> Company:
    return Company(db, clock)


async def known_to_all(company: Company, mark: str = MARK, phone: str = PHONE, email: str = EMAIL) -> int:
    """A customer of whom every store of the product knows something."""
    now = company.now
    customer = await company.customer(mark, mark, phone=phone, email=email, external_ref=f"ref {mark}")
    chat = await live(company, customer, mark)
    async with company.db.write() as session:
        conversation = await session.get_one(Conversation, chat)
        conversation.memory = {"slots": {"name": mark}}
        identity = await session.get_one(Identity, conversation.identity_id)
        identity.external_id = f"tg {mark}"
    question, answer = f"m-{mark}", f"m-{mark}.0"
    await add(
        company,
        Message(
            id=answer,
            conversation_id=chat,
            author=Author.ASSISTANT,
            text=f"here {mark}",
            buttons=[],
            state=MessageState.PENDING,
            reply_to=question,
            created_at=now,
        ),
        Inbox(
            channel="web",
            account="shop",
            event_id=f"e {mark}",
            sender=f"tg {mark}",
            content={"text": mark},
            received_at=now,
        ),
        JobRow(
            kind="turn",
            payload={"text": mark},
            partition_key=f"in:web:shop:tg {mark}",
            priority=0,
            due_at=now,
            created_at=now,
        ),
        JobRow(
            kind="still_waiting",
            payload={"conversation_id": chat, "note": mark},
            priority=3,
            due_at=now,
            created_at=now,
        ),
        Notice(channel=NoticeChannel.SMS, address=phone, text=f"code {mark}", created_at=now),
        Operation(key=f"{chat}:{question}:x", name="x", result={"name": mark}, created_at=now),
        Throttle(subject=f"identity:{identity.id}", since=now),
        VerificationCode(
            identity_id=identity.id,
            conversation_id=chat,
            contact_hash=f"hash {mark}",
            code_hash="c",
            customer_id=customer,
            owners=1,
            created_at=now,
            expires_at=now + DAY,
        ),
    )
    await add(
        company,
        Outbox(
            message_id=answer,
            conversation_id=chat,
            epoch=0,
            channel="web",
            account="shop",
            identity_id=identity.id,
            created_at=now,
        ),
        Press(
            id=f"p {len(mark)}{customer}",
            conversation_id=chat,
            message_id=answer,
            title=mark,
            intent="x",
            entities={"name": mark},
            expires_at=now + DAY,
        ),
    )
    return customer


async def mentions(db: Database, *words: str) -> dict[str, int]:
    """In which tables something is still said."""
    found = {}
    async with db.read() as session:
        for table in Base.metadata.sorted_tables:
            rows = [str(dict(row)) for row in (await session.execute(select(table))).mappings()]
            if count := sum(any(word in row for word in words) for row in rows):
                found[table.name] = count
    return found


async def test_what_is_held_is_shown_completely_in_both_forms(
    company: Company, stores: Stores, clock: ManualClock
) -> None:
    customer = await known_to_all(company)
    await known_to_all(company, "Other", "+79000000002", "other@example.com")
    held = await export(company.db, clock, stores, customer)
    shown = json.loads(held.as_json())
    for table, count in (await mentions(company.db, MARK, PHONE, EMAIL)).items():
        assert len(shown[table]) >= count, table
    assert "Other" not in held.as_json()
    assert "hash" not in held.as_json()
    readable = held.as_text()
    assert "Всё, что мы храним о вас" in readable
    assert "Сообщения (2)" in readable
    assert "\n  • имя: Щегол-4417; фамилия: Щегол-4417; язык: ru" in readable.replace(
        "код в системе компании: ref Щегол-4417; ", ""
    )
    assert EMAIL in readable


async def test_after_an_erasure_nobody_knows_them_and_the_others_are_as_they_were(
    company: Company, stores: Stores, clock: ManualClock, db: Database
) -> None:
    customer = await known_to_all(company)
    other = await known_to_all(company, "Other", "+79000000002", "other@example.com")
    theirs = await mentions(db, "Other", "other@example.com")
    events = (await Timelines(db).page(other)).events
    receipt = await erase(db, clock, stores, customer, "root")
    assert await mentions(db, MARK, PHONE, EMAIL) == {}
    assert await mentions(db, "Other", "other@example.com") == theirs
    assert (await Timelines(db).page(other)).events == events
    assert receipt.rows["message"] == 2
    assert receipt.rows["customer"] == receipt.rows["inbox"] == receipt.rows["outbox"] == 1
    assert receipt.rows["job"] == 2
    async with db.read() as session:
        (kept,) = await session.scalars(select(ErasureReceipt))
        assert (kept.number, kept.erased, kept.by) == (receipt.number, receipt.rows, "root")
        for table in Base.metadata.sorted_tables:  # nothing without an owner is left behind
            left = await session.scalar(select(func.count()).select_from(table))
            assert left == 0 or table.name in MAY_STAY or table.name in events_of(theirs), table.name


def events_of(tables: dict[str, int]) -> set[str]:
    """Tables in which the other customer has rows, be they named there or not."""
    return {*tables, "payment", "payment_method", "loyalty_entry", "consent_record", "throttle", "outbox"}


async def test_a_merged_customer_is_erased_with_the_one_they_became(
    company: Company, stores: Stores, clock: ManualClock, db: Database
) -> None:
    kept, gone = await known_to_all(company), await known_to_all(company, f"{MARK}2", PHONE, "b@example.com")
    async with db.write() as session:
        await Merges(clock).merge(session, kept, gone, "root", administrator=True)
    receipt = await erase(db, clock, stores, kept, "root")
    assert receipt.rows["customer"] == 2
    assert await mentions(db, MARK, PHONE, EMAIL, "b@example.com") == {}


async def test_what_was_sent_to_a_familys_phone_may_be_for_the_others(
    company: Company, stores: Stores, clock: ManualClock, db: Database
) -> None:
    customer = await known_to_all(company)
    await company.customer("Другой", "Человек", phone=PHONE)
    await erase(db, clock, stores, customer, "root")
    assert set(await mentions(db, PHONE)) == {"contact_point", "notice"}


async def test_nobody_is_erased_by_mistake(
    company: Company, stores: Stores, clock: ManualClock, db: Database
) -> None:
    with pytest.raises(NobodyMeant):
        await erase(db, clock, stores, 404, "root")
    with pytest.raises(NobodyMeant):
        await export(db, clock, stores, 404)
    first = await company.customer(phone=PHONE, external_ref="7")
    second = await company.customer(phone=PHONE, email=EMAIL)
    async with db.read() as session:
        assert await find_customer(session, "7") == first
        assert await find_customer(session, f"id:{second}") == second
        assert await find_customer(session, EMAIL.upper()) == second
        with pytest.raises(SeveralMeant) as several:
            await find_customer(session, PHONE)
        for words in ("", "Мария", "id:x", "99999", "nobody@example.com"):
            with pytest.raises(NobodyMeant):
                await find_customer(session, words)
    assert several.value.ids == [first, second]


def spellings(word: str) -> Iterator[bytes]:
    """How a database may write a text: as it is, or as JSON without other than ASCII letters."""
    yield word.encode()
    yield json.dumps(word)[1:-1].encode()


def files_with(folder: Path, *words: str) -> set[str]:
    """Which files under a folder hold one of the words, whatever the files are."""
    wanted = {spelling for word in words for spelling in spellings(word)}
    found = set()
    for file in folder.rglob("*"):
        if file.is_file() and any(word in file.read_bytes() for word in wanted):
            found.add(file.name)
    return found


async def test_not_a_byte_is_left_in_sqlites_files(
    sqlite: Database, stores: Stores, clock: ManualClock, tmp_path: Path
) -> None:
    company = Company(sqlite, clock)
    customer = await known_to_all(company)
    async with sqlite.write() as session:  # what was changed before leaves traces, too
        await session.execute(text("UPDATE customer SET city = :city"), {"city": f"city {MARK}"})
    assert files_with(tmp_path, MARK) >= {"zabota.db-wal"}
    receipt = await erase(sqlite, clock, stores, customer, "root")
    assert files_with(tmp_path, MARK, PHONE, EMAIL)
    assert await scrub(sqlite, receipt.rows)
    assert files_with(tmp_path, MARK, PHONE, EMAIL) == set()


async def test_not_a_byte_is_left_in_postgresqls_tables(
    postgres: Postgres, own_postgres_url: str, stores: Stores, clock: ManualClock
) -> None:
    db = Database(own_postgres_url)
    company = Company(db, clock)
    customer = await known_to_all(company)
    async with db.read() as session:
        root = Path(str(await session.scalar(text("SHOW data_directory"))))
        oid = await session.scalar(text("SELECT oid FROM pg_database WHERE datname = current_database()"))
    await postgres.run("CHECKPOINT")
    folder = root / "base" / str(oid)
    assert files_with(folder, MARK) != set()
    assert files_with(folder, PHONE) != set()
    receipt = await erase(db, clock, stores, customer, "root")
    assert await scrub(db, receipt.rows)
    assert files_with(folder, MARK, PHONE, EMAIL) == set()
    await db.close()


async def test_the_customer_table_is_the_root_of_everything_personal() -> None:
    """A new table that names a customer must be reached, or be a store's, or be excused here."""
    excused = {
        "customer",
        "crm_link",
    }  # the link stays without the customer, so that no pull brings them back
    for table in Base.metadata.sorted_tables:
        to_customer = [key for key in table.foreign_keys if key.column.table.name == Customer.__tablename__]
        loose = [key for key in to_customer if key.ondelete == "SET NULL"]
        if loose and table.name not in excused:
            assert table.name in {"identity", "verification_code"}, table.name
