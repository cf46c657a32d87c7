"""Learning from the company's own history: orders that arrived, customers who stayed or left.

Cases are taken as they looked at a past moment, in the order of time; the newest quarter calibrates. Where
the history is thin nothing is written, and the stated rule goes on.
"""

import random
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.learning import churn, delivery
from bot.proactive.learning.logistic import ThinHistory, train
from bot.proactive.signals.background import Background, background
from bot.proactive.signals.base import DAY, epoch
from core import logs
from core.db import Database
from crm_bridge.models import Checkpoint, Order, OrderState, Review, Shipment, Ticket, TicketKind

log = logs.get("proactive")

SINCE = timedelta(days=730)
MOST = 200_000  # cases; more teach nothing new
SILENT = timedelta(days=60)  # nothing for so long after the moment: gone


async def learn(db: Database, models: Path, now: datetime) -> dict[str, str]:
    """Train what can be trained; by predictor, the new version or why there is none."""
    known, told = await background(db, now, keep=False), {}
    version = f"{now:%Y%m%d%H%M}"
    for kind, names, cases in (
        ("late_delivery", delivery.NAMES, await _deliveries(db, known, now)),
        ("churn_risk", churn.NAMES, await _customers(db, known, now)),
    ):
        try:
            model = _trained(version, names, cases)
        except ThinHistory as why:
            told[kind] = f"too little history ({why}): the stated rule goes on"
            continue
        model.save(models / f"{kind}.json")
        model.save(models / "versions" / f"{kind}-{version}.json")
        told[kind] = version
        log.info("learned", predictor=kind, version=version, cases=len(cases))
    return told


def _trained(
    version: str, names: tuple[str, ...], cases: list[tuple[datetime, tuple[float, ...], bool]]
) -> Any:
    import numpy as np

    if not cases:
        raise ThinHistory("no cases")
    cases.sort(key=lambda case: case[0])
    given = np.array([case[1] for case in cases])
    return train(version, names, given, np.array([float(case[2]) for case in cases]))


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
    found = []
    for customer_id, orders, first, last in rows:
        age = (moment.timestamp() - first) / DAY
        given = churn.features_of(
            orders, (last - first) / DAY, (moment.timestamp() - last) / DAY, age, known.gap_days,
            complaints.get(customer_id, 0), stars.get(customer_id),
        )  # fmt: skip
        found.append((moment, given, customer_id not in stayed))
    return found
