"""Which model answers: shadow, canary, promotion, rollback, and the engines that follow.

The registry says what is live, the open trial what is tried beside it; every gateway sees to it that the
engines serve that. So a promotion is one renamed file, survives whatever dies in the middle, and reaches
engines that were away.
"""

import asyncio
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.gateway.engine import EngineAway, EngineClient, EngineRefused, Serving
from bot.gateway.tables import Inbox as Arrived
from bot.registry import Model, Registry, TamperedModel, UnknownModel, engine_version
from bot.studio.gate import Outcome
from bot.studio.guard import Breach
from bot.studio.tables import Ending, Promotion, Run, Trial, TrialStage
from bot.web.staff.accounts import Staff
from core import logs
from core.audit import Audit
from core.clock import Clock
from core.db import Database

log = logs.get("studio")
EVERY = timedelta(seconds=1)
SHORTEST_REASON = 10  # characters
LARGEST_SHARE = 50  # percent of the conversations for a canary: beyond that it is no trial any more


class NeedsReason(Exception):
    """The gate found the model worse, or nobody compared it: an administrator must write down why."""


class Rollout:
    """Brings models to customers, stage by stage, and back."""

    def __init__(self, clock: Clock, registry: Registry) -> None:
        self._clock = clock
        self._registry = registry
        self._audit = Audit(clock)

    async def shadow(self, session: AsyncSession, file: str, staff: Staff | None) -> Trial:
        """Have a model classify what customers write, without any effect. Any model may: nobody notices.

        Raises:
            UnknownModel, TamperedModel
        """
        return await self._try(session, file, TrialStage.SHADOW, 0, staff)

    async def canary(
        self, session: AsyncSession, file: str, share: int, staff: Staff | None, reason: str = ""
    ) -> Trial:
        """Have a model answer a share of the conversations, in percent.

        Raises:
            ValueError: no such share.
            NeedsReason, UnknownModel, TamperedModel
        """
        if not 1 <= share <= LARGEST_SHARE:
            raise ValueError(share)
        reason, allowed = reason.strip(), await self._passed(session, file)
        if not allowed and len(reason) < SHORTEST_REASON:
            raise NeedsReason(file)
        trial = await self._try(session, file, TrialStage.CANARY, share, staff)
        if not allowed:
            await self._noted(session, staff, "gate overridden", file, reason=reason)
        return trial

    async def promote(
        self, session: AsyncSession, file: str, staff: Staff | None, reason: str = ""
    ) -> Promotion:
        """Make a model live; from now on the guard watches it.

        Raises:
            NeedsReason, UnknownModel, TamperedModel
        """
        reason = reason.strip()
        allowed = await self._passed(session, file)
        if not allowed and len(reason) < SHORTEST_REASON:
            raise NeedsReason(file)
        promotion = await self._switch(session, file, staff, reason, overridden=not allowed)
        if promotion.before is not None and promotion.before != file:
            session.add(self._trial(promotion.before, file, TrialStage.FULL, 100, staff))
            await session.flush()
        return promotion

    async def rollback(self, session: AsyncSession, staff: Staff | None) -> Promotion | None:
        """Bring back the model that was live before; None when there is none."""
        before = self._registry.before()
        if before is None:
            return None
        return await self._switch(session, before, staff, "rollback to the model before", overridden=True)

    async def stop(self, session: AsyncSession, staff: Staff | None) -> Trial | None:
        """End what is being tried: the live model is alone again. What is live already is watched no more."""
        trial = await opened(session)
        if trial is None:
            return None
        self._end(trial, Ending.STOPPED)
        await self._noted(session, staff, "trial stopped", trial.model)
        await session.flush()
        self._registry.hold(None)
        return trial

    async def give_back(self, session: AsyncSession, trial: Trial, why: Breach, words: str) -> None:
        """The guard's deed: a canary ends, a live model makes room for the one before it."""
        trial.reason, trial.breach = words, vars(why)
        if trial.stage is TrialStage.FULL:
            # Ends the trial too; what follows corrects how.
            await self._switch(session, trial.base, None, words, overridden=True)
        self._end(trial, Ending.RETURNED)
        await self._noted(session, None, "model returned", trial.model, actor="guard")
        await session.flush()
        if trial.stage is not TrialStage.FULL:
            self._registry.hold(None)

    async def settle(self, session: AsyncSession, trial: Trial, how: Ending) -> None:
        """End a trial that ran its course, or lost its ground."""
        self._end(trial, how)
        await session.flush()
        self._registry.hold(None)

    def stands(self, trial: Trial) -> bool:
        """Whether its models are there, and nobody changed what is live."""
        live = self._registry.live_model()
        expected = trial.model if trial.stage is TrialStage.FULL else trial.base
        known = {model.file: model.engine for model in self._registry.models()}
        return (
            live is not None
            and live.file == expected
            and known.get(trial.model) == engine_version()
            and trial.base in known
        )

    async def _try(
        self, session: AsyncSession, file: str, stage: TrialStage, share: int, staff: Staff | None
    ) -> Trial:
        model, live = self._registry.find(file), self._registry.live_model()
        if live is None or model.engine != engine_version() or file == live.file:
            raise UnknownModel(file)
        await asyncio.to_thread(self._registry.check, model)
        await self._end_open(session, file)
        trial = self._trial(live.file, file, stage, share, staff)
        trial.inbox_id = await session.scalar(select(func.max(Arrived.id))) or 0
        session.add(trial)
        await self._noted(session, staff, f"{stage} begun", file)
        await session.flush()
        self._registry.hold(file)
        return trial

    async def _switch(
        self, session: AsyncSession, file: str, staff: Staff | None, reason: str, *, overridden: bool
    ) -> Promotion:
        was = self._registry.live_model()
        promotion = Promotion(
            model=file,
            before=was.file if was else None,
            staff_id=staff.id if staff else None,
            at=self._clock.now(),
            reason=reason or None,
        )
        session.add(promotion)
        await self._end_open(session, file)
        await session.flush()
        await self._noted(session, staff, "model promoted", file, overridden=overridden)
        self._registry.promote(file)
        self._registry.hold(None)
        return promotion

    def _trial(self, base: str, file: str, stage: TrialStage, share: int, staff: Staff | None) -> Trial:
        return Trial(
            model=file, base=base, stage=stage, share=share, began_at=self._clock.now(),
            staff_id=staff.id if staff else None,
        )  # fmt: skip

    async def _end_open(self, session: AsyncSession, file: str) -> None:
        """The open trial ends: the same model goes on, or another one takes its place."""
        trial = await opened(session)
        if trial is not None:
            self._end(trial, Ending.NEXT if trial.model == file else Ending.REPLACED)

    def _end(self, trial: Trial, how: Ending) -> None:
        trial.ended_at, trial.outcome = self._clock.now(), how

    async def _noted(
        self,
        session: AsyncSession,
        staff: Staff | None,
        deed: str,
        file: str,
        *,
        actor: str = "cli",
        **details: bool | str,
    ) -> None:
        await self._audit.record(session, staff.actor if staff else actor, deed, f"model:{file}", **details)

    async def _passed(self, session: AsyncSession, file: str) -> bool:
        """Whether the gate lets it through, compared with what is live now. Raises: UnknownModel."""
        self._registry.find(file)
        live = self._registry.live_model()
        if live is None or live.engine != engine_version():
            return True
        run = await session.scalar(select(Run).where(Run.model == file).order_by(Run.id.desc()).limit(1))
        if run is None or run.comparison is None or run.live != live.file:
            return False
        return bool(run.comparison["outcome"] != Outcome.WORSE)


