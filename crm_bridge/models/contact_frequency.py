"""How often a customer wants to be written to."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId


class ContactFrequency(Base):
    """How many messages a week a customer wants at most."""

    __tablename__ = "contact_frequency"

    customer_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    per_week: Mapped[int]
    changed_at: Mapped[datetime]
