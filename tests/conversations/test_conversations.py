"""Every conversation of the `test_*.yml` files, through the real gateway, engine and action server."""

import pytest

from tests.conversations.player import Player
from tests.conversations.stage import Stage
from tests.conversations.stories import Story, stories


@pytest.mark.parametrize("story", [pytest.param(one, id=f"{one.file}: {one.name}") for one in stories()])
async def test_conversation(stage: Stage, story: Story) -> None:
    async with stage.world() as world:
        await Player(stage, world, story).play()
