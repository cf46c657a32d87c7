"""Points that a customer collects."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class LoyaltyReason(StrEnum):
    """Why points came or went."""

    EARNED = "earned"
    SPENT = "spent"
    GIFT = "gift"
    BURNT = "burnt"  # their time was over
    CORRECTED = "corrected"


class LoyaltyAccount(Base):
    """A card of the loyalty programme. What is on it, its entries say: see `crm_bridge.loyalty`."""

    __tablename__ = "loyalty_account"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    number: Mapped[str] = mapped_column(String(64), unique=True)
    tier: Mapped[str | None] = mapped_column(String(40))  # the company's own word
    opened_at: Mapped[datetime]


class LoyaltyEntry(Base):
    """Points that came (positive) or went (negative). Those that came may have an end."""

    __tablename__ = "loyalty_entry"
    __table_args__ = (
        Index("ix_loyalty_entry_customer", "customer_id", "at", "id"),
        Index("ix_loyalty_entry_expires_at", "expires_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("loyalty_account.id", ondelete="CASCADE"), index=True
    )
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"))
    points: Mapped[int]
    reason: Mapped[LoyaltyReason] = mapped_column(choice(LoyaltyReason, "reason"))
    order_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("orders.id", ondelete="SET NULL"), index=True
    )
    at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
