"""Every conversation of the `test_*.yml` files, through the real gateway, engine and action server."""

import asyncio

import pytest

from tests.conversations.conftest import Played
from tests.conversations.player import Complaint
from tests.conversations.stories import Story, stories


@pytest.mark.parametrize("story", [pytest.param(one, id=f"{one.file}: {one.name}") for one in stories()])
async def test_conversation(played: Played, story: Story) -> None:
    task = played[story.file, story.name]
    await asyncio.wait({task})
    if isinstance(task.exception(), Complaint):
        pytest.fail(
            str(task.exception()), pytrace=False
        )  # what was said tells more than where it was checked
    task.result()
