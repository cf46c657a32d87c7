"""One-time codes, and the counters of wrong ones."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class CodePurpose(StrEnum):
    """What a code proves."""

    IDENTITY = "identity"  # that an account in a channel belongs to a customer
    CONTACT = "contact"  # that a known customer holds a new phone or e-mail


class VerificationCode(Base):
    """A one-time code; contact and code are kept hashed. Only the newest of an identity and purpose is alive.

    A request for an unknown contact leaves a row like any other, without a customer.
    """

    __tablename__ = "verification_code"
    __table_args__ = (
        Index("ix_verification_code_identity", "identity_id", "created_at"),
        Index("ix_verification_code_contact", "contact_hash", "created_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    identity_id: Mapped[int] = mapped_column(BigId, ForeignKey("identity.id", ondelete="CASCADE"))
    conversation_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("conversation.id", ondelete="CASCADE"), index=True
    )
    purpose: Mapped[CodePurpose] = mapped_column(
        choice(CodePurpose, "purpose"),
        default=CodePurpose.IDENTITY,
        server_default=CodePurpose.IDENTITY.value,
    )
    contact_hash: Mapped[str] = mapped_column(String(64))
    code_hash: Mapped[str] = mapped_column(String(64))
    customer_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("customer.id", ondelete="SET NULL"), index=True
    )
    owners: Mapped[int]  # how many customers have this contact; 0 means that no code goes out
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Throttle(Base):
    """Wrong guesses of one subject: an identity, or a contact whichever chat it is tried from."""

    __tablename__ = "throttle"

    subject: Mapped[str] = mapped_column(String(96), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    since: Mapped[datetime]  # when the first of these failures was counted
    locked_until: Mapped[datetime | None]
