"""What a customer allowed and forbade."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class Purpose(StrEnum):
    """What a customer is written to for."""

    SERVICE = "service"  # about what they bought or asked
    MARKETING = "marketing"
    PROFILING = "profiling"  # predictions about this person


class Decision(StrEnum):
    """What the customer said."""

    GRANTED = "granted"
    WITHDRAWN = "withdrawn"


class ConsentRecord(Base):
    """One decision of a customer. Records are added, never changed: the database refuses it.

    A record without a channel is about all of them.
    """

    __tablename__ = "consent_record"
    __table_args__ = (Index("ix_consent_record_customer", "customer_id", "at", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"))
    purpose: Mapped[Purpose] = mapped_column(choice(Purpose, "purpose"))
    channel: Mapped[str | None] = mapped_column(String(32))
    decision: Mapped[Decision] = mapped_column(choice(Decision, "decision"))
    text_version: Mapped[str] = mapped_column(String(64))  # which wording the customer saw
    source: Mapped[str] = mapped_column(String(64))  # where it was said: a form, a chat, an import
    at: Mapped[datetime]  # when it was said
    created_at: Mapped[datetime]  # when it was written down
