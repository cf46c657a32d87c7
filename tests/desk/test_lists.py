"""Lists, filters and search: the most pressing first, nothing missing, nothing slow."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from bot.desk.board import board
from bot.desk.lists import PAGE, Filter, Row, View, belongs, counted, listed, position, rows_of
from bot.desk.search import search
from bot.gateway.handoffs import Handoffs, Place
from bot.gateway.ownership import Ownership
from core.clock import ManualClock
from core.db import Database
from crm_bridge.company.desk import DeskRules
from crm_bridge.models import (
    Author,
    ContactKind,
    ContactPoint,
    Conversation,
    Customer,
    DeliveryMethod,
    Identity,
    Message,
    MessageState,
    Order,
    OrderState,
)
from tests.desk.conftest import Browser, Console

ANNA, BORIS = 1, 2


class Floor:
    """Customers who wait, on either database, without any page."""

    def __init__(self, db: Database, clock: ManualClock) -> None:
        self.db = db
        self.clock = clock
        self.handoffs = Handoffs(clock, DeskRules())
        self.ownership = Ownership(clock, self.handoffs)
        self._count = 0

    async def waits(
        self,
        name: str,
        says: str = "помогите",
        *,
        vip: bool = False,
        urgent: bool = False,
        sentiment: float = 0.0,
        channel: str = "webchat",
        hands_over: bool = True,
    ) -> str:
        self._count += 1
        chat, now = f"chat{self._count:04}", self.clock.now()
        async with self.db.write() as session:
            customer = Customer(
                given_name=name, family_name="Петрова", language="ru", time_zone="Europe/Moscow",
                created_at=now, vip=vip,
            )  # fmt: skip
            session.add(customer)
            await session.flush()
            visitor = Identity(
                channel=channel, account="main", external_id=chat, customer_id=customer.id, created_at=now
            )
            session.add(visitor)
            await session.flush()
            session.add(
                Conversation(
                    id=chat, identity_id=visitor.id, channel=channel, account="main", language="ru",
                    created_at=now, updated_at=now, last_seq=1,
                )
            )  # fmt: skip
            await session.flush()
            session.add(
                Message(
                    id=f"m{chat}", conversation_id=chat, identity_id=visitor.id, seq=1,
                    author=Author.CUSTOMER, text=says, state=MessageState.RECEIVED, created_at=now,
                    details={"nlu": {"intent": {"name": "track_order"}, "sentiment": sentiment}},
                )
            )  # fmt: skip
            await session.flush()
            if hands_over:
                await self.ownership.to_queue(session, chat, 0, urgent=urgent)
        self.clock.advance(timedelta(seconds=1))
        return chat

    async def list(self, view: View, staff: int = ANNA, chosen: Filter | None = None) -> list[str]:
        async with self.db.read() as session:
            return [row.id for row in await listed(session, view, staff, self.clock.now(), chosen)]


@pytest.fixture
def floor(db: Database, clock: ManualClock) -> Floor:
    return Floor(db, clock)


async def test_the_most_pressing_stand_first(floor: Floor) -> None:
    first = await floor.waits("Анна")
    second = await floor.waits("Белла")
    upset = await floor.waits("Вера", sentiment=-0.8)
    vip = await floor.waits("Галина", vip=True)
    urgent = await floor.waits("Дарья", urgent=True)
    assert await floor.list(View.QUEUE) == [urgent, vip, upset, first, second]


async def test_a_long_wait_weighs_more_than_a_title(floor: Floor) -> None:
    plain = await floor.waits("Анна")
    floor.clock.advance(timedelta(minutes=20))
    vip = await floor.waits("Белла", vip=True)
    assert await floor.list(View.QUEUE) == [plain, vip]


async def test_a_dialogue_goes_from_list_to_list(floor: Floor) -> None:
    chat = await floor.waits("Анна")

    async def where() -> set[View]:
        return {view for view in View if chat in await floor.list(view)} - {View.ALL}

    async with floor.db.write() as session:
        await floor.ownership.take(session, chat, 1, ANNA)
    assert await where() == {View.MINE}
    assert chat not in await floor.list(View.MINE, BORIS)
    async with floor.db.write() as session:
        await floor.handoffs.answered(session, chat, ANNA)
    assert await where() == {View.MINE, View.CUSTOMER}
    async with floor.db.write() as session:
        await floor.handoffs.snoozed(session, chat, floor.clock.now() + timedelta(hours=1))
    assert await where() == {View.SNOOZED}
    async with floor.db.write() as session:
        await floor.handoffs.customer_wrote(session, chat)
    assert await where() == {View.MINE}
    async with floor.db.write() as session:
        await floor.ownership.hand_back(session, chat, 2)
    assert await where() == set()
    assert chat in await floor.list(View.ALL)


async def test_pages_of_a_long_list_join_without_gap_or_repeat(floor: Floor) -> None:
    ids = [await floor.waits(f"Гость{n}") for n in range(PAGE + 7)]
    for view in (View.QUEUE, View.ALL):
        shown: list[Row] = []
        async with floor.db.read() as session:
            while page := await listed(
                session, view, ANNA, floor.clock.now(), after=position(shown[-1], view) if shown else None
            ):
                shown += page
        assert sorted(row.id for row in shown) == sorted(ids)
        assert len(shown) == len(ids)


async def test_filters_leave_out_what_does_not_fit(floor: Floor) -> None:
    telegram = await floor.waits("Анна", channel="telegram")
    vip = await floor.waits("Белла", vip=True)
    assert await floor.list(View.QUEUE, chosen=Filter(channel="telegram")) == [telegram]
    assert await floor.list(View.QUEUE, chosen=Filter(only="vip")) == [vip]
    assert await floor.list(View.QUEUE, chosen=Filter(topic="track_order")) == [vip, telegram]
    assert await floor.list(View.QUEUE, chosen=Filter(only="late")) == []
    floor.clock.advance(timedelta(minutes=6))
    assert await floor.list(View.QUEUE, chosen=Filter(only="late")) == [vip, telegram]


async def test_open_pages_and_the_database_agree_what_belongs_where(floor: Floor) -> None:
    chats = [await floor.waits(f"Гость{n}", vip=n % 2 == 0, urgent=n % 3 == 0) for n in range(6)]
    async with floor.db.write() as session:
        await floor.ownership.take(session, chats[0], 1, ANNA)
        await floor.ownership.take(session, chats[1], 1, BORIS)
        await floor.handoffs.answered(session, chats[1], BORIS)
        await floor.ownership.take(session, chats[2], 1, ANNA)
        await floor.handoffs.snoozed(session, chats[2], floor.clock.now() + timedelta(hours=1))
        await floor.handoffs.offered(session, chats[3], ANNA)
    now = floor.clock.now()
    async with floor.db.read() as session:
        rows = await rows_of(session, chats)
    for view in View:
        for chosen in (Filter(), Filter(only="vip"), Filter(only="urgent"), Filter(channel="telegram")):
            for staff in (ANNA, BORIS):
                drawn = {row.id for row in rows if belongs(row, view, staff, chosen, now)}
                assert drawn == set(await floor.list(view, staff, chosen)), (view, chosen, staff)


async def test_lists_are_counted(floor: Floor) -> None:
    chats = [await floor.waits(f"Гость{n}") for n in range(4)]
    async with floor.db.write() as session:
        await floor.ownership.take(session, chats[0], 1, ANNA)
        await floor.handoffs.offered(session, chats[1], ANNA)
        await floor.ownership.take(session, chats[2], 1, BORIS)
        await floor.handoffs.answered(session, chats[2], BORIS)
    async with floor.db.read() as session:
        counts = await counted(session, {ANNA, BORIS})
    assert counts[ANNA][View.MINE] == 2
    assert counts[BORIS][View.MINE] == 1
    assert counts[ANNA][View.QUEUE] == 2
    assert counts[BORIS][View.CUSTOMER] == 1


async def test_search_finds_words_in_any_form_names_contacts_and_orders(floor: Floor) -> None:
    said = await floor.waits("Анна", "мне привезли разбитую вазу, коробка была мятая")
    other = await floor.waits("Мария", "batteries for the vacuum cleaner")
    async with floor.db.write() as session:
        customer = (
            await session.execute(text("SELECT id FROM customer WHERE given_name = 'Мария'"))
        ).scalar()
        assert customer
        session.add(ContactPoint(
            customer_id=customer, kind=ContactKind.PHONE, value="+79160001122", created_at=floor.clock.now()
        ))  # fmt: skip
        session.add(Order(
            customer_id=customer, number="7001", state=OrderState.NEW, placed_at=floor.clock.now(),
            currency="RUB", total_minor=100, delivery_method=DeliveryMethod.PICKUP, delivery_city="Москва",
        ))  # fmt: skip
    for question, found in (
        ("разбитая ваза", [said]),
        ("коробку", [said]),
        ("battery", [other]),
        ("мария", [other]),
        ("петрова мар", [other]),
        ("8 916 000-11-22", [other]),
        ("№ 7001", [other]),
        ("ничего такого", []),
        ('"; DROP TABLE message; --', []),
        ("", []),
    ):
        async with floor.db.read() as session:
            hits = (await search(session, question)).hits
        assert [hit.row.id for hit in hits] == found, question


async def test_what_is_erased_or_changed_is_found_no_more(floor: Floor) -> None:
    chat = await floor.waits("Анна", "секретное слово крокодил")
    async with floor.db.write() as session:
        message = await session.get_one(Message, f"m{chat}")
        message.text = "***"
    async with floor.db.read() as session:
        assert (await search(session, "крокодил")).hits == []


async def test_search_pages_go_on_where_they_ended(floor: Floor) -> None:
    chats = [await floor.waits(f"Гость{n}", "где посылка") for n in range(PAGE + 5)]
    found, after = [], None
    async with floor.db.read() as session:
        while True:
            page = await search(session, "посылка", after)
            found += [hit.row.id for hit in page.hits]
            if not (after := page.next):
                break
    assert found == list(reversed(chats))


async def test_lists_and_search_are_answered_by_indexes(floor: Floor) -> None:
    """However many dialogues are closed: no list and no search reads a table from end to end."""
    await floor.waits("Анна", "посылка")
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        asked.append((statement, values))

    event.listen(floor.db.engine.sync_engine, "before_cursor_execute", note)
    async with floor.db.read() as session:
        if not floor.db.is_sqlite:
            await session.execute(text("SET LOCAL enable_seqscan = off"))
        for view in View:
            for chosen in (Filter(), Filter(only="late"), Filter(channel="webchat")):
                await listed(session, view, ANNA, floor.clock.now(), chosen)
        await counted(session, {ANNA, BORIS})
        await board(session, floor.clock.now(), "Europe/Moscow")
        await search(session, "посылка")
        event.remove(floor.db.engine.sync_engine, "before_cursor_execute", note)
        explain = "EXPLAIN QUERY PLAN" if floor.db.is_sqlite else "EXPLAIN"
        connection = await session.connection()
        read = 0
        for statement, values in asked:
            if not statement.startswith(("SELECT", "WITH")):
                continue
            found = await connection.exec_driver_sql(f"{explain} {statement}", values)
            plan = [str(row[-1]).strip() for row in found]
            for table in ("handoff", "conversation", "message", "identity", "customer", "promise", "rating"):
                assert f"Seq Scan on {table}" not in " ".join(plan), (statement, plan)
                assert not any(re.match(rf"SCAN {table}\b", step) for step in plan), (statement, plan)
            read += 1
    assert read > len(View) * 3


async def test_saved_filters_are_ones_own(console: Console, agent: Browser) -> None:
    await console.waiting("Мария", vip=True)
    await console.waiting("Обычная")
    anna, boris = await agent("anna"), await agent("boris")
    status, _ = await anna.post("/desk/filters", view="queue", only="vip", name="Важные")
    assert status == 303
    _, page = await anna.get("/desk?view=queue&only=vip")
    assert "Мария" in page
    assert "Обычная" not in page
    assert "Важные" in page
    assert "Важные" not in (await boris.get("/desk"))[1]
    await boris.post("/desk/filters/1/remove")
    assert "Важные" in (await anna.get("/desk"))[1], "nobody removes a colleague's filter"
    await anna.post("/desk/filters/1/remove")
    assert "Важные" not in (await anna.get("/desk"))[1]


async def test_every_search_is_written_down_without_its_words(console: Console, agent: Browser) -> None:
    chat = await console.waiting("Мария", "посылка пришла мятой")
    anna = await agent("anna")
    _, page = await anna.get("/desk/search?q=мятая+посылка")
    assert chat in page
    assert "searched" in await console.audited()
    assert (await anna.get("/desk/search?q=x&after=nonsense"))[0] == 400


async def test_a_customer_who_writes_is_owed_an_answer_once(console: Console, agent: Browser) -> None:
    chat = await console.waiting("Мария")
    anna = await agent("anna")
    await anna.post(f"/desk/c/{chat}/take", epoch="1")
    await anna.post(f"/desk/c/{chat}/answer", epoch="2", text="Слушаю", client_id="a")
    assert (await console.handoff(chat)).due_at is None
    await console.says(chat, "раз")
    due = (await console.handoff(chat)).due_at
    console.clock.advance(timedelta(minutes=1))
    await console.says(chat, "два")
    found = await console.handoff(chat)
    assert (found.place, found.due_at) == (Place.ANSWER, due)
