"""What a customer gets again and again."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class SubscriptionState(StrEnum):
    """Where a subscription stands."""

    ACTIVE = "active"
    PAUSED = "paused"
    CANCELLED = "cancelled"  # by the customer; it may still run until `paid_until`
    ENDED = "ended"


class Period(StrEnum):
    """How often a subscription is paid for."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Subscription(Base):
    """What a customer gets again and again."""

    __tablename__ = "subscription"
    __table_args__ = (
        Index("ix_subscription_customer", "customer_id", "started_at", "id"),
        Index("ix_subscription_paid_until", "state", "paid_until"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(200))
    state: Mapped[SubscriptionState] = mapped_column(choice(SubscriptionState, "state"))
    price_minor: Mapped[int] = mapped_column(BigInteger)  # of one period
    currency: Mapped[str] = mapped_column(String(3))
    period: Mapped[Period] = mapped_column(choice(Period, "period"))
    renews: Mapped[bool]  # by itself, when the paid time ends
    payment_method_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("payment_method.id", ondelete="SET NULL"), index=True
    )
    started_at: Mapped[datetime]
    paid_until: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]  # since when the paid time stands still
