"""The board, skills and score cards: for supervisors."""

from datetime import timedelta

from sqlalchemy import select

from bot.desk.board import board
from bot.desk.tables import DeskAgent, QualityReview
from bot.gateway.handoffs import PromiseKind
from tests.desk.conftest import Browser, Console


async def test_the_board_shows_who_waits_and_which_promises_were_kept(
    console: Console, agent: Browser
) -> None:
    first, late = await console.waiting("Мария"), await console.waiting("Ольга")
    anna = await agent("anna")
    await anna.post(f"/desk/c/{first}/take", epoch="1")
    console.clock.advance(timedelta(minutes=2))
    await anna.post(f"/desk/c/{first}/answer", epoch="2", text="Слушаю", client_id="a")
    console.clock.advance(timedelta(minutes=10))
    await anna.post(f"/desk/c/{late}/take", epoch="1")
    await anna.post(f"/desk/c/{late}/answer", epoch="2", text="Слушаю", client_id="b")
    await console.waiting("Пётр")
    async with console.db.read() as session:
        found = await board(session, console.clock.now(), "Europe/Moscow")
    assert (found.waiting, found.answering, found.overdue) == (1, 2, 0)
    [answers] = [one for one in found.kept if one.kind is PromiseKind.FIRST_ANSWER]
    assert (answers.all, answers.in_time, answers.share) == (2, 1, 50)
    assert answers.seconds == (2 + 12) * 60 / 2
    boris = await agent("boris")
    _, page = await boris.get("/desk/board")
    assert "Пётр" in page
    assert "50 %" in page
    console.clock.advance(timedelta(days=1))
    async with console.db.read() as session:
        tomorrow = await board(session, console.clock.now(), "Europe/Moscow")
    assert all(one.all == 0 for one in tomorrow.kept)
    assert tomorrow.overdue == 1


async def test_skills_are_set_and_count(console: Console, agent: Browser) -> None:
    boris = await agent("boris")
    form = {"capacity": "2", "teams": "money", "languages": "ru", "channels": "bogus"}
    assert (await boris.post("/desk/agents/1", **form))[0] == 303
    async with console.db.read() as session:
        row = await session.get_one(DeskAgent, 1)
    assert (row.capacity, row.teams, row.languages, row.channels) == (2, ["money"], ["ru"], [])
    assert row.seen_at is None, "setting skills makes nobody present"
    assert (await boris.post("/desk/agents/1", capacity="0"))[0] == 422
    assert (await boris.post("/desk/agents/99", capacity="2"))[0] == 404


async def test_a_score_card_is_whole_and_names_who_answered(console: Console, agent: Browser) -> None:
    chat = await console.waiting("Мария")
    anna, boris = await agent("anna"), await agent("boris")
    await anna.post(f"/desk/c/{chat}/take", epoch="1")
    await anna.post(f"/desk/c/{chat}/answer", epoch="2", text="Готово", client_id="a")
    await anna.post(f"/desk/c/{chat}/resolve", epoch="2")
    assert f"/desk/c/{chat}/review" in (await boris.get("/desk/board"))[1]
    scores = {"understood": "5", "correct": "4", "polite": "5", "complete": "4"}
    assert (await boris.post(f"/desk/c/{chat}/review", **(scores | {"polite": "6"})))[0] == 422
    assert (await boris.post(f"/desk/c/{chat}/review", comment="Хорошо", **scores))[0] == 303
    async with console.db.read() as session:
        [card] = await session.scalars(select(QualityReview))
    assert (card.agent_id, card.reviewer_id, card.scores["correct"]) == (1, 2, 4)
    _, page = await boris.get("/desk/board")
    assert "4,5" in page
    assert f"/desk/c/{chat}/review" not in page, "it is judged"
