"""A phone number or an e-mail address of a customer."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class ContactKind(StrEnum):
    """What a contact point is."""

    PHONE = "phone"
    EMAIL = "email"


class ContactPoint(Base):
    """A phone (E.164) or an e-mail (lower case) on a profile. A family may share one number."""

    __tablename__ = "contact_point"
    __table_args__ = (
        UniqueConstraint("customer_id", "kind", "value"),
        Index("ix_contact_point_value", "value", "kind"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"))
    kind: Mapped[ContactKind] = mapped_column(choice(ContactKind, "kind"))
    value: Mapped[str] = mapped_column(String(254))
    verified_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
