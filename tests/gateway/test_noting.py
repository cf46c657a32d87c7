"""What customers write to people is in the log as it arrives: nothing overtakes, doubles or gets lost."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest
from sqlalchemy import select, update

from bot.channels.inbound import Attachment, Blocked, Content, FileKind, Files, Inbound, Origin, Text
from bot.gateway.app import Gateway
from bot.gateway.conversations import conversation_of
from bot.gateway.handoffs import Handoff, Place
from bot.gateway.noting import partition_of, sender_of
from bot.gateway.tables import Inbox
from core.clock import ManualClock
from core.db import Database
from core.jobs.embedded import JobRow
from crm_bridge.models import Conversation, Identity, Message, Owner, Proof
from tests.gateway.post import Chat, Post

SECOND = timedelta(seconds=1)
ANNA = 1


@pytest.fixture
async def post(db: Database, clock: ManualClock, tmp_path: object) -> AsyncIterator[Post]:
    async with aiohttp.ClientSession() as http:
        yield Post(db, clock, http, var=tmp_path)


@pytest.fixture
def gateway(post: Post) -> Gateway:
    return post.gateway


async def with_anna(post: Post, address: str = "maria", channel: str = "telegram") -> Chat:
    """A customer whose dialogue Anna has; she has answered, so nothing is owed."""
    chat = await post.chat(channel, address)
    async with post.db.write() as session:
        await post.gateway.ownership.take(session, chat.conversation_id, 0, ANNA)
        await post.gateway.handoffs.answered(session, chat.conversation_id, ANNA)
    post.clock.advance(SECOND)
    return chat


def event(chat: Chat, content: Content | str, number: str = "1", channel: str = "telegram") -> Inbound:
    content = Text(content) if isinstance(content, str) else content
    return Inbound(channel, "main", f"{chat.address}:{number}", chat.address, content, origin=Origin(number))


async def said(post: Post, chat: Chat) -> list[tuple[int | None, str]]:
    """The customer's lines, but for the first of every story."""
    async with post.db.read() as session:
        query = select(Message.seq, Message.text).where(Message.conversation_id == chat.conversation_id)
        rows = (await session.execute(query.order_by(Message.seq))).all()
    return [(seq, text) for seq, text in rows if text != "?"]


async def waiting(post: Post) -> list[str | None]:
    """What waits for a turn, by sender."""
    async with post.db.read() as session:
        return list(await session.scalars(select(JobRow.partition_key).order_by(JobRow.id)))


async def serve(post: Post) -> None:
    """All turns that wait."""
    [turns, _] = post.gateway.workers(random.Random(7))[:2]
    await turns.drain()


async def test_what_is_written_to_people_is_there_at_once_and_an_answer_is_owed(post: Post) -> None:
    maria, peter = await with_anna(post), await with_anna(post, "peter")
    with post.gateway.hub.listen(maria.conversation_id) as ear:
        ear.log_grew = False
        arrived = [event(maria, "где посылка?"), event(peter, "и моя?"), event(maria, "алло", "2")]
        assert await post.gateway.inbox.accept_all(arrived) == 3
        assert ear.log_grew, "open pages hear of it"
    assert await said(post, maria) == [(2, "где посылка?"), (3, "алло")]
    assert await said(post, peter) == [(2, "и моя?")]
    assert await waiting(post) == []
    async with post.db.read() as session:
        handoff = await session.get_one(Handoff, maria.conversation_id)
        assert (handoff.place, handoff.asked_at) == (Place.ANSWER, post.clock.now())
        conversation = await session.get_one(Conversation, maria.conversation_id)
        assert (conversation.last_seq, conversation.updated_at) == (3, post.clock.now())
        rows = (await session.execute(select(Inbox.processed_at, Inbox.outcome))).all()
        assert set(rows) == {(post.clock.now(), "silent")}


async def test_it_is_kept_as_a_turn_keeps_it(post: Post) -> None:
    maria, peter = await with_anna(post), await with_anna(post, "peter")
    await post.gateway.inbox.accept_all([event(maria, "где посылка?")])
    photo = Files((Attachment(FileKind.PHOTO, "f"),), "вот фото")
    await post.gateway.inbox.accept_all([event(peter, photo), event(peter, "где посылка?", "2")])
    await serve(post)

    async def kept(chat: Chat) -> dict[str, object]:
        async with post.db.read() as session:
            query = select(Message).where(Message.conversation_id == chat.conversation_id)
            message = (await session.scalars(query.where(Message.text == "где посылка?"))).one()
            columns = vars(message).keys() - {
                "_sa_instance_state",
                "id",
                "conversation_id",
                "identity_id",
                "seq",
            }
            own = {key: getattr(message, key) for key in columns}
            assert message.identity_id == chat.identity_id
            assert own["details"].pop("client_id") == own["details"]["origin"].pop("ref")
            return own

    assert await kept(maria) == await kept(peter)


