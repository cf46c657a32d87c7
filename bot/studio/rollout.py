"""Which model answers: promotion, rollback, and the engines that follow.

The registry says what is live; every gateway sees to it that the engines serve that model. So a promotion is
one renamed file, survives whatever dies in the middle, and reaches engines that were away.
"""

import asyncio
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.gateway.engine import EngineAway, EngineClient, EngineRefused
from bot.registry import Registry, TamperedModel, engine_version
from bot.studio.gate import Outcome
from bot.studio.tables import Promotion, Run
from bot.web.staff.accounts import Staff
from core import logs
from core.audit import Audit
from core.clock import Clock

log = logs.get("studio")
EVERY = timedelta(seconds=1)
SHORTEST_REASON = 10  # characters


class NeedsReason(Exception):
    """The gate found the model worse, or nobody compared it: an administrator must write down why."""


class Rollout:
    """Makes models live."""

    def __init__(self, clock: Clock, registry: Registry) -> None:
        self._clock = clock
        self._registry = registry
        self._audit = Audit(clock)

    async def promote(
        self, session: AsyncSession, file: str, staff: Staff | None, reason: str = ""
    ) -> Promotion:
        """Make a model live.

        Raises:
            NeedsReason, UnknownModel, TamperedModel
        """
        reason = reason.strip()
        allowed = await self._passed(session, file)
        if not allowed and len(reason) < SHORTEST_REASON:
            raise NeedsReason(file)
        was = self._registry.live_model()
        promotion = Promotion(
            model=file,
            before=was.file if was else None,
            staff_id=staff.id if staff else None,
            at=self._clock.now(),
            reason=reason or None,
        )
        session.add(promotion)
        await session.flush()
        actor = staff.actor if staff else "cli"
        await self._audit.record(session, actor, "model promoted", f"model:{file}", overridden=not allowed)
        self._registry.promote(file)
        return promotion

    async def rollback(self, session: AsyncSession, staff: Staff | None) -> Promotion | None:
        """Bring back the model that was live before; None when there is none."""
        before = self._registry.before()
        if before is None:
            return None
        return await self.promote(session, before, staff, "rollback to the model before")

    async def _passed(self, session: AsyncSession, file: str) -> bool:
        """Whether the gate lets it through, compared with what is live now."""
        live = self._registry.live_model()
        if live is None or live.engine != engine_version():
            return True
        run = await session.scalar(select(Run).where(Run.model == file).order_by(Run.id.desc()).limit(1))
        if run is None or run.comparison is None or run.live != live.file:
            return False
        return bool(run.comparison["outcome"] != Outcome.WORSE)


class Keeper:
    """Has every engine serve the live model."""

    def __init__(self, clock: Clock, registry: Registry, engines: EngineClient) -> None:
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
        changed = []
        for engine, model in (await self._engines.models()).items():
            if model is None or model == live.file:
                continue
            try:
                archive = await asyncio.to_thread(self._registry.check, live)
                await self._engines.load(engine, str(archive), live.sha256)
            except (EngineAway, EngineRefused, TamperedModel) as why:
                log.error(
                    "an engine did not take the model", model=live.file, why=f"{type(why).__name__}: {why}"
                )
                continue
            log.info("an engine serves another model", model=live.file, before=model)
            changed.append(engine)
        return changed
