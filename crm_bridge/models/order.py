"""What a customer bought."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, BigId
from crm_bridge.models.choice import choice

if TYPE_CHECKING:
    from crm_bridge.models.payment import Payment
    from crm_bridge.models.shipment import Shipment


class OrderState(StrEnum):
    """Where an order stands."""

    NEW = "new"
    PAID = "paid"
    PACKING = "packing"
    SHIPPED = "shipped"
    IN_DELIVERY = "in_delivery"  # with the courier
    READY_FOR_PICKUP = "ready_for_pickup"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    RETURNED = "returned"


CLOSED = frozenset({OrderState.DELIVERED, OrderState.CANCELLED, OrderState.RETURNED})


class DeliveryMethod(StrEnum):
    """How an order reaches the customer."""

    COURIER = "courier"
    PICKUP = "pickup"
    POST = "post"


class Order(Base):
    """An order. `number` is stored as `crm_bridge.orders.order_number` writes it."""

    __tablename__ = "orders"  # ORDER is a word of SQL
    __table_args__ = (Index("ix_orders_customer", "customer_id", "placed_at", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"))
    number: Mapped[str] = mapped_column(String(64), unique=True)
    state: Mapped[OrderState] = mapped_column(choice(OrderState, "state"))
    total_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    delivery_method: Mapped[DeliveryMethod] = mapped_column(choice(DeliveryMethod, "delivery_method"))
    delivery_city: Mapped[str] = mapped_column(String(100))
    delivery_place: Mapped[str | None] = mapped_column(String(200))  # the pick-up point, or the address
    placed_at: Mapped[datetime]
    promised_at: Mapped[datetime | None]  # said when the order was placed; never moved
    expected_at: Mapped[datetime | None]  # what the carrier says now
    delivered_at: Mapped[datetime | None]
    keep_until: Mapped[datetime | None]  # how long the pick-up point keeps it
    promo_code: Mapped[str | None] = mapped_column(String(40))  # that made it cheaper

    items: Mapped[list["OrderItem"]] = relationship(lazy="raise", order_by="OrderItem.id")
    shipments: Mapped[list["Shipment"]] = relationship(lazy="raise", order_by="Shipment.id")
    payments: Mapped[list["Payment"]] = relationship(lazy="raise", order_by="Payment.id")


class OrderItem(Base):
    """One line of an order. The currency is the order's."""

    __tablename__ = "order_item"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(BigId, ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(String(200))
    quantity: Mapped[int]
    price_minor: Mapped[int] = mapped_column(BigInteger)  # of one piece
