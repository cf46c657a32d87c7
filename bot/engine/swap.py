"""A new model takes over while turns go on: it is loaded in a thread, then one reference changes.

Turns that began with the old model end with it. Nothing is drained and nothing waits.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from bot.engine import api
from bot.engine.archive import ArchiveRefused, check_archive, check_digest
from bot.engine.wire import bad_request

__all__ = ["Swap"]


class Swap:
    """Loads one model at a time."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()

    async def load(self, app: Any, path: Path, sha256: str) -> str:
        """Make an archive the model that answers; its file name. The old one stays when this one is bad.

        Raises:
            EngineError: 400, the archive is refused.
        """
        async with self._one:
            if app.ctx.agent.processor.model_filename != path.name:
                try:
                    agent = await asyncio.get_running_loop().run_in_executor(
                        None, _load, app.ctx.load, path, sha256
                    )
                except ArchiveRefused as error:
                    raise bad_request(str(error)) from error
                app.ctx.agent = agent
                await asyncio.get_running_loop().run_in_executor(None, api.settle)
            return path.name


def _load(load: Any, path: Path, sha256: str) -> Any:
    check_digest(path, sha256)
    check_archive(path)
    agent = load(path)
    if not agent.is_ready():
        raise ArchiveRefused(f"{path.name} could not be loaded")
    return agent
