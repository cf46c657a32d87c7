"""How good the predictions turned out to be, by predictor: over all rules that use it.

Only what can be known counts: whether the parcel was late, whether the thing was bought again, whether its
customer bought nothing. A message changes what customers do, seldom what a parcel does; where a prediction is
about the customer, the figures of those kept back alone would be the purer ones, but too few.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import case, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.statistics import Estimate, share
from bot.proactive.tables import DecisionRow, OutcomeRow, SignalRow
from crm_bridge.models import Order, OrderState

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions of about the same probability."""

    predicted: float  # their mean
    happened: Estimate  # the share that came true
    cases: int


@dataclass(frozen=True, slots=True)
class Quality:
    """What became of the predictions of one predictor."""

    kind: str
    cases: int
    precision: Estimate  # of what was predicted: how much happened
    recall: Estimate | None  # of what happened: how much was predicted before; None where nobody can count it
    bins: Sequence[Bin]


async def qualities(session: AsyncSession) -> list[Quality]:
    """Every predictor whose predictions could be checked."""
    yes = func.sum(case((OutcomeRow.happened.is_(True), 1), else_=0))
    of = func.least if session.get_bind().dialect.name == "postgresql" else func.min
    number = of(func.floor(SignalRow.probability * BINS), BINS - 1)
    query = (
        select(SignalRow.kind, number, func.count(), func.avg(SignalRow.probability), yes)
        .join(DecisionRow, DecisionRow.signal_id == SignalRow.id)
        .join(OutcomeRow, OutcomeRow.decision_id == DecisionRow.id)
        .where(OutcomeRow.happened.is_not(None))
        .group_by(SignalRow.kind, number)
        .order_by(SignalRow.kind, number)
    )
    counted: dict[str, list[tuple[int, float, int]]] = defaultdict(list)
    for kind, _, n, predicted, happened in await session.execute(query):
        counted[kind].append((int(n), float(predicted), int(happened)))
    return [await _quality(session, kind, rows) for kind, rows in counted.items()]


async def _quality(session: AsyncSession, kind: str, rows: Sequence[tuple[int, float, int]]) -> Quality:
    cases = sum(n for n, _, _ in rows)
    bins = [Bin(p, found, n) for n, p, yes in rows if (found := share(yes, n))]
    right = share(sum(yes for _, _, yes in rows), cases)
    if right is None:
        raise ValueError("a predictor without cases")
    recall = await _late_foreseen(session) if kind == "late_delivery" else None
    return Quality(kind, cases, right, recall, bins)


async def _late_foreseen(session: AsyncSession) -> Estimate | None:
    """Of the orders that came late since predictions are made, those that we said it of before the time."""
    late = SignalRow.kind == "late_delivery"
    began = select(func.min(SignalRow.found_at)).where(late).scalar_subquery()
    foreseen = exists().where(
        late,
        SignalRow.subject == "order:" + Order.number,
        SignalRow.customer_id == Order.customer_id,
        SignalRow.found_at < Order.promised_at,
    )
    query = select(func.count(), func.sum(case((foreseen, 1), else_=0))).where(
        Order.promised_at > began, Order.delivered_at > Order.promised_at, Order.state != OrderState.CANCELLED
    )
    n, yes = (await session.execute(query)).one()
    return share(int(yes or 0), int(n))