async def test_a_repeat_is_said_once(post: Post) -> None:
    maria = await with_anna(post)
    twice = [event(maria, "алло"), event(maria, "алло")]
    assert await post.gateway.inbox.accept_all(twice) == 1
    assert await post.gateway.inbox.accept_all(twice) == 0
    assert await said(post, maria) == [(2, "алло")]
    assert await waiting(post) == []


async def test_words_do_not_overtake_what_waits(post: Post) -> None:
    maria = await with_anna(post)
    photo = Files((Attachment(FileKind.PHOTO, "f"),), "вот фото")
    await post.gateway.inbox.accept_all([event(maria, photo), event(maria, "видно?", "2")])
    await post.gateway.inbox.accept_all([event(maria, "алло", "3")])
    assert await said(post, maria) == []
    assert await waiting(post) == 3 * [partition_of(sender_of(event(maria, photo)))]
    await serve(post)
    assert [text for _, text in await said(post, maria)] == ["вот фото", "видно?", "алло"]
    await post.gateway.inbox.accept_all([event(maria, "вы тут?", "4")])
    assert [text for _, text in await said(post, maria)][-1] == "вы тут?", "nothing waits any more"


@pytest.mark.parametrize("content", [Text("5"), Text("2."), Blocked()], ids=["rating", "choice", "block"])
async def test_what_may_be_more_than_words_is_served_in_a_turn(post: Post, content: Content) -> None:
    maria = await with_anna(post)
    await post.gateway.inbox.accept_all([event(maria, content)])
    assert len(await waiting(post)) == 1


async def test_an_account_that_was_dead_is_alive_when_it_writes(post: Post) -> None:
    maria = await with_anna(post)
    async with post.db.write() as session:
        await session.execute(update(Identity).values(dead_at=post.clock.now()))
    await post.gateway.inbox.accept_all([event(maria, "я вернулась")])
    await serve(post)
    assert (await post.identity(maria)).dead_at is None
    assert await said(post, maria) == [(2, "я вернулась")]


async def test_what_is_written_to_the_bot_waits_for_its_turn(post: Post) -> None:
    maria = await post.chat("telegram", "maria")
    await post.gateway.inbox.accept_all([event(maria, "где посылка?")])
    assert await said(post, maria) == []
    assert len(await waiting(post)) == 1


@pytest.mark.parametrize("channel", ["telegram", "webchat"])
async def test_it_goes_where_a_turn_would_put_it(post: Post, channel: str) -> None:
    """Accounts of one customer and of two, proven and not; dialogues of the bot's and of people's."""
    chance, gateway = random.Random(7), post.gateway
    customers = [await post.customer() for _ in range(2)]
    chats = [await post.chat(channel, str(number)) for number in range(6)]
    compared = 0
    for step in range(40):
        post.clock.advance(SECOND)
        async with post.db.write() as session:
            for chat in chats:
                proof = chance.choice([None, None, Proof.CODE])
                whose = {"customer_id": chance.choice([None, *customers]), "method": proof}
                await session.execute(update(Identity).where(Identity.id == chat.identity_id).values(**whose))
                owner = {
                    "owner": chance.choice(list(Owner)),
                    "updated_at": post.clock.now() + chance.random() * SECOND,
                }
                held = Conversation.id == chat.conversation_id
                await session.execute(update(Conversation).where(held).values(**owner))
            expected = {}
            for chat in chats:
                found = await conversation_of(session, chat.identity_id, channel)
                await session.refresh(found)
                if found and found.identity_id == chat.identity_id and found.owner is not Owner.BOT:
                    expected[chat.address] = found.id
            events = [event(chat, "слова", str(step), channel) for chat in chats]
            noted = await gateway.inbox._noting.chats(session, events)
            assert {sender: chat.id for (*_, sender), chat in noted.items()} == expected
            compared += len(expected)
    assert compared > 40


async def test_whoever_has_the_dialogue_at_that_moment_no_word_is_lost(post: Post) -> None:
    """Agents hand their dialogues back while the customers write and write."""
    chance = random.Random(7)
    words = [f"слово {number}" for number in "абвгде"]
    chats = [await with_anna(post, f"customer{number}") for number in range(20)]

    async def steps(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async def writes(chat: Chat) -> None:
        for number, text in enumerate(words):
            await post.gateway.inbox.accept_all([event(chat, text, str(number))])

    async def hands_back(chat: Chat) -> None:
        await steps(chance.randrange(1000))
        async with post.db.write() as session:
            await post.gateway.ownership.hand_back(session, chat.conversation_id, 1)

    for chat in chats:
        await asyncio.gather(writes(chat), hands_back(chat))
    waits = await waiting(post)
    ways = set()
    for chat in chats:
        at_once = [text for _, text in await said(post, chat)]
        in_turns = waits.count(partition_of(sender_of(event(chat, ""))))
        assert at_once == words[: len(at_once)], "in their order"
        assert len(at_once) + in_turns == len(words)
        ways.add(0 < len(at_once) < len(words))
    assert ways == {True, False}, "some changed hands in between"
