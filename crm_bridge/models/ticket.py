"""A matter that people see to."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from core.media.tables import Media
from crm_bridge.models.choice import choice


class TicketKind(StrEnum):
    """What a ticket is about."""

    QUESTION = "question"
    REQUEST = "request"
    COMPLAINT = "complaint"
    DEFECT = "defect"


class TicketState(StrEnum):
    """Where a ticket stands."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"  # for the customer
    SOLVED = "solved"
    CLOSED = "closed"


class TicketPriority(StrEnum):
    """How soon a ticket must be seen to."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


UNSOLVED = frozenset({TicketState.OPEN, TicketState.IN_PROGRESS, TicketState.WAITING})


class Ticket(Base):
    """A matter that people see to. `external_ref` is its id in the company's own CRM."""

    __tablename__ = "ticket"
    __table_args__ = (
        Index("ix_ticket_customer", "customer_id", "opened_at", "id"),
        Index("ix_ticket_due_at", "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"))
    number: Mapped[str] = mapped_column(String(64), unique=True)
    external_ref: Mapped[str | None] = mapped_column(String(128), index=True)
    kind: Mapped[TicketKind] = mapped_column(choice(TicketKind, "kind"))
    state: Mapped[TicketState] = mapped_column(choice(TicketState, "state"))
    priority: Mapped[TicketPriority] = mapped_column(
        choice(TicketPriority, "priority"), default=TicketPriority.NORMAL
    )
    subject: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text, default="")
    order_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("orders.id", ondelete="SET NULL"), index=True
    )
    conversation_id: Mapped[str | None] = mapped_column(
        String(64), ForeignKey("conversation.id", ondelete="SET NULL"), index=True
    )
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    solved_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]


class TicketFile(Base):
    """What came with a ticket: a picture, a scan. What it holds is in the media store, under its hash."""

    __tablename__ = "ticket_file"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    ticket_id: Mapped[int] = mapped_column(BigId, ForeignKey("ticket.id", ondelete="CASCADE"), index=True)
    sha256: Mapped[str] = mapped_column(String(64), ForeignKey(Media.sha256), index=True)
    name: Mapped[str] = mapped_column(String(255))
    at: Mapped[datetime]
