"""What came of it: those who were written to against those who were kept back by lot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.book import RuleBook
from bot.proactive.outcomes import Happenings, outcome_of
from bot.proactive.rules import Rule
from bot.proactive.statistics import Estimate, difference, share
from bot.proactive.tables import DecisionRow, OutcomeRow, RuleState, SignalRow, Verdict
from core import logs
from core.clock import Clock
from core.db import Database
from core.figures import figure
from core.texts import DEFAULT_LANGUAGE
from crm_bridge.sql import insert_if_absent

log = logs.get("proactive")

AT_ONCE = 1000
LEAST_MESSAGES = 50  # before a rule may be paused for what it does
TOLERABLE = 0.02  # of the messages may annoy somebody, whatever they bring
BY = "zabota"  # who paused a rule, when nobody did


@dataclass(frozen=True, slots=True)
class Effect:
    """The figures of one rule."""

    rule: str
    messages: int
    holdout: int
    measured: int  # of the messages, those whose time to have an effect is over
    measured_holdout: int
    avoided: Estimate | None  # of what the rule is to avoid, in 100 messages
    complaints: Estimate | None  # differences in 100 messages, treated minus hold-out
    cancellations: Estimate | None
    purchases: Estimate | None
    opt_outs: Estimate | None
    rating: tuple[float | None, float | None]  # treated, hold-out
    precision: Estimate | None  # of the prediction: how often it was right

    @property
    def annoys(self) -> bool:
        """More certain to annoy than to help."""
        if self.measured < LEAST_MESSAGES or self.opt_outs is None:
            return False
        helped = self.avoided.value if self.avoided else 0.0
        return self.opt_outs.low > TOLERABLE * 100 and self.opt_outs.value > max(helped, 0.0)


class Evaluation:
    """Outcomes, and what follows from them."""

    def __init__(self, db: Database, clock: Clock, book: RuleBook) -> None:
        self._db = db
        self._clock = clock
        self._book = book

    async def measure(self) -> int:
        """Write down the outcome of every decision whose time is over; how many."""
        async with self._db.read() as session:
            rules = [kept.rule for kept in await self._book.all(session) if kept.rule]
        return sum([await self._measure(rule) for rule in rules])

    async def _measure(self, rule: Rule) -> int:
        now, done = self._clock.now(), 0
        while rows := await self._ripe(rule, now):
            async with self._db.read() as session:
                happened = await Happenings.read(session, rows, rule.outcome.within)
            async with self._db.write() as session:
                for decision, signal in rows:
                    found = outcome_of(happened, decision, signal, rule.outcome.within)
                    await insert_if_absent(
                        session, OutcomeRow, {**found, "rule": rule.name, "measured_at": now}
                    )
            done += len(rows)
        return done

    async def _ripe(self, rule: Rule, now: datetime) -> Sequence[Any]:
        began = func.coalesce(DecisionRow.sent_at, DecisionRow.decided_at)
        query = (
            select(DecisionRow, SignalRow)
            .join(SignalRow, SignalRow.id == DecisionRow.signal_id)
            .outerjoin(OutcomeRow, OutcomeRow.decision_id == DecisionRow.id)
            .where(
                DecisionRow.rule == rule.name,
                (DecisionRow.verdict == Verdict.HOLDOUT) | DecisionRow.sent_at.is_not(None),
                began <= now - rule.outcome.within,
                OutcomeRow.decision_id.is_(None),
            )
            .order_by(DecisionRow.id)
            .limit(AT_ONCE)
        )
        async with self._db.read() as session:
            return (await session.execute(query)).all()

    async def effects(self) -> list[Effect]:
        """The figures of every rule."""
        async with self._db.read() as session:
            kept = await self._book.all(session)
            return [await effect(session, each.name, each.rule) for each in kept]

    async def pause_what_annoys(self) -> list[str]:
        """Pause live rules that annoy more than they help, and say so in their history; their names."""
        async with self._db.write() as session:
            paused = []
            for rule in await self._book.live(session):
                found = await effect(session, rule.name, rule)
                if rule.must_send or not found.annoys:
                    continue
                why = in_words(found, DEFAULT_LANGUAGE)
                await self._book.move(session, rule.name, RuleState.PAUSED, BY, why)
                log.warning("a rule annoys more than it helps and is paused", rule=rule.name, why=why)
                paused.append(rule.name)
        return paused


def in_words(found: Effect, language: str) -> str:
    """Why a rule is paused."""
    from bot.proactive.compose import texts

    outs = found.opt_outs.value if found.opt_outs else 0.0
    helped = found.avoided.value if found.avoided else 0.0
    return texts(
        "paused.annoys",
        language,
        outs=figure(outs, language),
        helped=figure(helped, language),
        n=found.measured,
    )


async def effect(session: AsyncSession, name: str, rule: Rule | None) -> Effect:
    """The figures of one rule."""
    sent = func.sum(case((DecisionRow.sent_at.is_not(None), 1), else_=0))
    kept = func.sum(case((DecisionRow.verdict == Verdict.HOLDOUT, 1), else_=0))
    totals = (await session.execute(select(sent, kept).where(DecisionRow.rule == name))).one()
    flags = ("contacted", "complained", "cancelled", "bought", "opted_out")
    sums = [func.sum(case((getattr(OutcomeRow, flag), 1), else_=0)) for flag in flags]
    query = (
        select(OutcomeRow.treated, func.count(), func.avg(OutcomeRow.rating), *sums)
        .where(OutcomeRow.rule == name)
        .group_by(OutcomeRow.treated)
    )
    groups = {row[0]: row for row in await session.execute(query)}
    n, yes, stars = _group(groups.get(True), flags)
    n_kept, yes_kept, stars_kept = _group(groups.get(False), flags)

    def differs(flag: str) -> Estimate | None:
        found = difference(yes[flag], n, yes_kept[flag], n_kept)
        return found.times(100) if found else None

    outs = differs("opted_out") or _per_hundred(yes["opted_out"], n)
    return Effect(
        rule=name,
        messages=int(totals[0] or 0),
        holdout=int(totals[1] or 0),
        measured=n,
        measured_holdout=n_kept,
        avoided=_avoided(rule, differs),
        complaints=differs("complained"),
        cancellations=differs("cancelled"),
        purchases=differs("bought"),
        opt_outs=outs,
        rating=(stars, stars_kept),
        precision=await _predicted(session, name),
    )


def _group(row: Any, flags: Sequence[str]) -> tuple[int, dict[str, int], float | None]:
    if row is None:
        return 0, dict.fromkeys(flags, 0), None
    return row[1], {flag: int(row[3 + n] or 0) for n, flag in enumerate(flags)}, row[2]


def _per_hundred(yes: int, n: int) -> Estimate | None:
    """Without anybody to compare with: as many as there were."""
    found = share(yes, n)
    return found.times(100) if found else None


def _avoided(rule: Rule | None, differs: Any) -> Estimate | None:
    """Hold-out minus treated: what did not have to happen."""
    measure = rule.outcome.measure if rule else "contact"
    flag = {
        "contact": "contacted",
        "complaint": "complained",
        "cancellation": "cancelled",
        "no_purchase": "bought",
    }[measure]
    found: Estimate | None = differs(flag)
    if found is None:
        return None
    return found if measure == "no_purchase" else found.times(-1)


async def _predicted(session: AsyncSession, name: str) -> Estimate | None:
    """How often it came as predicted. A message changes what customers do, seldom what a parcel does."""
    right = func.sum(case((OutcomeRow.happened.is_(True), 1), else_=0))
    query = select(func.count(), right).where(OutcomeRow.rule == name, OutcomeRow.happened.is_not(None))
    n, yes = (await session.execute(query)).one()
    return share(int(yes or 0), int(n))
