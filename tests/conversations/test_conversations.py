"""Every conversation of the `test_*.yml` files, through the real gateway, engine and action server."""

import asyncio

import pytest

from tests.conversations.player import Complaint, Player
from tests.conversations.stage import Stage
from tests.conversations.stories import Story, stories

AT_ONCE = 3  # while the engine classifies one message, gateway and actions serve others


@pytest.fixture(scope="session")
async def played(stage: Stage, request: pytest.FixtureRequest) -> dict[tuple[str, str], asyncio.Task[None]]:
    """The conversations that this run wants, each in a world of its own."""
    room = asyncio.Semaphore(AT_ONCE)

    async def play(story: Story) -> None:
        async with room, stage.world() as world:
            await Player(stage, world, story).play()

    calls = [getattr(item, "callspec", None) for item in request.session.items]
    wanted = [call.params["story"] for call in calls if call and "story" in call.params]
    return {(one.file, one.name): asyncio.create_task(play(one)) for one in wanted}


@pytest.mark.parametrize("story", [pytest.param(one, id=f"{one.file}: {one.name}") for one in stories()])
async def test_conversation(played: dict[tuple[str, str], asyncio.Task[None]], story: Story) -> None:
    task = played[story.file, story.name]
    await asyncio.wait({task})
    if isinstance(task.exception(), Complaint):
        pytest.fail(
            str(task.exception()), pytrace=False
        )  # what was said tells more than where it was checked
    task.result()
