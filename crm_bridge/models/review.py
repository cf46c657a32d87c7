"""What a customer says in public."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId


class Review(Base):
    """An opinion that a customer gave, with one to five stars, and what the company answered."""

    __tablename__ = "review"
    __table_args__ = (
        CheckConstraint("stars BETWEEN 1 AND 5", name="stars"),
        Index("ix_review_customer", "customer_id", "at", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"))
    order_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("orders.id", ondelete="SET NULL"), index=True
    )
    subject: Mapped[str] = mapped_column(String(200))  # what it is about
    stars: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(String(64))  # the site where it stands
    may_publish: Mapped[bool] = mapped_column(default=False, server_default=false())  # the customer agreed
    answer: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
