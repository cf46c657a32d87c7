"""Goods on their way back."""

from enum import StrEnum

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class ReturnWish(StrEnum):
    """What a customer wants for what they give back."""

    REFUND = "refund"
    EXCHANGE = "exchange"  # of the same kind, or replaced


class ReturnedItem(Base):
    """So many pieces of a line of an order, which a ticket says are to be returned or replaced."""

    __tablename__ = "returned_item"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    ticket_id: Mapped[int] = mapped_column(BigId, ForeignKey("ticket.id", ondelete="CASCADE"), index=True)
    order_item_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("order_item.id", ondelete="CASCADE"), index=True
    )
    quantity: Mapped[int]
    wish: Mapped[ReturnWish] = mapped_column(choice(ReturnWish, "wish"))
