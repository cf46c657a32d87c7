"""Promises to keep an eye on something."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class WatchReason(StrEnum):
    """What is watched."""

    LATE_PARCEL = "late_parcel"


class Watch(Base):
    """We promised a customer to watch an order and to write when something changes."""

    __tablename__ = "watch"
    __table_args__ = (UniqueConstraint("order_id", "reason"), Index("ix_watch_until", "until"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    order_id: Mapped[int] = mapped_column(BigId, ForeignKey("orders.id", ondelete="CASCADE"))
    reason: Mapped[WatchReason] = mapped_column(choice(WatchReason, "reason"))
    conversation_id: Mapped[str | None] = mapped_column(
        String(64), ForeignKey("conversation.id", ondelete="SET NULL"), index=True
    )  # where it was promised
    until: Mapped[datetime]
    created_at: Mapped[datetime]
