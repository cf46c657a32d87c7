"""What a customer pays with next time."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from crm_bridge.models.choice import choice
from crm_bridge.models.payment import PaymentMethod


class SavedMethod(Base):
    """A card or an account left for later payments. Of a card only the last four digits are ever kept."""

    __tablename__ = "payment_method"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    method: Mapped[PaymentMethod] = mapped_column(choice(PaymentMethod, "method"))
    last_four: Mapped[str | None] = mapped_column(String(4))
    expires_at: Mapped[datetime | None]  # the first moment at which a card is no longer valid
    is_default: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
