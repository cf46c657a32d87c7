"""Learning from the company's own history: orders that arrived, customers who stayed or left.

Cases are taken as they looked at a past moment, in the order of time. The oldest four fifths teach and
calibrate a model that is judged by the newest fifth, beside the stated rule. If it is nearer to the truth,
one that learned from everything goes to work. If not, or if the history is thin, the stated rule goes on.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.learning import churn, delivery
from bot.proactive.learning.logistic import Logistic, ThinHistory, train
from bot.proactive.learning.payment import DECLINES_SINCE, LEAST_CHARGES, PaymentModel, wrong_with
from bot.proactive.signals.background import Background, background
from bot.proactive.signals.base import DAY, epoch
from bot.proactive.signals.moods import moods_before
from core import logs
from core.db import Database
from crm_bridge.models import (
    Checkpoint,
    Order,
    OrderState,
    Payment,
    PaymentState,
    Review,
    SavedMethod,
    Shipment,
    Ticket,
    TicketKind,
)

log = logs.get("proactive")

SINCE = timedelta(days=730)
JUDGED = 0.2  # of the cases, the newest
MOST = 200_000  # cases; more teach nothing new
SILENT = timedelta(days=60)  # nothing for so long after the moment: gone


async def learn(db: Database, models: Path, now: datetime) -> dict[str, str]:
    """Train what can be trained; by predictor, the new version or why there is none."""
    known, told = await background(db, now, keep=False), {}
    version = f"{now:%Y%m%d%H%M}"
    for kind, names, cases, stated in (
        ("late_delivery", delivery.NAMES, await _deliveries(db, known, now), delivery.stated_of),
        ("churn_risk", churn.NAMES, await _customers(db, known, now), churn.stated_of),
    ):
        try:
            _keep(models, kind, _trained(version, names, cases, stated))
        except ThinHistory as why:
            told[kind] = f"too little history ({why}): the stated rule goes on"
            _drop(models, kind)
        except NoBetter as why:
            told[kind] = f"no better than the stated rule ({why}): it goes on"
            _drop(models, kind)
        else:
            told[kind] = version
    charges = await charges_of(db, now)
    if sum(n for n, _ in charges.values()) < LEAST_CHARGES:
        told["payment_failing"] = "too little history: the stated rule goes on"
        _drop(models, "payment_failing")
    else:
        _keep(models, "payment_failing", PaymentModel(version, charges))
        told["payment_failing"] = version
    return told


class NoBetter(ValueError):
    """On the newest cases the model is no nearer to the truth than the stated rule."""


def _keep(models: Path, kind: str, model: Logistic | PaymentModel) -> None:
    model.save(models / "versions" / f"{kind}-{model.version}.json")
    model.save(models / f"{kind}.json")
    log.info("learned", predictor=kind, version=model.version)


def _drop(models: Path, kind: str) -> None:
    """What once was learned and is worth nothing any more does not go on; its versions stay."""
    (models / f"{kind}.json").unlink(missing_ok=True)


def _trained(
    version: str,
    names: tuple[str, ...],
    cases: list[tuple[datetime, tuple[float, ...], bool]],
    stated: Callable[[Sequence[float]], float],
) -> Logistic:
    """A model of all cases, if one of the older ones is nearer to the newest than the stated rule is.

    Raises:
        ThinHistory
        NoBetter
    """
    import numpy as np

    if not cases:
        raise ThinHistory("no cases")
    cases.sort(key=lambda case: case[0])
    given = np.array([case[1] for case in cases])
    truth = np.array([float(case[2]) for case in cases])
    cut = int(len(cases) * (1 - JUDGED))
    learned = train(version, names, given[:cut], truth[:cut]).probabilities(given[cut:])
    by_rule = np.array([stated(row) for row in given[cut:]])
    error, error_of_rule = (float(((said - truth[cut:]) ** 2).mean()) for said in (learned, by_rule))
    if error >= error_of_rule:
        raise NoBetter(f"squared error {error:.3f}, the rule's {error_of_rule:.3f}")
    return train(version, names, given, truth)


async def charges_of(db: Database, now: datetime) -> dict[str, tuple[int, int]]:
    """Charges of cards by what was wrong beforehand, as the predictor would have seen it: how many, and how
    many of them failed."""
    query = (
        select(Order.customer_id, Payment.last_four, Payment.created_at, Payment.state)
        .join(Order, Order.id == Payment.order_id)
        .where(
            Payment.created_at.between(now - SINCE, now),
            Payment.last_four.is_not(None),
            Payment.state.in_([PaymentState.PAID, PaymentState.FAILED]),
        )
        .order_by(Payment.created_at.desc(), Payment.id.desc())
        .limit(MOST)
    )
    cards = select(SavedMethod.customer_id, SavedMethod.last_four, SavedMethod.expires_at)
    async with db.read() as session:
        rows = list(reversed((await session.execute(query)).all()))
        ends = {(row[0], row[1]): row[2] for row in await session.execute(cards)}
    paid: dict[tuple[int, str | None], int] = defaultdict(int)
    declined: dict[tuple[int, str | None], list[datetime]] = defaultdict(list)
    found: dict[str, tuple[int, int]] = {}
    for customer_id, four, at, state in rows:
        card, failed = (customer_id, four), state is PaymentState.FAILED
        lately = sum(moment > at - DECLINES_SINCE for moment in declined[card])
        if reason := wrong_with(ends.get(card), at, lately, paid[card]):
            n, bad = found.get(reason, (0, 0))
            found[reason] = (n + 1, bad + failed)
        if failed:
            declined[card].append(at)
        else:
            paid[card] += 1
    return found


async def _deliveries(
    db: Database, known: Background, now: datetime
) -> list[tuple[datetime, tuple[float, ...], bool]]:
    """Orders that arrived, each as it looked at one moment before its promised time."""
    query = (
        select(
            Order.id, Order.placed_at, Order.promised_at, Order.delivered_at, Order.delivery_city,
            Order.delivery_method, Shipment.id.label("shipment"), Shipment.carrier,
        )
        .join(Shipment, Shipment.order_id == Order.id)
        .where(Order.delivered_at.between(now - SINCE, now), Order.promised_at.is_not(None))
        .order_by(Order.placed_at.desc())
        .limit(MOST)
    )  # fmt: skip
    found = []
    async with db.read() as session:
        rows = (await session.execute(query)).all()
        seen = await _checkpoints(session, now)
    for row in rows:
        chance = random.Random(row.id)  # noqa: S311 - the same moment at every training
        end = min(row.promised_at, row.delivered_at)
        moment = row.placed_at + (end - row.placed_at) * chance.uniform(0.2, 1.0)
        last = max((at for at in seen.get(row.shipment, ()) if at <= moment), default=None)
        share = known.late_share(row.carrier, row.delivery_city)
        given = delivery.features_of(share, row.placed_at, row.promised_at, last, row.delivery_method, moment)
        found.append((moment, given, row.delivered_at > row.promised_at))
    return found


async def _checkpoints(session: AsyncSession, now: datetime) -> dict[int, list[datetime]]:
    found: dict[int, list[datetime]] = defaultdict(list)
    query = select(Checkpoint.shipment_id, Checkpoint.at).where(Checkpoint.at.between(now - SINCE, now))
    for shipment, at in await session.execute(query):
        found[shipment].append(at)
    return found


async def _customers(
    db: Database, known: Background, now: datetime
) -> list[tuple[datetime, tuple[float, ...], bool]]:
    """Customers as they stood at three moments of the past, and whether nothing came in the time after."""
    found = []
    for back in (3, 2, 1):
        moment = now - back * SILENT
        found += await _standing(db, known, moment)
    return found


async def _standing(
    db: Database, known: Background, moment: datetime
) -> list[tuple[datetime, tuple[float, ...], bool]]:
    placed = epoch(Order.placed_at)
    before = (
        select(Order.customer_id, func.count(), func.min(placed), func.max(placed))
        .where(Order.state != OrderState.CANCELLED, Order.placed_at.between(moment - SINCE, moment))
        .group_by(Order.customer_id)
        .having(func.count() > 1)
        .limit(MOST)
    )
    after = select(Order.customer_id).where(Order.placed_at.between(moment, moment + SILENT)).distinct()
    since = moment - timedelta(days=180)
    complained = (
        select(Ticket.customer_id, func.count())
        .where(
            Ticket.kind.in_([TicketKind.COMPLAINT, TicketKind.DEFECT]),
            Ticket.opened_at.between(since, moment),
        )
        .group_by(Ticket.customer_id)
    )
    reviewed = (
        select(Review.customer_id, func.avg(Review.stars))
        .where(Review.at.between(since, moment))
        .group_by(Review.customer_id)
    )
    async with db.read() as session:
        rows = (await session.execute(before)).all()
        stayed = set(await session.scalars(after))
        complaints = {row[0]: int(row[1]) for row in await session.execute(complained)}
        stars = {row[0]: float(row[1]) for row in await session.execute(reviewed)}
        moods = {row[0]: float(row[1]) for row in await session.execute(moods_before(moment))}
    found = []
    for customer_id, orders, first, last in rows:
        age = (moment.timestamp() - first) / DAY
        given = churn.features_of(
            orders, (last - first) / DAY, (moment.timestamp() - last) / DAY, age, known.gap_days,
            complaints.get(customer_id, 0), stars.get(customer_id), moods.get(customer_id),
        )  # fmt: skip
        found.append((moment, given, customer_id not in stayed))
    return found
