"""A person who buys."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId


class Customer(Base):
    """A person who buys. `external_ref` is their id in the company's own site or CRM.

    Preferred hours are whole hours of the customer's own day, from 0 to 24; `from` 22 and `until` 8 is the
    night. A customer who was merged into another one keeps this row and nothing else: see
    `crm_bridge.duplicates.merging`.
    """

    __tablename__ = "customer"
    __table_args__ = (Index("ix_customer_family_name", "family_name", "given_name", "city"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    external_ref: Mapped[str | None] = mapped_column(String(128), unique=True)
    given_name: Mapped[str] = mapped_column(String(100))
    patronymic: Mapped[str | None] = mapped_column(String(100))
    family_name: Mapped[str] = mapped_column(String(100))
    language: Mapped[str] = mapped_column(String(8))
    time_zone: Mapped[str] = mapped_column(String(64))  # an IANA name
    city: Mapped[str | None] = mapped_column(String(100))
    segment: Mapped[str | None] = mapped_column(String(40))  # the company's own word
    vip: Mapped[bool] = mapped_column(default=False, server_default=false())
    preferred_channel: Mapped[str | None] = mapped_column(String(32))  # sms, email, or a messenger
    preferred_from: Mapped[int | None]
    preferred_until: Mapped[int | None]
    do_not_disturb: Mapped[bool] = mapped_column(default=False, server_default=false())
    merged_into_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("customer.id"), index=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]  # of what stands in this row; None while nothing was changed

    @property
    def name(self) -> str:
        """How to address the person."""
        return f"{self.given_name} {self.family_name}".strip()
