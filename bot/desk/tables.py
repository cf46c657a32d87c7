"""What the desk itself keeps: who can answer what, notes between colleagues, ready answers, reviews."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId

ACCOUNT = "staff_account.id"
CONVERSATION = "conversation.id"


class DeskAgent(Base):
    """How somebody works at the desk. Empty lists of skills mean: everything."""

    __tablename__ = "desk_agent"

    account_id: Mapped[int] = mapped_column(BigId, ForeignKey(ACCOUNT, ondelete="CASCADE"), primary_key=True)
    away: Mapped[bool] = mapped_column(default=False)  # said so
    seen_at: Mapped[datetime | None]  # a page of the desk was open
    offered_at: Mapped[datetime | None]  # the last time that a dialogue was offered
    capacity: Mapped[int]  # dialogues at once
    teams: Mapped[list[Any]] = mapped_column(JSON, default=list)  # keys of teams in the company's file
    languages: Mapped[list[Any]] = mapped_column(JSON, default=list)
    channels: Mapped[list[Any]] = mapped_column(JSON, default=list)


class Note(Base):
    """A word between colleagues beside a dialogue; customers never see it."""

    __tablename__ = "desk_note"
    __table_args__ = (Index("ix_desk_note_conversation", "conversation_id", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(String(64), ForeignKey(CONVERSATION, ondelete="CASCADE"))
    account_id: Mapped[int] = mapped_column(BigId, ForeignKey(ACCOUNT))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]


class Mention(Base):
    """A colleague who was called in a note."""

    __tablename__ = "desk_mention"
    __table_args__ = (Index("ix_desk_mention_account", "account_id", "seen_at"),)

    note_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("desk_note.id", ondelete="CASCADE"), primary_key=True
    )
    account_id: Mapped[int] = mapped_column(BigId, ForeignKey(ACCOUNT, ondelete="CASCADE"), primary_key=True)
    seen_at: Mapped[datetime | None]


class SavedFilter(Base):
    """A list that somebody looks at often. `query`: as in the address of the page."""

    __tablename__ = "desk_filter"
    __table_args__ = (UniqueConstraint("account_id", "name"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(BigId, ForeignKey(ACCOUNT, ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(40))
    query: Mapped[str] = mapped_column(String(300))


class CannedAnswer(Base):
    """A ready answer that was written or changed here; `removed` hides one of the company's file."""

    __tablename__ = "canned_answer"
    __table_args__ = (UniqueConstraint("shortcut", "language"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    shortcut: Mapped[str] = mapped_column(String(40))
    language: Mapped[str] = mapped_column(String(8))
    title: Mapped[str] = mapped_column(String(100))
    text: Mapped[str] = mapped_column(Text)
    removed: Mapped[bool] = mapped_column(default=False)
    changed_by: Mapped[int | None] = mapped_column(BigId)
    changed_at: Mapped[datetime]


class QualityReview(Base):
    """How a supervisor judged the help in a dialogue. `scores`: one to five by criterion."""

    __tablename__ = "quality_review"
    __table_args__ = (Index("ix_quality_review_agent", "agent_id", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(
        String(64), ForeignKey(CONVERSATION, ondelete="CASCADE"), index=True
    )
    reviewer_id: Mapped[int] = mapped_column(BigId, ForeignKey(ACCOUNT))
    agent_id: Mapped[int | None] = mapped_column(BigId)
    scores: Mapped[dict[str, Any]] = mapped_column(JSON)
    comment: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
