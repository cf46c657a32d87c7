"""Pages of a model's way to all customers: begin a trial, look at it, end it."""

from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.registry import Registry, TamperedModel, UnknownModel
from bot.studio import guard
from bot.studio.rollout import NeedsReason, Rollout, under_way
from bot.studio.shell import studio_page
from bot.studio.tables import Difference, Run, Trial, TrialStage
from bot.studio.watching import described
from bot.web.staff.guard import LOG_IN, needs
from bot.web.staff.roles import Right
from core.clock import Clock
from core.db import Database

SHOWN = 200  # messages that the models understand otherwise


class RolloutPages:
    """Routes under `/studio/trials`."""

    def __init__(self, db: Database, clock: Clock, registry: Registry) -> None:
        self._db = db
        self._rollout = Rollout(clock, registry)

    def add_to(self, app: web.Application) -> None:
        app.router.add_post("/studio/trials", self.begin)
        app.router.add_post("/studio/trials/stop", self.stop)
        app.router.add_get("/studio/trials/{id:\\d+}", self.trial)

    @needs(Right.TRAIN)
    async def begin(self, request: web.Request) -> web.Response:
        form, staff = await request.post(), request[LOG_IN].staff
        file, share = str(form.get("model", "")), str(form.get("share", "0"))
        try:
            async with self._db.write() as session:
                if form.get("stage") == TrialStage.CANARY and share.isdigit():
                    reason = str(form.get("reason", ""))[:500]
                    await self._rollout.canary(session, file, int(share), staff, reason)
                else:
                    await self._rollout.shadow(session, file, staff)
        except NeedsReason:
            async with self._db.read() as session:
                run_id = await session.scalar(select(Run.id).where(Run.model == file).limit(1))
            raise web.HTTPSeeOther(f"/studio/runs/{run_id}?problem=needs_reason") from None
        except (UnknownModel, TamperedModel, ValueError):
            raise web.HTTPSeeOther("/studio/models?problem=no_model") from None
        raise web.HTTPSeeOther("/studio/models")

    @needs(Right.TRAIN)
    async def stop(self, request: web.Request) -> web.Response:
        async with self._db.write() as session:
            await self._rollout.stop(session, request[LOG_IN].staff)
        raise web.HTTPSeeOther("/studio/models")

    @needs(Right.TRAIN)
    async def trial(self, request: web.Request) -> web.Response:
        async with self._db.read() as session:
            found = await session.get(Trial, int(request.match_info["id"]))
            if found is None:
                raise web.HTTPNotFound
            query = select(Difference).where(Difference.trial_id == found.id).order_by(Difference.id.desc())
            differences = list(await session.scalars(query.limit(SHOWN)))
            values = {
                "trial": await described(session, found), "differences": differences, "shown": _shown,
            }  # fmt: skip
        return studio_page("studio/trial.html", request, "models", values)


def _shown(breach: dict[str, Any]) -> dict[str, str]:
    return guard.Breach(**breach).shown


async def rollout_now(session: AsyncSession) -> dict[str, Any]:
    """What the page of models shows of trials: the open one, and the last ones."""
    trial = await under_way(session)
    ended = select(Trial).where(Trial.ended_at.is_not(None)).order_by(Trial.id.desc()).limit(10)
    return {
        "trial": await described(session, trial) if trial else None,
        "trials": list(await session.scalars(ended)),
        "shown": _shown,
    }