async def under_way(session: AsyncSession) -> Trial | None:
    """The trial that is under way."""
    found: Trial | None = await session.scalar(_OPEN)
    return found


async def opened(session: AsyncSession) -> Trial | None:
    """The same, locked: it ends once."""
    found: Trial | None = await session.scalar(_OPEN.with_for_update())
    return found


_OPEN = select(Trial).where(Trial.ended_at.is_(None)).order_by(Trial.id.desc()).limit(1)


class Keeper:
    """Has every engine serve the live model, and hold what is tried beside it."""

    def __init__(self, db: Database, clock: Clock, registry: Registry, engines: EngineClient) -> None:
        self._db = db
        self._clock = clock
        self._registry = registry
        self._engines = engines

    async def run(self) -> None:
        """Look every second, for ever."""
        while True:
            try:
                await self.look()
            except Exception as error:  # a broken registry must not end the watch
                log.error("the engines were not looked after", kind=type(error).__name__, exc_info=error)
            await self._clock.sleep_until(self._clock.now() + EVERY)

    async def look(self) -> list[str]:
        """Change what must be changed; the engines that were."""
        live = await asyncio.to_thread(self._registry.live_model)
        if live is None or live.engine != engine_version():
            return []
        tried, share = await self._tried(live)
        changed = []
        for engine, serving in (await self._engines.serving()).items():
            if serving is None:
                continue
            try:
                if await self._follow(engine, serving, live, tried, share):
                    changed.append(engine)
            except (EngineAway, EngineRefused, TamperedModel) as why:
                log.error(
                    "an engine did not take the model", model=live.file, why=f"{type(why).__name__}: {why}"
                )
        return changed

    async def _follow(
        self, engine: str, serving: Serving, live: Model, tried: Model | None, share: int
    ) -> bool:
        """Whether something had to be changed. The live model first: a candidate goes live as it is there."""
        changed, candidate = False, (serving.candidate, serving.share)
        if serving.model != live.file:
            archive = await asyncio.to_thread(self._registry.check, live)
            await self._engines.load(engine, str(archive), live.sha256)
            log.info("an engine serves another model", model=live.file, before=serving.model)
            changed, candidate = True, (None, 0) if serving.candidate == live.file else candidate
        if candidate != ((tried.file, share) if tried else (None, 0)):
            wanted = None
            if tried is not None:
                archive = await asyncio.to_thread(self._registry.check, tried)
                wanted = (str(archive), tried.sha256, share)
            await self._engines.try_out(engine, wanted)
            log.info("an engine tries another model", model=tried.file if tried else None, share=share)
            changed = True
        return changed

    async def _tried(self, live: Model) -> tuple[Model | None, int]:
        """The candidate that engines should hold, and its share in percent."""
        async with self._db.read() as session:
            query = select(Trial.model, Trial.share, Trial.base).where(
                Trial.ended_at.is_(None), Trial.stage != TrialStage.FULL
            )
            row = (await session.execute(query.order_by(Trial.id.desc()).limit(1))).first()
        if row is None or row.base != live.file:
            return None, 0
        known = {model.file: model for model in self._registry.models()}
        found = known.get(row.model)
        return (found, row.share) if found and found.engine == live.engine else (None, 0)
