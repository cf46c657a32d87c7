"""Dealings with a customer outside our own conversations."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class InteractionKind(StrEnum):
    """How the two sides met."""

    CALL = "call"
    EMAIL = "email"
    SMS = "sms"
    MEETING = "meeting"
    CHAT = "chat"  # in another system
    SOCIAL_POST = "social_post"
    NOTE = "note"  # a colleague's remark


class Direction(StrEnum):
    """Who began."""

    IN = "in"
    OUT = "out"


class Interaction(Base):
    """A call, an e-mail, an SMS, a meeting, a chat elsewhere or a post in a social network."""

    __tablename__ = "interaction"
    __table_args__ = (
        Index("ix_interaction_customer", "customer_id", "at", "id"),
        Index("ix_interaction_external_ref", "source", "external_ref"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"))
    kind: Mapped[InteractionKind] = mapped_column(choice(InteractionKind, "kind"))
    direction: Mapped[Direction] = mapped_column(choice(Direction, "direction"))
    subject: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text, default="")
    staff: Mapped[str | None] = mapped_column(String(100))  # who of the company took part
    source: Mapped[str] = mapped_column(String(64))  # telephony, mailbox, a network's name
    external_ref: Mapped[str | None] = mapped_column(String(128))  # its id there
    seconds: Mapped[int | None]  # how long it lasted
    at: Mapped[datetime]
