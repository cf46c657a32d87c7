"""A dialogue with one identity."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class Owner(StrEnum):
    """Who answers."""

    BOT = "bot"
    QUEUE = "queue"  # people, and nobody has taken it yet
    AGENT = "agent"


class ConversationStatus(StrEnum):
    """Where the customer's matter stands, whoever owns the dialogue."""

    OPEN = "open"
    WAITING = "waiting"
    RESOLVED = "resolved"


class Conversation(Base):
    """A dialogue with one identity. `epoch` grows at every change of owner."""

    __tablename__ = "conversation"
    __table_args__ = (
        Index("ix_conversation_queue", "owner", "status", "queued_at"),
        Index("ix_conversation_updated", "updated_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)  # random, [A-Za-z0-9_-]
    identity_id: Mapped[int] = mapped_column(BigId, ForeignKey("identity.id"), index=True)
    channel: Mapped[str] = mapped_column(String(32))
    account: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(8))
    owner: Mapped[Owner] = mapped_column(choice(Owner, "owner"), default=Owner.BOT)
    epoch: Mapped[int] = mapped_column(default=0)
    agent_id: Mapped[int | None] = mapped_column(BigId)
    status: Mapped[ConversationStatus] = mapped_column(
        choice(ConversationStatus, "status"), default=ConversationStatus.OPEN
    )
    last_seq: Mapped[int] = mapped_column(default=0)
    turn_id: Mapped[str | None] = mapped_column(String(64))  # message of the last committed turn
    memory: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # the engine's
    queued_at: Mapped[datetime | None]
    urgent: Mapped[bool] = mapped_column(default=False, server_default=false())  # goes before others
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
