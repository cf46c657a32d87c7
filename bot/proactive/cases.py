"""What there is to decide about: signals without a decision, and decisions that are looked at again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.rules import Rule
from bot.proactive.signals.base import Chosen, Range, Signal
from bot.proactive.tables import DecisionRow, SignalRow, Verdict
from crm_bridge.models import ContactPoint, Identity

UNREACHED = ("no_address", "window_closed")  # looked at again when the customer can be reached
ASKED = 2000  # rows in one question
NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True)
class Case:
    """A signal and a rule that is about it."""

    rule: Rule
    signal: Signal
    signal_id: int
    row: int | None = None  # of a decision that waited


async def open_cases(
    session: AsyncSession, rules: Sequence[Rule], customers: Range, now: datetime
) -> list[Case]:
    """Signals without a decision, and decisions that waited until now."""
    cases = []
    for rule in rules:
        query = (
            select(SignalRow, DecisionRow.id)
            .outerjoin(DecisionRow, _about(rule, customers))
            .where(
                customers(SignalRow.customer_id),
                SignalRow.kind == rule.predictor,
                SignalRow.expected_at >= _oldest(rule, now),
                or_(DecisionRow.id.is_(None), _waited(now), _reachable_since()),
            )
        )
        for row, decision_id in await session.execute(query):
            cases.append(Case(rule, signal_of(row), row.id, decision_id))
    return cases


async def new_cases(
    session: AsyncSession, rules: Sequence[Rule], customers: Range | Chosen, now: datetime, *more: Any
) -> list[Case]:
    """Signals without a decision. Two plain questions: one that joins is planned badly while tables grow."""
    query = select(SignalRow).where(
        customers(SignalRow.customer_id),
        SignalRow.kind.in_({rule.predictor for rule in rules}),
        SignalRow.expected_at >= min(_oldest(rule, now) for rule in rules),
        *more,
    )
    signals, decided = list(await session.scalars(query)), set[tuple[int, str]]()
    for start in range(0, len(signals), ASKED):
        ids = [row.id for row in signals[start : start + ASKED]]
        known = select(DecisionRow.signal_id, DecisionRow.rule).where(DecisionRow.signal_id.in_(ids))
        decided |= {(row[0], row[1]) for row in await session.execute(known)}
    return [
        Case(rule, signal_of(row), row.id)
        for rule in rules
        for row in signals
        if row.kind == rule.predictor
        and row.expected_at >= _oldest(rule, now)
        and (row.id, rule.name) not in decided
    ]


async def looked_at_again(
    session: AsyncSession, rules: Sequence[Rule], customers: Range, now: datetime
) -> list[Case]:
    """Decisions that waited until now, and those for want of an address that there may be by now."""
    named = {rule.name: rule for rule in rules}
    query = (
        select(DecisionRow.rule, DecisionRow.id, SignalRow)
        .join(SignalRow, SignalRow.id == DecisionRow.signal_id)
        .where(customers(DecisionRow.customer_id), DecisionRow.rule.in_(named))
    )
    cases = []
    for again in (_waited(now), _reachable_since()):
        for name, decision_id, row in await session.execute(query.where(again)):
            if row.kind == named[name].predictor and row.expected_at >= _oldest(named[name], now):
                cases.append(Case(named[name], signal_of(row), row.id, decision_id))
    return cases


def _about(rule: Rule, customers: Range | Chosen) -> ColumnElement[bool]:
    """A decision of a rule about a signal. That both are the customer's own goes without saying, but not for
    the planner, who would read all decisions there are."""
    return and_(
        DecisionRow.signal_id == SignalRow.id,
        DecisionRow.rule == rule.name,
        customers(DecisionRow.customer_id),
    )


def _oldest(rule: Rule, now: datetime) -> datetime:
    return now - max(rule.expires, NO_TIME) - timedelta(days=1)


def _waited(now: datetime) -> ColumnElement[bool]:
    return and_(DecisionRow.verdict == Verdict.WAIT, DecisionRow.until <= now)


def _reachable_since() -> ColumnElement[bool]:
    """There was no way to the customer, and now there may be one."""
    account = exists().where(
        Identity.customer_id == DecisionRow.customer_id,
        Identity.method.is_not(None),
        Identity.dead_at.is_(None),
    )
    contact = exists().where(
        ContactPoint.customer_id == DecisionRow.customer_id, ContactPoint.verified_at.is_not(None)
    )
    unreached = and_(DecisionRow.verdict == Verdict.SUPPRESSED, DecisionRow.why.in_(UNREACHED))
    return and_(unreached, or_(account, contact))


def signal_of(row: SignalRow) -> Signal:
    """A stored signal as it was found."""
    words = {key: value for key, value in row.reason.items() if key != "code"}
    return Signal(
        row.kind, row.customer_id, row.subject, row.expected_at, row.probability, row.reason["code"], words,
        row.model,
    )  # fmt: skip
