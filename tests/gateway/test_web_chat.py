"""A customer at the web chat."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.gateway.tables import Inbox
from crm_bridge.models import Conversation, Message
from tests.gateway.conftest import Running, ScriptedEngine


async def test_a_question_is_acknowledged_shown_and_answered(running: Running) -> None:
    tab = await running.visit()
    client_id = await tab.write("где мой заказ?")
    assert (await tab.frame("ack"))["client_id"] == client_id
    own = await tab.hear("customer")
    assert (own["seq"], own["text"], own["client_id"]) == (1, "где мой заказ?", client_id)
    answer = await tab.hear()
    assert (answer["seq"], answer["text"]) == (2, "re: где мой заказ?")


async def test_a_message_sent_twice_is_answered_once(running: Running, engine: ScriptedEngine) -> None:
    tab = await running.visit()
    for _ in range(3):
        await tab.write("привет", client_id="same")
    await tab.write("пока")
    frames = [await tab.ws.receive_json(timeout=60)]
    while frames[-1].get("text") != "re: пока":
        frames.append(await tab.ws.receive_json(timeout=60))
    said = sorted(frame["text"] for frame in frames if frame["type"] == "message")
    assert said == ["re: пока", "re: привет", "пока", "привет"]
    assert sum(frame["type"] == "ack" for frame in frames) == 4
    assert len(engine.asked) == 2


async def test_a_tab_that_was_closed_mid_answer_finds_everything_once(
    running: Running, engine: ScriptedEngine
) -> None:
    engine.gate.clear()
    tab = await running.visit()
    await tab.write("привет")
    await engine.reached.wait()
    await tab.ws.close()
    engine.gate.set()
    again = await running.tab(tab.visitor, tab.conversation_id, after=0)
    assert [(await again.frame("message"))["seq"] for _ in range(2)] == [1, 2]


async def test_two_tabs_show_the_same(running: Running) -> None:
    one = await running.visit()
    other = await running.tab(one.visitor, one.conversation_id)
    await one.write("привет")
    for tab in (one, other):
        assert [(await tab.frame("message"))["seq"] for _ in range(2)] == [1, 2]


async def test_messages_of_one_customer_are_answered_in_order(running: Running) -> None:
    tab = await running.visit()
    for n in range(10):
        await tab.write(str(n))
    answers = [(await tab.hear())["text"] for _ in range(10)]
    assert answers == [f"re: {n}" for n in range(10)]


async def test_a_button_reaches_the_engine_as_what_it_means(running: Running, engine: ScriptedEngine) -> None:
    button = {"title": "Где заказ 1001?", "payload": '/track_order{"order_id": "1001"}'}
    engine.script = lambda turn: [{"text": "что дальше?", "buttons": [button]}]
    tab = await running.visit()
    await tab.write("привет")
    shown = (await tab.hear())["buttons"][0]
    assert "track_order" not in str(shown)
    await tab.press(shown["id"])
    assert (await tab.hear("customer"))["text"] == "Где заказ 1001?"
    await tab.hear()
    assert engine.asked[-1]["press"] == {"intent": "track_order", "entities": {"order_id": "1001"}}
    assert "text" not in engine.asked[-1]


async def test_a_button_works_once_and_only_in_its_own_conversation(
    running: Running, engine: ScriptedEngine
) -> None:
    engine.script = lambda turn: [{"text": "?", "buttons": [{"title": "Да", "payload": "/affirm"}]}]
    tab, stranger = await running.visit(), await running.visit()
    await tab.write("привет")
    button = (await tab.hear())["buttons"][0]["id"]
    await stranger.press(button)
    assert (await stranger.frame("refused"))["code"] == "bad_press"
    await tab.press(button, "first")
    await tab.frame("ack")
    await tab.press(button, "first")  # a repeat of the same press is acknowledged, not refused
    await tab.frame("ack")
    await tab.press(button, "second")
    assert (await tab.frame("refused"))["code"] == "bad_press"


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "empty"), (" \u200b\u2060\n ", "empty"), ("x" * 4001, "too_long"), ("😀" * 10_000, "too_long")],
)
async def test_what_cannot_be_read_is_refused_in_words(running: Running, text: str, code: str) -> None:
    tab = await running.visit()
    await tab.write(text)
    refused = await tab.frame("refused")
    assert refused["code"] == code
    assert refused["text"].strip()


@pytest.mark.parametrize(
    "raw",
    ["", "{", "[]", "null", '{"type":"text"}', '{"type":"text","client_id":"../x","text":"a"}', "[" * 5000],
)
async def test_a_frame_that_is_none_harms_nobody(running: Running, raw: str) -> None:
    tab = await running.visit()
    await tab.ws.send_str(raw)
    assert (await tab.frame("refused"))["code"] == "bad_frame"
    await tab.write("привет")
    assert (await tab.hear())["text"] == "re: привет"


async def test_binary_and_huge_frames_end_only_their_own_connection(running: Running) -> None:
    tab, other = await running.visit(), await running.visit()
    await tab.ws.send_bytes(b"\x00\xff\xfe")
    assert (await tab.frame("refused"))["code"] == "bad_frame"
    await tab.ws.send_str("x" * 1_000_000)
    while not tab.ws.closed:
        await tab.ws.receive(timeout=60)
    await other.write("привет")
    assert (await other.hear())["text"] == "re: привет"


async def test_without_the_secret_nobody_reads_a_conversation(running: Running) -> None:
    for visitor in ("", "x", "A" * 43):
        ws = await running.http.ws_connect(f"{running.base}/chat/v1/ws")
        await ws.send_json({"type": "hello", "visitor": visitor, "after": 0})
        assert (await ws.receive_json(timeout=60))["code"] == "bad_visitor"
    async with running.http.get(f"{running.base}/chat/v1/events") as response:
        assert response.status == 401


async def test_the_secret_itself_is_not_stored(running: Running) -> None:
    tab = await running.visit()
    await tab.write("привет")
    await tab.hear()
    async with running.gateway.db.read() as session:
        stored = await session.scalars(select(Inbox.sender))
        assert tab.visitor not in set(stored)


async def test_another_site_may_not_embed_the_chat(running: Running) -> None:
    url = f"{running.base}/chat/v1/session"
    async with running.http.post(url, json={}, headers={"Origin": "https://evil.example"}) as response:
        assert response.status == 403
    async with running.http.post(url, json={}, headers={"Origin": running.base}) as response:
        assert response.headers["Access-Control-Allow-Origin"] == running.base


async def test_where_sockets_are_blocked_the_event_stream_does_the_same(running: Running) -> None:
    tab = await running.visit()
    auth = {"Authorization": f"Bearer {tab.visitor}"}
    frame = {"type": "text", "client_id": "sse-1", "text": "привет"}
    async with running.http.post(f"{running.base}/chat/v1/send", json=frame, headers=auth) as response:
        assert await response.json() == {"type": "ack", "client_id": "sse-1"}
    events = f"{running.base}/chat/v1/events?after=0"
    seqs: list[int] = []
    async with running.http.get(events, headers=auth) as stream:
        async with asyncio.timeout(60):
            async for line in stream.content:
                if b'"type": "message"' in line:
                    seqs.append(len(seqs) + 1)
                if len(seqs) == 2:
                    break
    assert seqs == [1, 2]


async def test_messages_and_inbox_agree(running: Running) -> None:
    tab = await running.visit()
    for _ in range(3):
        await tab.write("привет")
        await tab.hear()
    async with running.gateway.db.read() as session:
        conversation = await session.get_one(Conversation, tab.conversation_id)
        messages = await session.scalar(select(func.count()).select_from(Message))
        open_rows = await session.scalar(
            select(func.count()).select_from(Inbox).where(Inbox.processed_at.is_(None))
        )
    assert (conversation.last_seq, messages, open_rows) == (6, 6, 0)


def test_frames_name_the_fields_of_the_protocol() -> None:
    from datetime import UTC, datetime

    from bot.channels.webchat import message_frame

    frame: dict[str, Any] = message_frame(
        seq=1,
        id="m1",
        author="assistant",
        text="x",
        buttons=None,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        details={},
    )
    assert frame["at"] == "2026-01-01T00:00:00Z"
    assert frame["buttons"] == []
