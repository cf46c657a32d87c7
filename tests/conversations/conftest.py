"""One engine for all conversations."""

from collections.abc import AsyncIterator

import pytest

from tests.conversations.stage import Stage, running_stage


@pytest.fixture(scope="session")
async def stage() -> AsyncIterator[Stage]:
    async with running_stage() as running:
        yield running
