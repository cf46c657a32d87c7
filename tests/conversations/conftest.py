"""One engine for all conversations."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from crm_bridge.models import Operation
from tests.conversations.player import Player
from tests.conversations.stage import Stage, running_stage
from tests.conversations.stories import Story, stories

AT_ONCE = 3  # while the engine classifies one message, gateway and actions serve others
ENDS = ("happy", "unverified")  # kinds of conversations that come to their end

Played = dict[tuple[str, str], asyncio.Task[frozenset[str]]]


@pytest.fixture(scope="session")
async def stage() -> AsyncIterator[Stage]:
    async with running_stage() as running:
        yield running


@pytest.fixture(scope="session")
def asked_twice() -> list[Story]:
    """Conversations in which something is done: there every action is called twice."""
    return [one for one in stories() if one.metadata.afterwards and one.kind in ENDS]


@pytest.fixture(scope="session")
async def played(stage: Stage, asked_twice: list[Story], request: pytest.FixtureRequest) -> Played:
    """The conversations that this run wants, each in a world of its own; they answer with what was done."""
    room = asyncio.Semaphore(AT_ONCE)
    twice = {(one.file, one.name) for one in asked_twice}

    async def play(story: Story) -> frozenset[str]:
        async with room, stage.world() as world:
            world.asks_twice = (story.file, story.name) in twice
            await Player(stage, world, story).play()
            async with world.db.read() as session:
                return frozenset(await session.scalars(select(Operation.name)))

    wanted: dict[tuple[str, str], Story] = {}
    for item in request.session.items:
        asked = getattr(item, "callspec", None)
        if asked and "story" in asked.params:
            story = asked.params["story"]
            wanted[story.file, story.name] = story
        elif "asked_twice" in getattr(item, "fixturenames", ()):
            wanted |= {(one.file, one.name): one for one in asked_twice}
    return {key: asyncio.create_task(play(story)) for key, story in wanted.items()}
