"""A range of customers: find signals, decide about each once, store both.

What is read and computed happens outside of any transaction; what is written goes in small ones. A run that
dies is run again: what is stored stays, by the keys of the tables, and nothing is decided twice.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, and_, bindparam, or_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.cases import (
    ASKED,
    NO_TIME,
    UNREACHED,
    Case,
    looked_at_again,
    new_cases,
    open_cases,
)
from bot.proactive.facts import History, facts_of, history_of
from bot.proactive.policy import Allows, Decision, Facts, decide, spread_over
from bot.proactive.rules import Limits, Rule
from bot.proactive.signals.all import predictors
from bot.proactive.signals.background import background
from bot.proactive.signals.base import Chosen, Predictor, Question, Range, Signal
from bot.proactive.tables import DecisionRow, SignalRow, Verdict
from core.db import Database, UtcDateTime, on_sqlite

WRITTEN = 400  # rows in one statement, and two statements in one transaction
OVERLAP = timedelta(minutes=5)  # of what time brought: clocks of processes may differ


@dataclass(frozen=True, slots=True)
class World:
    """All that does not depend on the customer."""

    rules: Sequence[Rule]
    limits: Limits
    allows: Allows
    channels: frozenset[str]
    predictors: dict[str, Predictor]


@dataclass(slots=True)
class Counted:
    """What a run did."""

    signals: int = 0
    decided: dict[str, int] = field(default_factory=dict)  # verdict and reason → decisions

    def add(self, decision: Decision) -> None:
        name = (
            decision.verdict.value
            if decision.verdict is Verdict.SEND
            else f"{decision.verdict}:{decision.why}"
        )
        self.decided[name] = self.decided.get(name, 0) + 1

    def merge(self, other: "Counted") -> None:
        self.signals += other.signals
        for name, count in other.decided.items():
            self.decided[name] = self.decided.get(name, 0) + count


async def world_of(
    db: Database, rules: Sequence[Rule], limits: Limits, allows: Allows, channels: Collection[str],
    models: Path, now: datetime,
) -> World:  # fmt: skip
    """Everything that a run needs besides the customers."""
    known = await background(db, now)
    return World(rules, limits, allows, frozenset(channels), predictors(known, models))


async def run_range(db: Database, world: World, customers: Range, now: datetime) -> Counted:
    """Find, decide and store for all customers of a range."""
    counted = Counted()
    await _find(db, world, questions(world.rules, customers, now), now, counted)
    async with db.read() as session:
        cases = await open_cases(session, world.rules, customers, now)
    await _decide(db, world, cases, now, counted)
    return counted


async def run_changed(
    db: Database, world: World, customers: Range, changed: Sequence[int], since: datetime, now: datetime
) -> Counted:
    """The same for what is new in a range since it was looked at, with the same rules, models and day.

    Args:
        changed: customers whose data changed; they are asked about in full.
    """
    counted = Counted()
    some = [Chosen(tuple(changed[start : start + ASKED])) for start in range(0, len(changed), ASKED)]
    found_after, since = min(since, now - timedelta(microseconds=1)), since - OVERLAP
    for chosen in some:
        await _find(db, world, questions(world.rules, chosen, now), now, counted)
    await _find(db, world, questions(world.rules, customers, now, since), now, counted)
    cases: dict[tuple[str, int], Case] = {}
    async with db.read() as session:
        found = [
            *(await new_cases(session, world.rules, customers, now, SignalRow.found_at > found_after)),
            *(await looked_at_again(session, world.rules, customers, now)),
        ]
        for chosen in some:
            found += await new_cases(session, world.rules, chosen, now)
    for case in found:
        cases[case.rule.name, case.signal_id] = case
    await _decide(db, world, list(cases.values()), now, counted)
    return counted


async def _find(
    db: Database, world: World, asked: Sequence[tuple[str, Question]], now: datetime, counted: Counted
) -> None:
    for kind, question in asked:
        async with db.read() as session:
            found = await world.predictors[kind].signals(session, question)
        counted.signals += len(found)
        await store_signals(db, found, now)


async def _decide(db: Database, world: World, cases: Sequence[Case], now: datetime, counted: Counted) -> None:
    ids = {case.signal.customer_id for case in cases}
    async with db.read() as session:
        known = await _histories(session, ids, now)
        facts = await facts_of(session, ids, now, world.channels, known)
    decided = list(decide_all(world, cases, facts, known, now, counted))
    for start in range(0, len(decided), WRITTEN):
        await _store(db, decided[start : start + WRITTEN], now)


def questions(
    rules: Sequence[Rule], customers: Range | Chosen, now: datetime, since: datetime | None = None
) -> list[tuple[str, Question]]:
    """What to ask each predictor: one question for all rules that use it."""
    asked = []
    for kind in dict.fromkeys(rule.predictor for rule in rules):
        mine = [rule for rule in rules if rule.predictor == kind]
        asked.append(
            (
                kind,
                Question(
                    now,
                    customers,
                    max(rule.horizon for rule in mine),
                    max(NO_TIME, *(rule.expires for rule in mine)),
                    min(rule.threshold for rule in mine),
                    since=since,
                ),
            )
        )
    return asked


def decide_all(
    world: World,
    cases: Sequence[Case],
    facts: dict[int, Facts],
    known: History,
    now: datetime,
    counted: Counted,
) -> list[tuple[Case, Decision]]:
    """Decide about everything, the most urgent rule first: what it sends counts for the caps of the next."""
    decided = []
    order = sorted(cases, key=lambda case: (case.rule.priority, case.signal.expected_at, case.signal.subject))
    for case in order:
        customer_id = case.signal.customer_id
        about = facts.get(customer_id)
        if about is None:
            continue
        about = replace(
            about,
            sent=tuple(known.sent.get(customer_id, ())),
            subjects=frozenset(known.subjects.get(customer_id, ())),
        )
        profiles = world.predictors[case.rule.predictor].profiles
        made = decide(about, case.rule, case.signal, now, world.limits, world.allows, profiles=profiles)
        if made.verdict is Verdict.SEND:
            at = now + spread_over(case.rule.spread, case.signal.subject)
            made = replace(made, until=at)
            known.remember(customer_id, case.signal.subject, at)
        elif made.verdict is Verdict.HOLDOUT:
            known.remember(customer_id, case.signal.subject, None)
        counted.add(made)
        decided.append((case, made))
    return decided


async def store_signals(db: Database, found: Sequence[Signal], now: datetime) -> None:
    """Keep signals; those that are there already stay as they are."""
    table: Table = SignalRow.__table__  # type: ignore[assignment]
    for start in range(0, len(found), WRITTEN):
        rows = [
            {
                "kind": one.kind,
                "subject": one.subject[:128],
                "expected_at": one.expected_at,
                "customer_id": one.customer_id,
                "probability": one.probability,
                "reason": {"code": one.reason, **one.words},
                "model": one.model,
                "found_at": now,
            }
            for one in found[start : start + WRITTEN]
        ]
        async with db.write() as session:
            await session.execute(_ignoring(session, table), rows)


def _ignoring(session: AsyncSession, table: Table) -> Any:
    insert = sqlite.insert if on_sqlite(session) else postgresql.insert
    return insert(table).on_conflict_do_nothing()


async def _histories(session: AsyncSession, ids: Collection[int], now: datetime) -> History:
    whole, ordered = History(), sorted(ids)
    for start in range(0, len(ordered), 2000):
        part = await history_of(session, ordered[start : start + 2000], now)
        whole.sent.update(part.sent)
        whole.subjects.update(part.subjects)
    return whole


async def _store(db: Database, decided: Sequence[tuple[Case, Decision]], now: datetime) -> None:
    table: Table = DecisionRow.__table__  # type: ignore[assignment]
    fresh = [_row(case, made, now) for case, made in decided if case.row is None]
    again = [
        {
            "of": case.row,
            "new_verdict": made.verdict,
            "new_why": made.why,
            "new_channel": made.channel,
            "new_until": made.until,
            "new_inputs": made.inputs,
            "at": now,
        }
        for case, made in decided
        if case.row is not None
    ]
    async with db.write() as session:
        if fresh:
            await session.execute(_ignoring(session, table), fresh)
        if again:
            await session.execute(_AGAIN, again)


def _row(case: Case, made: Decision, now: datetime) -> dict[str, Any]:
    return {
        "rule": case.rule.name,
        "signal_id": case.signal_id,
        "customer_id": case.signal.customer_id,
        "subject": case.signal.subject,
        "verdict": made.verdict,
        "why": made.why,
        "channel": made.channel,
        "until": made.until,
        "inputs": made.inputs,
        "looks": 1,
        "decided_at": now,
    }


_TABLE: Any = DecisionRow.__table__
_AGAIN = (
    update(_TABLE)
    .where(
        _TABLE.c.id == bindparam("of"),
        or_(
            _TABLE.c.verdict == Verdict.WAIT,
            and_(
                _TABLE.c.verdict == Verdict.SUPPRESSED,
                or_(*(_TABLE.c.why == why for why in UNREACHED)),  # an IN cannot be executed for many rows
            ),
        ),
    )
    .values(
        verdict=bindparam("new_verdict"),
        why=bindparam("new_why"),
        channel=bindparam("new_channel"),
        until=bindparam("new_until", type_=UtcDateTime()),
        inputs=bindparam("new_inputs"),
        decided_at=bindparam("at", type_=UtcDateTime()),
        looks=_TABLE.c.looks + 1,
    )
)
