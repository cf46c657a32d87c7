"""The studio's pages: inbox, intents, training, comparison, models."""

import asyncio
from typing import Any

from aiohttp import web
from sqlalchemy import select

from bot.registry import Registry, TamperedModel, UnknownModel, engine_version
from bot.studio import pictures
from bot.studio.checking import problems
from bot.studio.files import OUT_OF_SCOPE, ChangedMeanwhile, Refused, TrainingFiles
from bot.studio.gate import FIGURES
from bot.studio.inbox import Inbox, Unknown
from bot.studio.overview import LEAST, overview
from bot.studio.rollout import NeedsReason, Rollout
from bot.studio.runs import Busy, Runs, running
from bot.studio.tables import Promotion, Run, RunState, Verdict
from bot.web.staff.guard import LOG_IN, needs
from bot.web.staff.pages import staff_page
from bot.web.staff.roles import Right
from core.clock import Clock
from core.db import Database
from core.settings import ROOT
from core.texts import Texts

texts = Texts(ROOT / "bot/studio/texts.yml")
titles = Texts(ROOT / "actions/texts.yml")  # how intents are called on a customer's buttons
SHOWN = 40  # groups on one page


class Studio:
    """Routes under `/studio`."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        files: TrainingFiles,
        runs: Runs,
        registry: Registry,
    ) -> None:
        self._db = db
        self._clock = clock
        self._files = files
        self._runs = runs
        self._registry = registry
        self._inbox = Inbox(clock)
        self._rollout = Rollout(clock, registry)

    def add_to(self, app: web.Application) -> None:
        route = app.router
        route.add_get("/studio", self.inbox)
        route.add_post("/studio/groups/{id:\\d+}", self.decide)
        route.add_post("/studio/groups/{id:\\d+}/new", self.new_intent)
        route.add_post("/studio/decisions/{id:\\d+}/undo", self.undo)
        route.add_get("/studio/intents", self.intents)
        route.add_get("/studio/training", self.training)
        route.add_get("/studio/training/progress", self.progress)
        route.add_post("/studio/training", self.start)
        route.add_post("/studio/runs/{id:\\d+}/cancel", self.cancel)
        route.add_get("/studio/runs/{id:\\d+}", self.run)
        route.add_get("/studio/models", self.models)
        route.add_post("/studio/models/promote", self.promote)
        route.add_post("/studio/models/rollback", self.rollback)

    # --- inbox ----------------------------------------------------------------------------------------------

    @needs(Right.TRAIN)
    async def inbox(self, request: web.Request) -> web.Response:
        return await self._inbox_page("studio/inbox.html", request)

    @needs(Right.TRAIN)
    async def decide(self, request: web.Request) -> web.Response:
        form = await request.post()
        word, intent = str(form.get("verdict", "")), str(form.get("intent", "")).strip()
        if word not in set(Verdict):
            raise web.HTTPBadRequest
        verdict, problem = Verdict(word), None
        if verdict is Verdict.INTENT and intent not in await asyncio.to_thread(self._files.intents):
            problem = "unknown_intent"
        else:
            problem = await self._decided(request, verdict, intent)
        return await self._inbox_page("studio/groups.html", request, problem=problem)

    @needs(Right.TRAIN)
    async def new_intent(self, request: web.Request) -> web.Response:
        form = await request.post()
        name = str(form.get("name", "")).strip()
        answers = {language: str(form.get(language, "")) for language in ("ru", "en")}
        try:
            await asyncio.to_thread(self._files.new_intent, name, answers)
        except (Refused, ChangedMeanwhile) as why:
            problem: str | None = str(why) if isinstance(why, Refused) else "changed_meanwhile"
        else:
            problem = await self._decided(request, Verdict.INTENT, name)
        return await self._inbox_page("studio/groups.html", request, problem=problem)

    @needs(Right.TRAIN)
    async def undo(self, request: web.Request) -> web.Response:
        problem = None
        try:
            async with self._db.write() as session:
                await self._inbox.undo(session, int(request.match_info["id"]), request[LOG_IN].staff)
        except Unknown:
            problem = "gone"
        return await self._inbox_page("studio/groups.html", request, problem=problem)

    async def _decided(self, request: web.Request, verdict: Verdict, intent: str) -> str | None:
        """Decide about the group that the address names; a problem's key when it is gone."""
        if verdict is Verdict.INTENT and intent == OUT_OF_SCOPE:
            verdict = Verdict.OUT_OF_SCOPE
        try:
            async with self._db.write() as session:
                group = int(request.match_info["id"])
                await self._inbox.decide(session, group, verdict, intent, request[LOG_IN].staff)
        except Unknown:
            return "gone"
        return None

    async def _inbox_page(
        self, template: str, request: web.Request, problem: str | None = None
    ) -> web.Response:
        measuring = request.query.get("measuring") == "1"
        async with self._db.read() as session:
            values = {
                "groups": await self._inbox.groups(session, limit=SHOWN, measuring=measuring),
                "waiting": await self._inbox.waiting(session),
                "decisions": await self._inbox.decisions(session),
            }
        known = await asyncio.to_thread(self._files.intents)
        values |= {"known": sorted(known), "measuring": measuring, "problem": problem}
        return self._page(template, request, "inbox", values)

    # --- intents --------------------------------------------------------------------------------------------

    @needs(Right.TRAIN)
    async def intents(self, request: web.Request) -> web.Response:
        async with self._db.read() as session:
            query = select(Run).where(Run.comparison.is_not(None)).order_by(Run.id.desc()).limit(1)
            last = await session.scalar(query)
        examples = await asyncio.to_thread(self._files.examples)
        known = await asyncio.to_thread(self._files.intents)
        values = {
            "facts": overview([*known, OUT_OF_SCOPE], examples, last.comparison if last else None),
            "problems": await asyncio.to_thread(problems, examples),
            "least": LEAST,
        }
        return self._page("studio/intents.html", request, "intents", values)

    # --- training -------------------------------------------------------------------------------------------

    @needs(Right.TRAIN)
    async def training(self, request: web.Request) -> web.Response:
        return await self._training(request)

    async def _training(self, request: web.Request, problem: str | None = None) -> web.Response:
        await self._runs.look_after()
        async with self._db.read() as session:
            now, runs = await running(session), await self._runs.newest(session)
        return self._page(
            "studio/training.html", request, "training",
            {"now": now, "runs": runs, "problem": problem, "left": self._left(now, runs)},
        )  # fmt: skip

    @needs(Right.TRAIN)
    async def progress(self, request: web.Request) -> web.Response:
        """The bar alone; when the run has ended, the page goes to its result."""
        await self._runs.look_after()
        async with self._db.read() as session:
            now, runs = await running(session), await self._runs.newest(session)
        if now is None:
            target = f"/studio/runs/{runs[0].id}" if runs else "/studio/training"
            return web.Response(status=204, headers={"HX-Redirect": target})
        return self._page(
            "studio/progress.html", request, "training", {"now": now, "left": self._left(now, runs)}
        )

    def _left(self, now: Run | None, runs: list[Run]) -> int | None:
        """Seconds that are likely left, by the last run that ended well; None when nobody knows."""
        known = [one for one in runs if one.state is RunState.DONE and one.ended_at]
        if now is None or not known or known[0].ended_at is None:
            return None
        usual = (known[0].ended_at - known[0].began_at).total_seconds()
        spent = (self._clock.now() - now.began_at).total_seconds()
        return max(1, round(usual - spent))

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
        return await self._run(request, int(request.match_info["id"]))

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
        }
        return self._page("studio/run.html", request, "training", values, status)

    # --- models ---------------------------------------------------------------------------------------------

    @needs(Right.TRAIN)
    async def models(self, request: web.Request) -> web.Response:
        return await self._models(request)

    async def _models(self, request: web.Request, problem: str | None = None) -> web.Response:
        async with self._db.read() as session:
            promotions = await session.scalars(select(Promotion).order_by(Promotion.id.desc()).limit(20))
            runs = await session.execute(select(Run.model, Run.id).where(Run.model.is_not(None)))
            values: dict[str, Any] = {
                "promotions": list(promotions),
                "run_of": {row[0]: row[1] for row in runs},
            }
        live = self._registry.live_model()
        values |= {
            "models": self._registry.models(),
            "live": live.file if live else None,
            "before": self._registry.before(),
            "engine": engine_version(),
            "problem": problem,
        }
        return self._page("studio/models.html", request, "models", values, 422 if problem else 200)

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

    def _page(
        self, template: str, request: web.Request, tab: str, values: dict[str, Any], status: int = 200
    ) -> web.Response:
        language = request[LOG_IN].staff.language

        def words(key: str, **given: Any) -> str:
            return texts(key, language, **given)

        def stage(name: str) -> str:
            return texts.find(f"stage.{name}", language) or texts("stage.other", language, stage=name)

        def called(intent: str) -> str:
            return titles.find(f"ask.{intent}", language) or intent

        shared = {"s": words, "stage": stage, "called": called, "tab": tab}
        return staff_page(template, request, shared | values, status=status)
