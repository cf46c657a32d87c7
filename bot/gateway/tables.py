"""Transport: what came in, what goes out, which buttons were issued. Conversations live in `crm_bridge`."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId


class Inbox(Base):
    """One event that a channel delivered. Written before the sender is told «accepted»."""

    __tablename__ = "inbox"
    __table_args__ = (UniqueConstraint("channel", "account", "event_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    channel: Mapped[str] = mapped_column(String(20))
    account: Mapped[str] = mapped_column(String(64))
    event_id: Mapped[str] = mapped_column(String(160))
    sender: Mapped[str] = mapped_column(String(160))
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    received_at: Mapped[datetime]
    processed_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(20))  # answered, silent, dropped, apologised


class Outbox(Base):
    """One line on its way to a customer. `epoch` is the ownership its author saw."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_conversation_id", "conversation_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("message.id"), unique=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"))
    epoch: Mapped[int]
    state: Mapped[str] = mapped_column(String(10), default="ready")  # ready, sent, dropped
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class Press(Base):
    """A button that was issued: the browser knows the id, only we know what it means."""

    __tablename__ = "press"
    __table_args__ = (Index("ix_press_message_id", "message_id"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"))
    message_id: Mapped[str] = mapped_column(ForeignKey("message.id"))
    title: Mapped[str] = mapped_column(String(200))
    intent: Mapped[str] = mapped_column(String(100))
    entities: Mapped[dict[str, Any]] = mapped_column(JSON)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
