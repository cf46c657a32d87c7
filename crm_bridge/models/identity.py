"""An account in a channel. It may belong to a customer, and we may know that or not."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class Proof(StrEnum):
    """How an identity showed which customer it belongs to."""

    CODE = "code"  # a one-time code sent to a contact on the profile
    SIGNED_USER = "signed_user"  # the company's own site signed the user id
    SHARED_PHONE = "shared_phone"  # the messenger vouches for the phone number


class Identity(Base):
    """An account in a channel: (channel, our account there, the person's id there)."""

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("channel", "account", "external_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    channel: Mapped[str] = mapped_column(String(32))
    account: Mapped[str] = mapped_column(String(64))
    external_id: Mapped[str] = mapped_column(String(255))
    customer_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("customer.id", ondelete="SET NULL"), index=True
    )
    method: Mapped[Proof | None] = mapped_column(choice(Proof, "method"))
    verified_at: Mapped[datetime | None]
    language: Mapped[str | None] = mapped_column(String(8))
    dead_at: Mapped[datetime | None]  # nothing can be delivered there since
    dead_why: Mapped[str | None] = mapped_column(String(24))
    free_at: Mapped[datetime | None]  # the provider's limit of one chat: not before then
    created_at: Mapped[datetime]
