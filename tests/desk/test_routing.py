"""Everybody who waits is offered to somebody who can help, and nobody is forgotten."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from bot.desk.board import board
from bot.desk.lists import Filter, View, belongs, listed
from bot.desk.presence import Colleague, colleagues, seen
from bot.desk.routing import choose
from bot.desk.tables import DeskAgent
from bot.gateway.handoffs import Handoff, Place, PromiseKind
from crm_bridge.company.desk import DeskRules, Team
from crm_bridge.company.hours import Hours
from crm_bridge.company.words import Words
from crm_bridge.models import Author, Owner
from tests.desk.conftest import Console

ANNA, BORIS = 1, 2
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


async def there(console: Console, *staff: int) -> None:
    async with console.db.write() as session:
        await seen(session, set(staff), console.clock.now(), 5)


def somebody(id_: int, load: int = 0, capacity: int = 5, **given: object) -> Colleague:
    values: dict[str, object] = {
        "id": id_, "login": f"a{id_}", "name": f"A{id_}", "online": True, "away": False, "seen_at": NOW,
        "offered_at": None, "capacity": capacity, "load": load,
        "teams": frozenset(), "languages": frozenset(), "channels": frozenset(),
    }  # fmt: skip
    return Colleague(**(values | given))  # type: ignore[arg-type]


def waits(**given: object) -> Handoff:
    return Handoff(**({"conversation_id": "c", "team": "money"} | given))


@pytest.mark.parametrize(
    ("people", "handoff", "chosen"),
    [
        ([], waits(), None),
        ([somebody(1, load=2), somebody(2, load=1)], waits(), 2),
        ([somebody(1, load=2, capacity=10), somebody(2, load=1, capacity=2)], waits(), 1),
        ([somebody(1, load=5), somebody(2, away=True), somebody(3, online=False)], waits(), None),
        ([somebody(1, teams=frozenset({"service"})), somebody(2, load=4)], waits(), 2),
        ([somebody(1, languages=frozenset({"en"}))], waits(), None),
        ([somebody(1, channels=frozenset({"telegram"}))], waits(), None),
        ([somebody(1, load=4), somebody(2)], waits(last_agent_id=1), 1),
        ([somebody(1), somebody(2, load=4)], waits(offered_to=1), 2),
        ([somebody(1, teams=frozenset({"service"}))], waits(escalated_at=NOW), 1),
    ],
)
def test_who_is_asked(people: list[Colleague], handoff: Handoff, chosen: int | None) -> None:
    found = choose(people, handoff, "ru", "webchat", "least_busy", NOW)
    assert (found.id if found else None) == chosen


def test_in_turn_everybody_is_asked_once() -> None:
    people = [somebody(1, offered_at=NOW), somebody(2, load=4, offered_at=NOW - timedelta(hours=1))]
    found = choose(people, waits(), "ru", "webchat", "round_robin", NOW)
    assert found
    assert found.id == 2


def test_a_dialogue_goes_to_the_first_team_that_sees_to_it() -> None:
    name = Words(ru="К", en="T")
    rules = DeskRules(
        teams=(
            Team(key="money", name=name, topics=("payment_issue",)),
            Team(key="english", name=name, languages=("en",)),
            Team(key="rest", name=name),
        )
    )
    assert rules.team_for("payment_issue", "en", "webchat") == "money"
    assert rules.team_for("track_order", "en", "webchat") == "english"
    assert rules.team_for(None, "ru", "webchat") == "rest"


def test_promises_count_working_time_only() -> None:
    hours = Hours(time_zone="UTC", week={"fri": ("09:00", "18:00"), "mon": ("09:00", "18:00")})  # type: ignore[dict-item]
    rules = DeskRules(hours=hours)
    friday = datetime(2026, 11, 20, 17, 58, tzinfo=UTC)
    assert rules.due(friday, timedelta(minutes=5)) == datetime(2026, 11, 23, 9, 3, tzinfo=UTC)
    holiday = hours.model_copy(update={"closed": (datetime(2026, 11, 23, tzinfo=UTC).date(),)})
    after_it = DeskRules(hours=holiday).due(friday, timedelta(minutes=5))
    assert after_it == datetime(2026, 11, 27, 9, 3, tzinfo=UTC)


async def test_who_waits_is_offered_and_the_offer_moves_on(console: Console) -> None:
    chat = await console.waiting("Мария")
    await console.routing.round()
    assert (await console.handoff(chat)).offered_to is None, "nobody is there"
    await there(console, ANNA)
    await console.routing.round()
    assert (await console.handoff(chat)).offered_to == ANNA
    console.clock.advance(timedelta(minutes=1))
    await there(console, ANNA, BORIS)
    await console.routing.round()
    assert (await console.handoff(chat)).offered_to == ANNA, "she still has time"
    console.clock.advance(timedelta(minutes=1))
    await there(console, ANNA, BORIS)
    await console.routing.round()
    assert (await console.handoff(chat)).offered_to == BORIS
    conversation = await console.conversation(chat)
    assert conversation.owner is Owner.QUEUE, "an offer is no answer: the customer still waits"


async def test_nobody_is_offered_more_than_they_can_answer(console: Console) -> None:
    chats = [await console.waiting(f"Гость{n}") for n in range(4)]
    await there(console, ANNA)
    async with console.db.write() as session:
        await session.execute(update(DeskAgent).values(capacity=3))
    await console.routing.round()
    offered = [(await console.handoff(chat)).offered_to for chat in chats]
    assert offered.count(ANNA) == 3
    assert offered.count(None) == 1


async def test_who_has_a_break_is_left_in_peace(console: Console) -> None:
    chat = await console.waiting("Мария")
    await there(console, ANNA)
    async with console.db.write() as session:
        await session.execute(update(DeskAgent).values(away=True))
    await console.routing.round()
    assert (await console.handoff(chat)).offered_to is None


async def test_a_matter_that_comes_back_goes_to_who_had_it(console: Console) -> None:
    chat = await console.waiting("Мария")
    await there(console, ANNA, BORIS)
    ownership = console.gateway.ownership
    async with console.db.write() as session:
        await ownership.take(session, chat, 1, BORIS)
        await ownership.hand_back(session, chat, 2)
        await ownership.to_queue(session, chat, 3)
    await console.routing.round()
    assert (await console.handoff(chat)).offered_to == BORIS
    async with console.db.write() as session:
        await ownership.take(session, chat, 4, BORIS)
        await ownership.hand_back(session, chat, 5)
    console.clock.advance(timedelta(days=2))
    await there(console, ANNA)
    async with console.db.write() as session:
        await ownership.to_queue(session, chat, 6)
    await console.routing.round()
    assert (await console.handoff(chat)).offered_to == ANNA, "after two days it is a new matter"


async def test_customers_of_somebody_who_is_gone_are_given_to_others(console: Console) -> None:
    waiting, answered = await console.waiting("Мария"), await console.waiting("Ольга")
    await there(console, ANNA)
    async with console.db.write() as session:
        for chat in (waiting, answered):
            await console.gateway.ownership.take(session, chat, 1, ANNA)
        await console.gateway.handoffs.answered(session, answered, ANNA)
    console.clock.advance(timedelta(minutes=4))
    await there(console, BORIS)
    await console.routing.round()
    assert (await console.conversation(waiting)).agent_id == ANNA, "the connection may only be bad"
    console.clock.advance(timedelta(minutes=2))
    await there(console, BORIS)
    await console.routing.round()
    assert (await console.conversation(waiting)).owner is Owner.QUEUE
    assert (await console.handoff(waiting)).offered_to == BORIS
    assert "уже ищу" in (await console.lines(waiting, Author.SYSTEM))[-1], "the customer is told"
    assert (await console.conversation(answered)).agent_id == ANNA, "nobody waits there"
    await console.says(answered, "а ещё вопрос")
    await console.routing.round()
    assert (await console.conversation(answered)).owner is Owner.QUEUE


async def test_what_was_put_aside_comes_back(console: Console) -> None:
    chat = await console.waiting("Мария")
    await there(console, ANNA)
    async with console.db.write() as session:
        await console.gateway.ownership.take(session, chat, 1, ANNA)
        await console.gateway.handoffs.answered(session, chat, ANNA)
        until = console.clock.now() + timedelta(hours=1)
        await console.gateway.handoffs.snoozed(session, chat, until)
    console.clock.advance(timedelta(minutes=59))
    await there(console, ANNA)
    await console.routing.round()
    assert (await console.handoff(chat)).place is Place.SNOOZED
    console.clock.advance(timedelta(minutes=2))
    await there(console, ANNA)
    await console.routing.round()
    found = await console.handoff(chat)
    assert (found.place, found.agent_id) == (Place.ANSWER, ANNA)
    assert found.due_at


async def test_people_are_warned_before_a_promise_is_broken_and_it_escalates(console: Console) -> None:
    chat = await console.waiting("Мария")
    console.clock.advance(timedelta(minutes=2))
    await console.routing.round()
    assert (await console.handoff(chat)).warned_at is None
    console.clock.advance(timedelta(minutes=1))
    await console.routing.round()
    found = await console.handoff(chat)
    assert found.warned_at
    assert found.escalated_at is None
    console.clock.advance(timedelta(minutes=3))
    await console.routing.round()
    assert (await console.handoff(chat)).escalated_at


async def test_a_matter_that_is_not_settled_in_time_is_called_overdue(console: Console) -> None:
    """The customer has the word, and nothing is owed but that the matter is settled."""
    await there(console, ANNA)
    chat = await console.waiting("Мария")
    async with console.db.write() as session:
        await console.gateway.ownership.take(session, chat, 1, ANNA)
        await console.gateway.handoffs.answered(session, chat, ANNA)
    promised = (await console.handoff(chat)).resolve_by
    rules = console.gateway.handoffs.rules

    async def stands() -> tuple[str, bool, int, int]:
        now = console.clock.now()
        async with console.db.read() as session:
            [row] = await listed(session, View.MINE, ANNA, now)
            late = await listed(session, View.CUSTOMER, ANNA, now, Filter(only="late"))
            found = await board(session, now, "Europe/Moscow")
        [resolution] = [one for one in found.kept if one.kind is PromiseKind.RESOLUTION]
        assert bool(late) == belongs(row, View.CUSTOMER, ANNA, Filter(only="late"), now)
        return str(row.place), row.warned, found.overdue, resolution.open

    console.clock.advance(promised - rules.warn_resolution - console.clock.now() - timedelta(minutes=1))
    await console.routing.round()
    assert await stands() == ("customer", False, 0, 0)
    console.clock.advance(timedelta(minutes=1))
    await console.routing.round()
    assert await stands() == ("customer", True, 0, 0), "warned before it is broken"
    console.clock.advance(rules.warn_resolution + timedelta(minutes=1))
    assert await stands() == ("customer", True, 1, 1)
    async with console.db.write() as session:
        await console.gateway.handoffs.resolved(session, chat, ANNA)
        await console.gateway.ownership.hand_back(session, chat, 2)
    async with console.db.read() as session:
        found = await board(session, console.clock.now(), "Europe/Moscow")
    [resolution] = [one for one in found.kept if one.kind is PromiseKind.RESOLUTION]
    assert (found.overdue, resolution.all, resolution.in_time, resolution.open) == (0, 1, 0, 0)


async def test_the_next_answer_is_warned_of_as_the_first(console: Console) -> None:
    chat = await console.waiting("Мария")
    async with console.db.write() as session:
        await console.gateway.ownership.take(session, chat, 1, ANNA)
        await console.gateway.handoffs.answered(session, chat, ANNA)
        await console.gateway.handoffs.customer_wrote(session, chat)
    await there(console, ANNA)
    console.clock.advance(timedelta(minutes=7))
    await there(console, ANNA)
    await console.routing.round()
    assert (await console.handoff(chat)).warned_at is None
    console.clock.advance(timedelta(minutes=1))
    await there(console, ANNA)
    await console.routing.round()
    assert (await console.handoff(chat)).warned_at


async def test_who_waited_in_vain_hears_the_truth_and_is_not_forgotten(console: Console) -> None:
    chat = await console.waiting("Мария")
    async with console.db.write() as session:
        await console.gateway.watchdog.watch(session, chat, 1)
    job = type("Job", (), {"payload": {"conversation_id": chat, "epoch": 1}})
    await console.gateway.watchdog.run(job)  # type: ignore[arg-type]
    assert (await console.conversation(chat)).owner is Owner.BOT
    assert "Ваш вопрос остался у них" in (await console.lines(chat, Author.SYSTEM))[-1]
    found = await console.handoff(chat)
    assert (found.place, found.missed) == (Place.WAITING, True)
    await there(console, ANNA)
    await console.routing.round()
    assert (await console.handoff(chat)).offered_to == ANNA
    async with console.db.write() as session:
        await console.gateway.ownership.take(session, chat, 2, ANNA)
    assert not (await console.handoff(chat)).missed


async def test_at_night_the_customer_hears_when_people_are_back(console: Console) -> None:
    console.clock.advance(timedelta(hours=13))  # one o'clock at night in Moscow
    chat = await console.waiting("Мария")
    job = type("Job", (), {"payload": {"conversation_id": chat, "epoch": 1}})
    await console.gateway.watchdog.run(job)  # type: ignore[arg-type]
    assert "вернутся 21.11 в 10:00" in (await console.lines(chat, Author.SYSTEM))[-1]


async def test_who_is_at_the_desk_is_known_by_the_open_page(console: Console) -> None:
    await there(console, ANNA)
    async with console.db.read() as session:
        [anna] = [one for one in await colleagues(session, console.clock.now()) if one.login == "anna"]
    assert anna.online
    console.clock.advance(timedelta(minutes=2))
    async with console.db.read() as session:
        people = await colleagues(session, console.clock.now())
    assert not any(one.online for one in people)
    assert "vera" not in {one.login for one in people}, "an administrator answers nobody"
