"""The studio's pages of models: training, comparison, what is live."""

from typing import Any

from aiohttp import web
from sqlalchemy import select

from bot.registry import Registry, TamperedModel, UnknownModel, engine_version
from bot.studio import pictures
from bot.studio.gate import FIGURES, most_confused
from bot.studio.progress import ProgressPages
from bot.studio.rollout import NeedsReason, Rollout
from bot.studio.rollout_pages import rollout_now
from bot.studio.runs import Busy, Runs
from bot.studio.shell import people, studio_page
from bot.studio.tables import Promotion, Run
from bot.web.staff.guard import LOG_IN, needs
from bot.web.staff.roles import Right
from core.clock import Clock
from core.db import Database


class Studio:
    """Routes under `/studio/training`, `/studio/runs` and `/studio/models`."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        runs: Runs,
        registry: Registry,
    ) -> None:
        self._db = db
        self._runs = runs
        self._registry = registry
        self._rollout = Rollout(clock, registry)
        self._progress = ProgressPages(db, clock, runs)

    def add_to(self, app: web.Application) -> None:
        self._progress.add_to(app)
        route = app.router
        route.add_get("/studio/training", self.training)
        route.add_get("/studio/training/ended", self.ended)
        route.add_post("/studio/training", self.start)
        route.add_post("/studio/runs/{id:\\d+}/cancel", self.cancel)
        route.add_get("/studio/runs/{id:\\d+}", self.run)
        route.add_get("/studio/models", self.models)
        route.add_post("/studio/models/promote", self.promote)
        route.add_post("/studio/models/rollback", self.rollback)

    # --- training -------------------------------------------------------------------------------------------

    @needs(Right.TRAIN)
    async def training(self, request: web.Request) -> web.Response:
        return await self._training(request)

    async def _training(self, request: web.Request, problem: str | None = None) -> web.Response:
        await self._runs.look_after()
        values = await self._progress.values() | {"problem": problem}
        return studio_page("studio/training.html", request, "training", values)

    @needs(Right.TRAIN)
    async def ended(self, request: web.Request) -> web.Response:
        """The page hears that the run has ended, and goes to its result."""
        async with self._db.read() as session:
            runs = await self._runs.newest(session, 1)
        target = f"/studio/runs/{runs[0].id}" if runs else "/studio/training"
        return web.Response(status=204, headers={"HX-Redirect": target})

    @needs(Right.TRAIN)
    async def start(self, request: web.Request) -> web.Response:
        try:
            await self._runs.start(request[LOG_IN].staff)
        except Busy:
            return await self._training(request, "training.busy")
        raise web.HTTPSeeOther("/studio/training")

    @needs(Right.TRAIN)
    async def cancel(self, request: web.Request) -> web.Response:
        await self._runs.cancel(int(request.match_info["id"]), request[LOG_IN].staff)
        raise web.HTTPSeeOther("/studio/training")

    @needs(Right.TRAIN)
    async def run(self, request: web.Request) -> web.Response:
        return await self._run(request, int(request.match_info["id"]), _problem(request))

    async def _run(
        self, request: web.Request, run_id: int, problem: str | None = None, status: int = 200
    ) -> web.Response:
        async with self._db.read() as session:
            run = await session.get(Run, run_id)
        if run is None:
            raise web.HTTPNotFound
        live = self._registry.live_model()
        known = {model.file for model in self._registry.models()}
        values = {
            "run": run,
            "facts": run.comparison,
            "figures": FIGURES,
            "problem": problem,
            "is_live": live is not None and live.file == run.model,
            "stands": run.model in known,
            "histogram": pictures.histogram,
            "curve": pictures.curve,
            "matrix": pictures.matrix,
            "confused": most_confused(run.comparison) if run.comparison else None,
        }
        return studio_page("studio/run.html", request, "training", values, status)

    # --- models ---------------------------------------------------------------------------------------------

    @needs(Right.TRAIN)
    async def models(self, request: web.Request) -> web.Response:
        return await self._models(request, _problem(request))

    async def _models(self, request: web.Request, problem: str | None = None) -> web.Response:
        async with self._db.read() as session:
            promotions = await session.scalars(select(Promotion).order_by(Promotion.id.desc()).limit(20))
            runs = await session.execute(select(Run.model, Run.id).where(Run.model.is_not(None)))
            values: dict[str, Any] = {
                "promotions": list(promotions),
                "people": await people(session),
                "run_of": {row[0]: row[1] for row in runs},
                **await rollout_now(session),
            }
        live = self._registry.live_model()
        values |= {
            "models": self._registry.models(),
            "live": live.file if live else None,
            "before": self._registry.before(),
            "engine": engine_version(),
            "problem": problem,
        }
        return studio_page("studio/models.html", request, "models", values, 422 if problem else 200)

    @needs(Right.TRAIN)
    async def promote(self, request: web.Request) -> web.Response:
        form = await request.post()
        file, reason = str(form.get("model", "")), str(form.get("reason", ""))[:500]
        try:
            async with self._db.write() as session:
                await self._rollout.promote(session, file, request[LOG_IN].staff, reason)
        except (UnknownModel, TamperedModel):
            return await self._models(request, "no_model")
        except NeedsReason:
            async with self._db.read() as session:
                run_id = await session.scalar(select(Run.id).where(Run.model == file).limit(1))
            if run_id is not None:
                return await self._run(request, run_id, "needs_reason", 422)
            return await self._models(request, "needs_reason")
        raise web.HTTPSeeOther("/studio/models")

    @needs(Right.TRAIN)
    async def rollback(self, request: web.Request) -> web.Response:
        try:
            async with self._db.write() as session:
                await self._rollout.rollback(session, request[LOG_IN].staff)
        except (UnknownModel, TamperedModel):
            return await self._models(request, "no_model")
        raise web.HTTPSeeOther("/studio/models")


def _problem(request: web.Request) -> str | None:
    """What went wrong before the browser was sent here."""
    said = request.query.get("problem")
    return said if said in ("needs_reason", "no_model") else None
