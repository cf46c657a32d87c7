"""A parcel on its way."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class CheckpointKind(StrEnum):
    """What a carrier reports about a parcel."""

    ACCEPTED = "accepted"
    IN_TRANSIT = "in_transit"
    ARRIVED_HUB = "arrived_hub"
    CUSTOMS = "customs"
    OUT_FOR_DELIVERY = "out_for_delivery"
    READY_FOR_PICKUP = "ready_for_pickup"
    DELIVERED = "delivered"
    DELAY_WEATHER = "delay_weather"
    DELAY_SORTING = "delay_sorting"
    ADDRESS_PROBLEM = "address_problem"
    RETURNED = "returned"


DELAYS = frozenset(
    {
        CheckpointKind.DELAY_WEATHER,
        CheckpointKind.DELAY_SORTING,
        CheckpointKind.CUSTOMS,
        CheckpointKind.ADDRESS_PROBLEM,
    }
)


class Shipment(Base):
    """A parcel handed to a carrier."""

    __tablename__ = "shipment"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(BigId, ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    carrier: Mapped[str] = mapped_column(String(64))
    tracking_number: Mapped[str] = mapped_column(String(64), index=True)
    created_at: Mapped[datetime]

    checkpoints: Mapped[list["Checkpoint"]] = relationship(
        lazy="raise", order_by=lambda: (Checkpoint.at.desc(), Checkpoint.id.desc())
    )


class Checkpoint(Base):
    """One thing that happened to a parcel."""

    __tablename__ = "checkpoint"
    __table_args__ = (Index("ix_checkpoint_shipment", "shipment_id", "at", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    shipment_id: Mapped[int] = mapped_column(BigId, ForeignKey("shipment.id", ondelete="CASCADE"))
    kind: Mapped[CheckpointKind] = mapped_column(choice(CheckpointKind, "kind"))
    place: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime]
