"""Visits: when there is room, and who comes."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class AppointmentState(StrEnum):
    """Where an appointment stands."""

    BOOKED = "booked"
    DONE = "done"
    CANCELLED = "cancelled"
    MISSED = "missed"


class Slot(Base):
    """A time at which so many customers can come, or be come to."""

    __tablename__ = "slot"
    __table_args__ = (UniqueConstraint("service", "place", "starts_at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    service: Mapped[str] = mapped_column(String(64))  # the company's own word: repair, maintenance
    place: Mapped[str] = mapped_column(String(200))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    capacity: Mapped[int] = mapped_column(default=1)


class Appointment(Base):
    """A visit that was agreed."""

    __tablename__ = "appointment"
    __table_args__ = (
        Index("ix_appointment_customer", "customer_id", "starts_at", "id"),
        Index("ix_appointment_starts_at", "state", "starts_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"))
    slot_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("slot.id", ondelete="SET NULL"), index=True)
    asset_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("asset.id", ondelete="SET NULL"), index=True
    )
    service: Mapped[str] = mapped_column(String(64))
    place: Mapped[str] = mapped_column(String(200))
    state: Mapped[AppointmentState] = mapped_column(choice(AppointmentState, "state"))
    note: Mapped[str | None] = mapped_column(Text)
    confirmed_at: Mapped[datetime | None]  # the customer said that they will be there, at this time
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    created_at: Mapped[datetime]
