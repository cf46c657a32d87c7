"""Watches models on live traffic: counts their turns, feeds the shadow, and takes back what does worse."""

from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.gateway.engine import EngineClient
from bot.registry import Registry
from bot.studio import guard
from bot.studio.guard import Figures
from bot.studio.rollout import Rollout, opened, under_way
from bot.studio.shadow import BATCH as SHADOWED
from bot.studio.shadow import Shadow
from bot.studio.tables import Ending, Trial, TrialStage
from bot.studio.tallies import BATCH, Tallies, figures_of
from core import logs
from core.clock import Clock
from core.db import Database
from core.texts import Texts

log = logs.get("studio")
EVERY = timedelta(seconds=5)
WATCHED = timedelta(hours=24)  # of a model that went live
REMEMBERED = timedelta(days=7)  # of the model before it, for comparison
BAND = {  # what may differ, for the page; in percent, and times
    "fallback": guard.FALLBACK_BAND * 100,
    "escalation": guard.ESCALATION_BAND * 100,
    "error": guard.ERROR_BAND * 100,
    "slow": guard.LATENCY_TIMES,
}


class Watch:
    """The guard at work."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        registry: Registry,
        engines: EngineClient,
        texts: Texts,
        language: str,
    ) -> None:
        """`texts`, `language`: the words in which a reason is kept."""
        self._db = db
        self._clock = clock
        self._registry = registry
        self._rollout = Rollout(clock, registry)
        self._tallies = Tallies(db, clock)
        self._shadow = Shadow(db, clock, engines)
        self._texts = texts
        self._language = language

    async def run(self) -> None:
        """Look every few seconds, for ever."""
        while True:
            try:
                await self.look()
            except Exception as error:  # one look that fails must not end the watch
                log.error("models were not watched", kind=type(error).__name__, exc_info=error)
            await self._clock.sleep_until(self._clock.now() + EVERY)

    async def look(self) -> None:
        """Count what is new, and judge."""
        live = self._registry.live_model()
        while await self._tallies.look(live.file if live else None) == BATCH:
            pass
        while await self._shadow.look() == SHADOWED:
            pass
        async with self._db.read() as session:
            trial = await under_way(session)
        if trial is not None:
            await self._judge(trial.id)

    async def _judge(self, trial_id: int) -> None:
        async with self._db.write() as session:
            trial = await opened(session)
            if trial is None or trial.id != trial_id:
                return
            if not self._rollout.stands(trial):
                await self._rollout.settle(session, trial, Ending.REPLACED)
                return
            if trial.stage is TrialStage.SHADOW:
                return
            before, new = await compared(session, trial)
            if why := guard.breach(before, new):
                words = self._texts(f"guard.{why.figure}", self._language, **why.shown)
                log.warning("a model was taken back", model=trial.model, figure=why.figure, **why.shown)
                await self._rollout.give_back(session, trial, why, words)
            elif trial.stage is TrialStage.FULL and self._clock.now() - trial.began_at > WATCHED:
                await self._rollout.settle(session, trial, Ending.KEPT)


async def compared(session: AsyncSession, trial: Trial) -> tuple[Figures, Figures]:
    """The figures that a trial is judged by: of the model before, and of the new one.

    A canary is compared with what the live model does meanwhile, a model that went live with the one before
    it in the week before.
    """
    new = await figures_of(session, trial.model, trial.began_at, trial.ended_at)
    if trial.stage is TrialStage.FULL:
        before = await figures_of(session, trial.base, trial.began_at - REMEMBERED, trial.began_at)
    else:
        before = await figures_of(session, trial.base, trial.began_at, trial.ended_at)
    return before, new


async def described(session: AsyncSession, trial: Trial) -> dict[str, Any]:
    """A trial with the figures that it is judged by."""
    before, new = await compared(session, trial)
    return {
        "row": trial,
        "before": before.as_json(),
        "new": new.as_json(),
        "enough": guard.enough(before, new),
        "least": guard.LEAST_TURNS,
        "band": BAND,
    }


def trial_as_json(trial: dict[str, Any]) -> dict[str, Any]:
    """What `described` says, for scripts."""
    row: Trial = trial["row"]
    return {
        "trial": row.id, "stage": row.stage, "share": row.share, "model": row.model, "base": row.base,
        "began_at": row.began_at.isoformat(), "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        "outcome": row.outcome, "reason": row.reason, "before": trial["before"], "new": trial["new"],
        "shadow": {
            "scored": row.scored, "agreed": row.agreed,
            "rejected_live": row.rejected_live, "rejected_new": row.rejected_new,
        },
    }  # fmt: skip
