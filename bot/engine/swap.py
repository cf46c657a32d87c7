"""A new model takes over while turns go on: it is loaded in a thread, then one reference changes.

Turns that began with the old model end with it. Nothing is drained and nothing waits. Beside the live model
there may be a candidate: it classifies when asked, and answers the conversations of its share. It takes
memory only while it is there.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.engine import api
from bot.engine.archive import ArchiveRefused, check_archive, check_digest
from bot.engine.wire import bad_request

__all__ = ["Candidate", "Swap", "in_share"]


@dataclass(frozen=True)
class Candidate:
    """A model that is tried.

    Attributes:
        file: name of its archive.
        share: of all conversations that it answers, in percent.
    """

    agent: Any
    file: str
    share: int


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
                tried = app.ctx.candidate
                if tried is not None and tried.file == path.name:  # it has proved itself and is here already
                    app.ctx.agent, app.ctx.candidate = tried.agent, None
                else:
                    app.ctx.agent = await _loaded(app, path, sha256)
                await _settled()
            return path.name

    async def try_out(self, app: Any, asked: tuple[Path, str, int] | None) -> dict[str, Any] | None:
        """Have exactly this candidate beside the live model: archive, SHA-256, share; None: none.

        Raises:
            EngineError: 400, the archive is refused; what was there before stays.
        """
        async with self._one:
            known: Candidate | None = app.ctx.candidate
            if asked is None:
                app.ctx.candidate = None
            else:
                path, sha256, share = asked
                same = known is not None and known.file == path.name
                agent = known.agent if known is not None and same else await _loaded(app, path, sha256)
                app.ctx.candidate = Candidate(agent, path.name, share)
                if same:
                    return described(app)
            if asked is not None or known is not None:
                await _settled()
            return described(app)


def described(app: Any) -> dict[str, Any] | None:
    """The candidate, as the health check names it."""
    known: Candidate | None = app.ctx.candidate
    return {"file": known.file, "share": known.share} if known is not None else None


def in_share(conversation_id: str, share: int) -> bool:
    """Whether a conversation is one of `share` percent. The same ones everywhere and always; a larger share
    only adds to them.
    """
    place = int.from_bytes(hashlib.sha256(f"share {conversation_id}".encode()).digest()[:8], "big")
    return place % 10_000 < share * 100


async def _loaded(app: Any, path: Path, sha256: str) -> Any:
    try:
        return await asyncio.get_running_loop().run_in_executor(None, _load, app.ctx.load, path, sha256)
    except ArchiveRefused as error:
        raise bad_request(str(error)) from error


async def _settled() -> None:
    await asyncio.get_running_loop().run_in_executor(None, api.settle)


def _load(load: Any, path: Path, sha256: str) -> Any:
    check_digest(path, sha256)
    check_archive(path)
    agent = load(path)
    if not agent.is_ready():
        raise ArchiveRefused(f"{path.name} could not be loaded")
    return agent
