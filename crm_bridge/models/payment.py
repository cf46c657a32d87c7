"""Money for an order."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class PaymentMethod(StrEnum):
    """What the customer pays with."""

    CARD = "card"
    SBP = "sbp"  # the Russian fast payment system
    PAYPAL = "paypal"
    ON_DELIVERY = "on_delivery"


class PaymentState(StrEnum):
    """Where a payment stands."""

    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class Payment(Base):
    """Money for an order. Of a card only the last four digits are ever kept."""

    __tablename__ = "payment"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(BigId, ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    method: Mapped[PaymentMethod] = mapped_column(choice(PaymentMethod, "method"))
    last_four: Mapped[str | None] = mapped_column(String(4))
    state: Mapped[PaymentState] = mapped_column(choice(PaymentState, "state"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime]
