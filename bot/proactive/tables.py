"""What was predicted, what was decided about it and why, and what came of it.

All that is about a customer hangs on the customer's row, so export and erasure find it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class RuleState(StrEnum):
    """How far a rule has come. Only a live one decides anything."""

    DRAFT = "draft"
    SIMULATED = "simulated"
    LIVE = "live"
    PAUSED = "paused"


class Verdict(StrEnum):
    """What was decided about a signal."""

    SEND = "send"
    WAIT = "wait"  # looked at again at `until`
    SUPPRESSED = "suppressed"
    HOLDOUT = "holdout"  # would have gone out; kept back to compare


class RuleRow(Base):
    """A rule as it stands: its YAML, and whether it works."""

    __tablename__ = "proactive_rule"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    text: Mapped[str] = mapped_column(Text)  # YAML
    file_digest: Mapped[str | None] = mapped_column(String(64))  # of the file it was read from last
    state: Mapped[RuleState] = mapped_column(choice(RuleState, "state"))
    changed_at: Mapped[datetime]


class RuleChange(Base):
    """Who changed a rule, when, and why. Added only."""

    __tablename__ = "proactive_rule_change"
    __table_args__ = (Index("ix_proactive_rule_change_rule", "rule", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    rule: Mapped[str] = mapped_column(String(64))
    before: Mapped[RuleState | None] = mapped_column(choice(RuleState, "before"))
    after: Mapped[RuleState] = mapped_column(choice(RuleState, "after"))
    by: Mapped[str] = mapped_column(String(100))
    why: Mapped[str] = mapped_column(String(300), default="")
    text: Mapped[str] = mapped_column(Text)  # YAML at that moment
    at: Mapped[datetime]


class SignalRow(Base):
    """Somebody will probably have a problem. The same one found again is the same row."""

    __tablename__ = "proactive_signal"
    __table_args__ = (
        UniqueConstraint("kind", "subject", "expected_at"),
        Index("ix_proactive_signal_customer", "customer_id", "id"),
        Index("ix_proactive_signal_found", "found_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))  # the predictor
    subject: Mapped[str] = mapped_column(String(128))  # order:1002
    expected_at: Mapped[datetime]
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"))
    probability: Mapped[float]
    reason: Mapped[dict[str, Any]]  # {"code", values …}
    model: Mapped[str] = mapped_column(String(32))  # version of the trained model, or `rule`
    found_at: Mapped[datetime]


class DecisionRow(Base):
    """What a rule decided about a signal, once, with all it looked at."""

    __tablename__ = "proactive_decision"
    __table_args__ = (
        UniqueConstraint("rule", "signal_id"),
        Index("ix_proactive_decision_customer", "customer_id", "sent_at"),
        Index("ix_proactive_decision_rule", "rule", "verdict", "decided_at"),
        Index("ix_proactive_decision_signal", "signal_id"),
        Index(
            "ix_proactive_decision_due",
            "until",
            sqlite_where=text("verdict = 'send' AND sent_at IS NULL"),
            postgresql_where=text("verdict = 'send' AND sent_at IS NULL"),
        ),
        Index(
            "ix_proactive_decision_waiting",
            "customer_id",
            "until",
            sqlite_where=text("verdict = 'wait'"),
            postgresql_where=text("verdict = 'wait'"),
        ),
        Index(
            "ix_proactive_decision_unreached",
            "customer_id",
            sqlite_where=text("why IN ('no_address', 'window_closed')"),
            postgresql_where=text("why IN ('no_address', 'window_closed')"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    rule: Mapped[str] = mapped_column(String(64))
    signal_id: Mapped[int] = mapped_column(BigId, ForeignKey("proactive_signal.id", ondelete="CASCADE"))
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"))
    subject: Mapped[str] = mapped_column(String(128))
    verdict: Mapped[Verdict] = mapped_column(choice(Verdict, "verdict"))
    why: Mapped[str] = mapped_column(String(32))
    channel: Mapped[str | None] = mapped_column(String(32))
    until: Mapped[datetime | None]  # of `wait`: looked at again then; of `send`: goes out then
    inputs: Mapped[dict[str, Any]]  # all that was looked at
    looks: Mapped[int] = mapped_column(default=1)  # how often it was decided anew
    decided_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    message_id: Mapped[str | None] = mapped_column(
        String(64), ForeignKey("message.id", ondelete="SET NULL"), index=True
    )


class OutcomeRow(Base):
    """What happened to a customer after a message, or in spite of none."""

    __tablename__ = "proactive_outcome"

    decision_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("proactive_decision.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    rule: Mapped[str] = mapped_column(String(64), index=True)
    treated: Mapped[bool]
    happened: Mapped[bool | None]  # what the predictor said; None: it cannot be known
    contacted: Mapped[bool]
    complained: Mapped[bool]
    cancelled: Mapped[bool]
    bought: Mapped[bool]  # ordered again
    opted_out: Mapped[bool]
    rating: Mapped[float | None]
    measured_at: Mapped[datetime]


class Incident(Base):
    """Something that touches many customers: entered by staff, or by a webhook of the company's systems."""

    __tablename__ = "proactive_incident"
    __table_args__ = (UniqueConstraint("external_ref"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    external_ref: Mapped[str | None] = mapped_column(String(128))
    kind: Mapped[str] = mapped_column(String(24))  # an `IncidentKind`
    match: Mapped[str] = mapped_column(String(200))  # the city, the product or the pick-up point
    said: Mapped[dict[str, Any]]  # {"ru", "en"}: what customers read of it
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    created_by: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime]


class Background(Base):
    """Figures over all customers that predictors compare with. Names nobody."""

    __tablename__ = "proactive_background"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[dict[str, Any]]
    computed_at: Mapped[datetime]


class Touch(Base):
    """Something about a customer changed. Written by triggers; read and deleted by the next run.

    One of the three is set. No foreign keys: it is also written when the customer or the order goes.
    """

    __tablename__ = "proactive_touch"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int | None] = mapped_column(BigId)
    order_id: Mapped[int | None] = mapped_column(BigId)
    shipment_id: Mapped[int | None] = mapped_column(BigId)


class Mark(Base):
    """When the customers with `after < id <= until` were looked at last, and in what world."""

    __tablename__ = "proactive_mark"

    after: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    until: Mapped[int] = mapped_column(BigId)
    world: Mapped[str] = mapped_column(String(64))  # digest of rules, models and day
    looked_at: Mapped[datetime]


class SimulationRow(Base):
    """A simulation and what it showed. Names no customer but by id."""

    __tablename__ = "proactive_simulation"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    by: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime]
    result: Mapped[dict[str, Any]]
