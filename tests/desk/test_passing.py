"""Passing on, putting aside, notes, sending again, and the end of a matter."""

from datetime import timedelta

from sqlalchemy import select, update

from bot.desk.tables import Mention
from bot.gateway.handoffs import Place, Promise, PromiseKind
from bot.gateway.tables import Press
from crm_bridge.models import Author, ConversationStatus, Message, MessageState, Owner
from tests.desk.conftest import Browser, Console


async def test_a_colleague_is_asked_with_a_note_and_the_customer_hears_so(
    console: Console, agent: Browser
) -> None:
    chat = await console.waiting("Мария")
    anna, boris = await agent("anna"), await agent("boris")
    await anna.post(f"/desk/c/{chat}/take", epoch="1")
    status, _ = await anna.post(f"/desk/c/{chat}/transfer", epoch="2", to="person:2", note="просит скидку")
    assert status == 204
    found = await console.handoff(chat)
    assert (found.place, found.offered_to) == (Place.WAITING, 2)
    assert "коллеге" in (await console.lines(chat, Author.SYSTEM))[-1]
    _, page = await boris.get("/desk?view=mine")
    assert "Мария" in page
    assert "Мария" in (await boris.get("/desk?view=mentions"))[1]
    _, page = await boris.get(f"/desk/c/{chat}")
    assert "просит скидку" in page
    assert "Мария" not in (await boris.get("/desk?view=mentions"))[1], "he has looked"
    assert (await anna.post(f"/desk/c/{chat}/answer", epoch="2", text="ещё", client_id="x"))[0] == 409
    assert (await boris.post(f"/desk/c/{chat}/take", epoch="3"))[0] == 204


async def test_a_team_gets_it(console: Console, agent: Browser) -> None:
    chat = await console.waiting("Мария")
    anna = await agent("anna")
    await anna.post(f"/desk/c/{chat}/take", epoch="1")
    assert (await anna.post(f"/desk/c/{chat}/transfer", epoch="2", to="team:nobody"))[0] == 422
    assert (await anna.post(f"/desk/c/{chat}/transfer", epoch="2", to=""))[0] == 422
    assert (await anna.post(f"/desk/c/{chat}/transfer", epoch="2", to="team:money"))[0] == 204
    found = await console.handoff(chat)
    assert (found.team, found.offered_to) == ("money", None)


async def test_only_a_supervisor_passes_on_what_is_not_theirs(console: Console, agent: Browser) -> None:
    chat = await console.waiting("Мария")
    anna, boris = await agent("anna"), await agent("boris")
    assert (await anna.post(f"/desk/c/{chat}/transfer", epoch="1", to="person:2"))[0] == 409
    assert (await boris.post(f"/desk/c/{chat}/transfer", epoch="1", to="person:1"))[0] == 204
    assert (await console.handoff(chat)).offered_to == 1


async def test_put_aside_and_back_at_the_customers_word(console: Console, agent: Browser) -> None:
    chat = await console.waiting("Мария")
    anna = await agent("anna")
    await anna.post(f"/desk/c/{chat}/take", epoch="1")
    for wrong in ("", "yesterday", "2020-01-01T00:00", "2040-01-01T00:00"):
        assert (await anna.post(f"/desk/c/{chat}/snooze", epoch="2", until=wrong))[0] == 422
    assert (await anna.post(f"/desk/c/{chat}/snooze", epoch="2", until="hour"))[0] == 204
    assert (await console.handoff(chat)).snoozed_until == console.clock.now() + timedelta(hours=1)
    assert "Мария" in (await anna.get("/desk?view=snoozed"))[1]
    await console.says(chat, "нашёл чек!")
    assert (await console.handoff(chat)).place is Place.ANSWER
    assert "Мария" in (await anna.get("/desk?view=mine"))[1]


async def test_a_note_is_for_colleagues_and_calls_them(console: Console, agent: Browser) -> None:
    chat = await console.waiting("Мария")
    anna = await agent("anna")
    status, log = await anna.post(f"/desk/c/{chat}/note", text="@boris, глянь. И @nobody тоже")
    assert status == 200
    assert "глянь" in log
    async with console.db.read() as session:
        assert list(await session.scalars(select(Mention.account_id))) == [2]
        said = await session.scalars(select(Message.text).where(Message.conversation_id == chat))
        assert not any("глянь" in text for text in said), "the customer's log has no notes"
    assert (await anna.post(f"/desk/c/{chat}/note", text="  "))[0] == 422
    assert (await anna.post("/desk/c/nothing/note", text="x"))[0] == 404


async def test_what_did_not_arrive_is_sent_again_once(console: Console, agent: Browser) -> None:
    chat = await console.waiting("Мария")
    anna = await agent("anna")
    await anna.post(f"/desk/c/{chat}/take", epoch="1")
    await anna.post(f"/desk/c/{chat}/answer", epoch="2", text="Смотрю", client_id="a")
    async with console.db.write() as session:
        [line] = await session.scalars(select(Message).where(Message.author == Author.AGENT))
        sent = line.id
    assert (await anna.post(f"/desk/c/{chat}/retry/{sent}", epoch="2"))[0] == 409, "it arrived"
    async with console.db.write() as session:
        await session.execute(update(Message).where(Message.id == sent).values(state=MessageState.FAILED))
    assert "не доставлено" in (await anna.get(f"/desk/c/{chat}/log"))[1]
    for _ in range(2):
        assert (await anna.post(f"/desk/c/{chat}/retry/{sent}", epoch="2"))[0] == 200
    assert await console.lines(chat, Author.AGENT) == ["Смотрю", "Смотрю"]


async def test_a_settled_matter_is_rated_and_opens_again_when_the_customer_writes(
    console: Console, agent: Browser
) -> None:
    chat = await console.waiting("Мария")
    anna = await agent("anna")
    await anna.post(f"/desk/c/{chat}/take", epoch="1")
    await anna.post(f"/desk/c/{chat}/answer", epoch="2", text="Готово", client_id="a")
    await anna.post(f"/desk/c/{chat}/resolve", epoch="2")
    assert (await console.conversation(chat)).status is ConversationStatus.RESOLVED
    async with console.db.read() as session:
        stars = list(await session.scalars(select(Press.intent).where(Press.conversation_id == chat)))
        promises = {one.kind for one in await session.scalars(select(Promise))}
    assert stars == ["rate_service"] * 5
    assert promises == {PromiseKind.FIRST_ANSWER, PromiseKind.RESOLUTION}
    async with console.db.write() as session:
        await console.gateway.ownership.to_queue(session, chat, 3)
    found = await console.conversation(chat)
    assert (found.owner, found.status) == (Owner.QUEUE, ConversationStatus.WAITING)
    assert (await console.handoff(chat)).last_agent_id == 1
