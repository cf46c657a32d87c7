"""What the studio keeps: messages to look at, what people decided about them, training runs."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class Reason(StrEnum):
    """Why a message came to the inbox; the first that applies counts."""

    CORRECTED = "corrected"  # an agent said what it means
    NOTHING_FITS = "nothing_fits"  # the customer chose none of what the assistant offered
    ESCALATED = "escalated"  # the customer asked for a person right after
    REJECTED = "rejected"  # the model took it for none of its intents
    UNSURE = "unsure"
    RANDOM = "random"  # drawn by chance, to measure honestly; never trained on


class Sample(Base):
    """One customer's message, redacted. It goes when the message goes: erasure reaches it by its key."""

    __tablename__ = "studio_sample"
    __table_args__ = (
        Index("ix_studio_sample_open", "decision_id", "group_id"),
        Index("ix_studio_sample_group", "group_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    message_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("message.id", ondelete="CASCADE"), unique=True
    )
    text: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(String(8))
    reason: Mapped[Reason] = mapped_column(choice(Reason, "reason"))
    guess: Mapped[str | None] = mapped_column(String(100))  # the model's best intent, rejected or not
    confidence: Mapped[float | None]
    ranking: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)  # [{"name", "confidence"}]
    suggested: Mapped[str | None] = mapped_column(String(100))  # by an agent
    suggested_by: Mapped[int | None] = mapped_column(BigId)
    group_id: Mapped[int | None] = mapped_column(BigId)  # the id of the first sample that is like this one
    at: Mapped[datetime]
    decision_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("studio_decision.id", ondelete="SET NULL")
    )


class Verdict(StrEnum):
    """What a person decided about a group."""

    INTENT = "intent"  # these messages mean this intent
    OUT_OF_SCOPE = "out_of_scope"  # nothing that the company answers
    IGNORE = "ignore"  # teaches nothing


class Decision(Base):
    """One decision about all samples that name it. Who decided stays, and what was undone too."""

    __tablename__ = "studio_decision"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    verdict: Mapped[Verdict] = mapped_column(choice(Verdict, "verdict"))
    intent: Mapped[str | None] = mapped_column(String(100))
    staff_id: Mapped[int | None] = mapped_column(BigId)  # None: from the command line
    at: Mapped[datetime]
    written_at: Mapped[datetime | None]  # when it came into the files
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[int | None] = mapped_column(BigId)


class RunState(StrEnum):
    """Where a training run stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Run(Base):
    """One training run, with what is needed to repeat it and how the new model compares."""

    __tablename__ = "studio_run"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    state: Mapped[RunState] = mapped_column(choice(RunState, "run_state"))
    stage: Mapped[str] = mapped_column(String(40), default="start")
    share: Mapped[float] = mapped_column(default=0.0)  # of the work that is done, 0…1
    staff_id: Mapped[int | None] = mapped_column(BigId)
    pid: Mapped[int | None]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    origin: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # data, code, seed, environment
    log: Mapped[str] = mapped_column(Text, default="")
    model: Mapped[str | None] = mapped_column(String(100))  # file in the registry
    live: Mapped[str | None] = mapped_column(String(100))  # what it was compared with
    comparison: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class Promotion(Base):
    """A model went live."""

    __tablename__ = "studio_promotion"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    model: Mapped[str] = mapped_column(String(100))
    before: Mapped[str | None] = mapped_column(String(100))
    staff_id: Mapped[int | None] = mapped_column(BigId)
    at: Mapped[datetime]
    reason: Mapped[str | None] = mapped_column(Text)  # written when the gate's refusal was overridden


class Mark(Base):
    """How far the messages have been looked through."""

    __tablename__ = "studio_mark"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    inbox_id: Mapped[int] = mapped_column(BigId)


class TrialStage(StrEnum):
    """How far a model has come on its way to all customers."""

    SHADOW = "shadow"  # it classifies the same messages, and nobody notices
    CANARY = "canary"  # it answers a share of the conversations
    FULL = "full"  # it is live, and watched


class Ending(StrEnum):
    """How a trial ended."""

    NEXT = "next"  # the model went one stage on
    KEPT = "kept"  # watched long enough
    RETURNED = "returned"  # by the guard
    STOPPED = "stopped"  # by a person
    REPLACED = "replaced"  # another model went live, or the engine's code changed


class Trial(Base):
    """One stage of one model on live traffic. At most one is open at a time."""

    __tablename__ = "studio_trial"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    model: Mapped[str] = mapped_column(String(100))
    base: Mapped[str] = mapped_column(String(100))  # the model it is compared with
    stage: Mapped[TrialStage] = mapped_column(choice(TrialStage, "trial_stage"))
    share: Mapped[int] = mapped_column(default=0)  # of all conversations, in percent
    staff_id: Mapped[int | None] = mapped_column(BigId)
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[Ending | None] = mapped_column(choice(Ending, "trial_outcome"))
    reason: Mapped[str | None] = mapped_column(Text)  # in words, when the guard ended it
    breach: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # the same in figures
    # What the shadow saw:
    inbox_id: Mapped[int] = mapped_column(BigId, default=0)  # the newest row that was looked at
    scored: Mapped[int] = mapped_column(default=0)  # messages
    agreed: Mapped[int] = mapped_column(default=0)
    rejected_live: Mapped[int] = mapped_column(default=0)
    rejected_new: Mapped[int] = mapped_column(default=0)


class Difference(Base):
    """A message that the two models understand otherwise, redacted. It goes when the message goes."""

    __tablename__ = "studio_difference"
    __table_args__ = (Index("ix_studio_difference_trial", "trial_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    trial_id: Mapped[int] = mapped_column(BigId, ForeignKey("studio_trial.id", ondelete="CASCADE"))
    message_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("message.id", ondelete="CASCADE"), index=True
    )
    text: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(String(8))
    live: Mapped[str] = mapped_column(String(100))
    new: Mapped[str] = mapped_column(String(100))
    live_confidence: Mapped[float]
    new_confidence: Mapped[float]
    at: Mapped[datetime]


class Tally(Base):
    """How the turns of one model went, in ten minutes. Nothing personal."""

    __tablename__ = "studio_tally"
    __table_args__ = (UniqueConstraint("model", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    model: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime]  # the beginning
    turns: Mapped[int] = mapped_column(default=0)
    texts: Mapped[int] = mapped_column(default=0)  # turns of free text: a button is never misunderstood
    rejected: Mapped[int] = mapped_column(default=0)  # of them
    escalated: Mapped[int] = mapped_column(default=0)  # turns that gave the conversation to people
    errors: Mapped[int] = mapped_column(default=0)  # turns that the model could not answer
    times: Mapped[list[int]] = mapped_column(JSON, default=list)  # turns by duration: see `Figures`
