"""What was said in a conversation."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class Author(StrEnum):
    """Who said it."""

    CUSTOMER = "customer"
    ASSISTANT = "assistant"
    AGENT = "agent"
    SYSTEM = "system"


class MessageState(StrEnum):
    """How far a message has come."""

    RECEIVED = "received"  # from the customer
    PENDING = "pending"  # of ours, not delivered yet
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    UNCERTAIN = "uncertain"  # it went out and no answer came: nobody knows whether it arrived
    DROPPED = "dropped"  # its ownership epoch passed before delivery
    FAILED = "failed"


class Message(Base):
    """One message. `seq` is its place in the conversation, given when it becomes visible there."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("conversation_id", "seq"),
        Index("ix_message_conversation", "conversation_id", "created_at", "id"),
        Index("ix_message_identity", "identity_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("conversation.id", ondelete="CASCADE")
    )
    seq: Mapped[int | None]
    # The account it came from or went to: a conversation follows its customer from channel to channel.
    identity_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("identity.id", ondelete="SET NULL"))
    author: Mapped[Author] = mapped_column(choice(Author, "author"))
    text: Mapped[str] = mapped_column(Text)
    buttons: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)  # [{"id", "title"}]
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # nlu, client_id, press
    state: Mapped[MessageState] = mapped_column(choice(MessageState, "state"))
    reply_to: Mapped[str | None] = mapped_column(String(64), index=True)  # the turn's customer message
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
