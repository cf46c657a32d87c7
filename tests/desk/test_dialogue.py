"""An agent takes a dialogue over, answers, and hands it back; nobody speaks out of turn."""

import asyncio
import json
import re

import aiohttp
from sqlalchemy import select

from bot.gateway.hub import at_desk
from core.audit import AuditRecord
from crm_bridge.models import Author, ConversationStatus, Owner
from tests.desk.conftest import Browser, Console


async def test_takeover_answer_and_handing_back(console: Console, agent: Browser) -> None:
    chat = await console.waiting("Мария")
    anna = await agent("anna")
    _, desk = await anna.get("/desk")
    assert "Мария Иванова" in desk
    assert "позовите человека" in desk

    assert (await anna.post(f"/desk/c/{chat}/take", epoch="1"))[0] == 204
    assert (await console.conversation(chat)).owner is Owner.AGENT
    assert "Anna" in (await console.lines(chat, Author.SYSTEM))[-1]

    for _ in range(2):  # a double click
        status, log = await anna.post(f"/desk/c/{chat}/answer", epoch="2", text="Слушаю вас", client_id="one")
        assert (status, "Слушаю вас" in log) == (200, True)
    assert await console.lines(chat, Author.AGENT) == ["Слушаю вас"]

    assert (await anna.post(f"/desk/c/{chat}/hand_back", epoch="2"))[0] == 204
    assert (await console.conversation(chat)).owner is Owner.BOT
    assert "Забота" in (await console.lines(chat, Author.SYSTEM))[-1]
    assert (await anna.post(f"/desk/c/{chat}/answer", epoch="2", text="ещё", client_id="two"))[0] == 409
    assert await console.lines(chat, Author.AGENT) == ["Слушаю вас"]


async def test_two_agents_at_once_and_one_gets_it(console: Console, agent: Browser) -> None:
    chat = await console.waiting()
    anna, boris = await agent("anna"), await agent("boris")
    tokens = [await anna.csrf(), await boris.csrf()]
    took = await asyncio.gather(
        *(
            one.post(f"/desk/c/{chat}/take", csrf=token, epoch="1")
            for one, token in zip((anna, boris), tokens, strict=True)
        )
    )
    assert sorted(status for status, _ in took) == [204, 409]


async def test_nobody_answers_in_a_colleagues_dialogue(console: Console, agent: Browser) -> None:
    chat = await console.waiting()
    anna, boris = await agent("anna"), await agent("boris")
    await anna.post(f"/desk/c/{chat}/take", epoch="1")
    for deed in ("answer", "hand_back", "resolve"):
        status, _ = await boris.post(f"/desk/c/{chat}/{deed}", epoch="2", text="я!", client_id="b")
        assert status == 409
    assert await console.lines(chat, Author.AGENT) == []


async def test_a_resolved_dialogue_leaves_the_lists_and_belongs_to_the_bot(
    console: Console, agent: Browser
) -> None:
    chat = await console.waiting("Мария")
    anna = await agent("anna")
    await anna.post(f"/desk/c/{chat}/take", epoch="1")
    assert "Мария" in (await anna.get("/desk?view=mine"))[1]
    await anna.post(f"/desk/c/{chat}/resolve", epoch="2")
    found = await console.conversation(chat)
    assert (found.owner, found.status) == (Owner.BOT, ConversationStatus.RESOLVED)
    for view in ("queue", "mine", "all"):
        assert "Мария" not in (await anna.get(f"/desk?view={view}"))[1]


async def test_what_a_customer_wrote_is_text_and_nothing_else(console: Console, agent: Browser) -> None:
    chat = await console.waiting()
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    async with console.db.write() as session:
        await console.gateway.conversations.write_down(
            session, chat, "hostile", hostile, console.clock.now(), {}
        )
    anna = await agent("anna")
    for path in ("/desk", f"/desk/c/{chat}", f"/desk/c/{chat}/log"):
        _, page = await anna.get(path)
        assert "<script>alert" not in page
        assert "<img src=x" not in page


async def test_who_read_a_customers_profile_is_written_down(console: Console, agent: Browser) -> None:
    chat = await console.waiting("Мария")
    anna = await agent("anna")
    await anna.get(f"/desk/c/{chat}")
    async with console.db.read() as session:
        records = (
            await session.scalars(select(AuditRecord).where(AuditRecord.action == "profile read"))
        ).all()
    assert [(one.actor, one.subject) for one in records] == [("staff:1", "customer:1")]


async def test_who_read_a_guests_dialogue_is_written_down_too(console: Console, agent: Browser) -> None:
    chat = await console.waiting()
    await (await agent("boris")).get(f"/desk/c/{chat}")
    async with console.db.read() as session:
        query = select(AuditRecord).where(AuditRecord.action == "dialogue read")
        [record] = await session.scalars(query)
    assert (record.actor, record.subject) == ("staff:2", f"conversation:{chat}")


async def test_an_open_page_hears_of_news(console: Console, agent: Browser) -> None:
    chat = await console.waiting("Мария")
    anna, boris = await agent("anna"), await agent("boris")
    async with anna.http.get(f"{anna.url}/desk/events?view=queue&open={chat}") as events:
        await events.content.readuntil(b"\n\n")  # how soon to come back
        token = await boris.csrf()
        await boris.post(f"/desk/c/{chat}/take", csrf=token, epoch="1")
        heard = await until(events.content, "rows")
        assert json.loads(heard)[0] == {"id": chat}, "it is not in the queue any more"
    async with anna.http.get(f"{anna.url}/desk/events?view=customer&open={chat}") as events:
        await events.content.readuntil(b"\n\n")
        await boris.post(f"/desk/c/{chat}/answer", csrf=token, epoch="2", text="Слушаю", client_id="1")
        [row] = json.loads(await until(events.content, "rows"))
        assert "Мария Иванова" in row["html"]
        assert "Слушаю" in row["html"]


async def test_the_dialogue_that_is_open_hears_of_its_own_news_and_typing(
    console: Console, agent: Browser
) -> None:
    chat, other = await console.waiting(), await console.waiting()
    anna = await agent("anna")
    async with anna.http.get(f"{anna.url}/desk/events?open={chat}") as events:
        await events.content.readuntil(b"\n\n")
        console.gateway.hub.typing(at_desk(other), Author.CUSTOMER)
        console.gateway.hub.typing(at_desk(chat), Author.CUSTOMER)
        assert json.loads(await until(events.content, "typing")) == "customer"
        await console.says(chat, "вы здесь?")
        await until(events.content, "dialogue")


async def test_what_changed_before_the_page_listened_is_not_missed(console: Console, agent: Browser) -> None:
    chat = await console.waiting()
    anna = await agent("anna")
    _, page = await anna.get(f"/desk/c/{chat}")
    [state] = re.findall(r'data-state="(\w+)"', page)
    await console.says(chat, "вы здесь?")
    async with anna.http.get(f"{anna.url}/desk/events?open={chat}&state={state}") as events:
        await until(events.content, "dialogue")


async def until(stream: aiohttp.StreamReader, event: str) -> str:
    """The data of the next event of that name."""
    async with asyncio.timeout(60):
        while True:
            name, _, data = (await stream.readuntil(b"\n\n")).decode().strip().partition("\n")
            if name == f"event: {event}":
                return data.removeprefix("data: ")
