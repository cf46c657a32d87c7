"""A thing that a customer owns and the company looks after."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId


class Asset(Base):
    """A thing that a customer owns. Maintenance is due after so many days or so much usage, or never."""

    __tablename__ = "asset"
    __table_args__ = (
        Index("ix_asset_customer", "customer_id", "bought_at", "id"),
        Index("ix_asset_warranty_until", "warranty_until"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"))
    order_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("orders.id", ondelete="SET NULL"), index=True
    )
    title: Mapped[str] = mapped_column(String(200))
    serial_number: Mapped[str | None] = mapped_column(String(64), index=True)
    bought_at: Mapped[datetime]
    warranty_until: Mapped[datetime | None]
    usage: Mapped[int | None]  # since it was bought, in `usage_unit`
    usage_unit: Mapped[str | None] = mapped_column(String(24))  # hours, cups, km
    usage_at: Mapped[datetime | None]  # when the usage was read
    maintenance_days: Mapped[int | None]  # between two maintenances
    maintenance_usage: Mapped[int | None]  # between two maintenances, in `usage_unit`
    maintained_at: Mapped[datetime | None]
    maintained_usage: Mapped[int | None]  # what the usage was then
