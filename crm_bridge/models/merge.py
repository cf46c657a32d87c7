"""Two records of one person: found, proposed, merged, parted again."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class FoundBy(StrEnum):
    """How a likely duplicate was found."""

    ARRIVAL = "arrival"  # when one of the two came in
    BATCH = "batch"


class ProposalState(StrEnum):
    """What became of a proposal."""

    OPEN = "open"
    MERGED = "merged"
    REFUSED = "refused"  # two people; it is not proposed again


class MergeProposal(Base):
    """Two customers who may be one person, and why. `first_id` is the smaller id."""

    __tablename__ = "merge_proposal"
    __table_args__ = (
        UniqueConstraint("first_id", "second_id"),
        Index("ix_merge_proposal_state", "state", "score"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    first_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"))
    second_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    score: Mapped[float]  # 0…1, how likely it is one person
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON)  # [{"code", values …}]
    administrator: Mapped[bool]  # only an administrator may decide: they may share a phone
    found_by: Mapped[FoundBy] = mapped_column(choice(FoundBy, "found_by"))
    state: Mapped[ProposalState] = mapped_column(choice(ProposalState, "state"), default=ProposalState.OPEN)
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(100))


class Merge(Base):
    """One merge, with all that is needed to undo it."""

    __tablename__ = "merge"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    survivor_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    absorbed_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    moved: Mapped[dict[str, list[Any]]] = mapped_column(JSON)  # table → keys of rows given to the survivor
    removed: Mapped[dict[str, list[Any]]] = mapped_column(JSON)  # table → rows that both had
    filled: Mapped[dict[str, Any]] = mapped_column(JSON)  # fields that the survivor took over: old values
    by: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime]
    undone_by: Mapped[str | None] = mapped_column(String(100))
    undone_at: Mapped[datetime | None]
