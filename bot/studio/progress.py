"""How far a training is, as it happens: server-sent events, drawn by the server."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from bot.studio.runs import Runs, running
from bot.studio.shell import studio_page
from bot.studio.tables import Run, RunState
from bot.web.staff.guard import needs
from bot.web.staff.roles import Right
from core.clock import Clock
from core.db import Database

LOOK = 0.5  # seconds between looks: the trainer is another process and writes into the database
BEAT = 15.0  # seconds; proxies close silent connections
LOST = timedelta(seconds=3)  # between looks for a trainer that died
STAGES = ("write", "check", "learn", "judge", "compare")  # as people see them
_SEEN_AS = {"start": "write", "write": "write", "check": "check", "judge": "judge", "compare": "compare"}


class ProgressPages:
    """`/studio/training/events`: begins with how things stand, so a reload of the page loses nothing."""

    def __init__(self, db: Database, clock: Clock, runs: Runs) -> None:
        self._db = db
        self._clock = clock
        self._runs = runs

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/studio/training/events", self.events)

    @needs(Right.TRAIN)
    async def events(self, request: web.Request) -> web.StreamResponse:
        headers = {
            "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
        }  # fmt: skip
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        with contextlib.suppress(ConnectionResetError):  # the page was closed
            await self._tell(request, response)
        return response

    async def _tell(self, request: web.Request, response: web.StreamResponse) -> None:
        loop = asyncio.get_running_loop()
        shown, spoke, looked = "", loop.time(), None
        while True:
            if looked is None or self._clock.now() - looked > LOST:
                await self._runs.look_after()
                looked = self._clock.now()
            values = await self.values()
            if values["now"] is None:
                await response.write(event("ended", ""))
                return
            drawn = studio_page("studio/progress.html", request, "training", values).text or ""
            if drawn != shown or loop.time() - spoke > BEAT:
                await response.write(event("progress", drawn))
                shown, spoke = drawn, loop.time()
            await asyncio.sleep(LOOK)

    async def values(self) -> dict[str, Any]:
        """What the template of the progress needs."""
        async with self._db.read() as session:
            now, runs = await running(session), await self._runs.newest(session)
        return {
            "now": now,
            "runs": runs,
            "left": seconds_left(now, runs, self._clock.now()),
            "stages": STAGES,
            "at": STAGES.index(_SEEN_AS.get(now.stage, "learn")) if now else 0,
        }


def event(name: str, text: str) -> bytes:
    """One server-sent event; every line of its text is a field of its own."""
    lines = "".join(f"data: {line}\n" for line in text.split("\n"))
    return f"event: {name}\n{lines}\n".encode()


def seconds_left(now: Run | None, runs: Sequence[Run], moment: datetime) -> int | None:
    """What is likely left, by the last run of the same kind that ended well; None when nobody knows."""
    if now is None or "kind" not in now.origin:
        return None
    for one in runs:
        same = one.origin.get("kind") == now.origin["kind"]
        if same and one.state is RunState.DONE and one.ended_at is not None:
            usual = (one.ended_at - one.began_at).total_seconds()
            return max(1, round(usual - (moment - now.began_at).total_seconds()))
    return None
