"""One person, many channels: one conversation, and each answer where its question came from."""

from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest

from core.clock import ManualClock
from core.db import Database
from crm_bridge.models import Author, Proof
from tests.gateway.conftest import Running
from tests.gateway.pocket import Pocket
from tests.gateway.post import Post

SECOND = timedelta(seconds=1)


@pytest.fixture
async def post(db: Database, clock: ManualClock, tmp_path: object) -> AsyncIterator[Post]:
    async with aiohttp.ClientSession() as http:
        yield Post(db, clock, http, var=tmp_path)


async def test_the_conversation_follows_the_customer_and_answers_go_where_they_were_asked(
    post: Post, clock: ManualClock
) -> None:
    telegram, vk = Pocket(clock), Pocket(clock, "vk")
    post.connect(telegram, vk)
    maria = await post.customer()
    first = await post.chat("telegram", "42", maria)
    asked = f"{first.conversation_id[:8]}-telegram1"
    clock.advance(SECOND)
    second = await post.chat("vk", "vk-1", maria)
    assert second.conversation_id == first.conversation_id
    await post.say(first, "ответ на первый вопрос", reply_to=asked)
    await post.say(first, "а это от сотрудника", author=Author.AGENT)
    await post.deliver()
    assert telegram.read_by("42") == ["ответ на первый вопрос"]
    assert vk.read_by("vk-1") == ["а это от сотрудника"]


async def test_whose_account_it_is_must_be_proven_first(post: Post, clock: ManualClock) -> None:
    maria = await post.customer()
    first = await post.chat("telegram", "42", maria)
    stranger = await post.chat("vk", "vk-1")
    assert stranger.conversation_id != first.conversation_id


async def test_whoever_people_are_talking_to_reaches_them_from_every_channel(
    post: Post, clock: ManualClock
) -> None:
    maria = await post.customer()
    with_people = await post.chat("telegram", "42", maria)
    async with post.db.write() as session:
        await post.gateway.ownership.take(session, with_people.conversation_id, 0, agent_id=1)
    clock.advance(SECOND)
    own = await post.chat("vk", "vk-1")  # not known yet
    clock.advance(SECOND)
    async with post.db.write() as session:
        await post.gateway.identities.link(session, own.identity_id, maria, Proof.SHARED_PHONE)
    again = await post.chat("vk", "vk-1", maria)
    assert again.conversation_id == with_people.conversation_id


async def test_the_page_shows_what_was_said_on_it_and_nothing_of_the_messengers(running: Running) -> None:
    tab = await running.visit()
    await tab.write("на сайте")
    await tab.hear()
    gateway = running.gateway
    visitor = await gateway.visitors.find(tab.visitor)
    assert visitor is not None
    async with gateway.db.write() as session:
        other = await gateway.identities.get_or_create(session, "telegram", "main", "42")
        await gateway.conversations.write_down(
            session, visitor.conversation_id, "elsewhere", "в мессенджере", gateway.clock.now(), {}, other.id
        )
    again = await running.tab(tab.visitor, tab.conversation_id)
    texts = [(await again.frame("message"))["text"] for _ in range(2)]
    assert texts == ["на сайте", "re: на сайте"]
    await again.write("ещё")
    assert (await again.frame("message"))["text"] == "ещё"
