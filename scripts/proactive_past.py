"""For the pictures: the demo company, had all its customers signed in, and been written to for a while."""

import random
from datetime import timedelta

from sqlalchemy import select

from bot.gateway.policy import ChannelPolicy
from bot.proactive.rules import read_limits
from bot.proactive.service import allowed_by, models_of
from bot.proactive.tables import DecisionRow, OutcomeRow, SignalRow, Verdict
from bot.proactive.trial import trial
from core.clock import SystemClock
from core.settings import ROOT, Settings
from crm_bridge.company.channels import read as read_channels
from crm_bridge.models import Customer, Identity, Proof
from tests.product.running import Product

RULE, DAYS = "parcel_late", 7
SIGNED_IN = timedelta(days=60)  # ago
# Of a company that is made up: rule, written to, kept back, the shares of both who called, and who said stop.
MADE_UP = (
    ("late_delivery", 900, 100, 0.12, 0.31, 0.004),
    ("payment_failing", 260, 30, 0.08, 0.17, 0.01),
    ("points_burning", 420, 60, 0.06, 0.05, 0.03),
)


async def lived_again(product: Product) -> None:
    """The last week with a rule and without it; afterwards it is the newest simulation."""
    clock = SystemClock()
    since = clock.now() - SIGNED_IN
    async with product.db.write() as session:
        for customer in await session.scalars(select(Customer.id)):
            account = f"signed-in-{customer}"
            session.add(
                Identity(
                    channel="webchat", account="main", external_id=account, customer_id=customer,
                    method=Proof.SIGNED_USER, verified_at=since, created_at=since,
                )
            )  # fmt: skip
    allows = allowed_by(ChannelPolicy.of(read_channels(ROOT / "data/company.yml")))
    models = models_of(Settings())
    await trial(product.db, clock, read_limits(), allows, (), models, RULE, DAYS, "Вера")


async def measured(product: Product) -> None:
    """What came of messages, as if there had been some for months."""
    now, chance = SystemClock().now(), random.Random(9)  # noqa: S311 - the same picture every time
    async with product.db.write() as session:
        customers = list(await session.scalars(select(Customer.id)))
        for rule, treated, kept, calls, calls_kept, stops in MADE_UP:
            for number in range(treated + kept):
                told, likely = number < treated, chance.uniform(0.6, 0.98)
                customer, at = chance.choice(customers), now - timedelta(days=chance.uniform(10, 60))
                signal = SignalRow(
                    kind=rule, subject=f"made-up:{number}", expected_at=at, customer_id=customer,
                    probability=likely, reason={"code": "overdue"}, model="rule", found_at=now,
                )  # fmt: skip
                session.add(signal)
                await session.flush()
                decision = DecisionRow(
                    rule=rule, signal_id=signal.id, customer_id=customer, subject=signal.subject, inputs={},
                    verdict=Verdict.SEND if told else Verdict.HOLDOUT, why="sent", decided_at=at,
                    sent_at=at if told else None,
                )  # fmt: skip
                session.add(decision)
                await session.flush()
                session.add(
                    OutcomeRow(
                        decision_id=decision.id, rule=rule, treated=told, measured_at=now,
                        happened=chance.random() < likely if rule == "late_delivery" else None,
                        contacted=chance.random() < (calls if told else calls_kept),
                        complained=chance.random() < 0.02, cancelled=chance.random() < 0.02,
                        bought=chance.random() < 0.2, opted_out=told and chance.random() < stops,
                    )
                )  # fmt: skip
