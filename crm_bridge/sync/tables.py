"""What is remembered about a CRM: who is who, what both sides last agreed on, what is still to be sent."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class LinkState(StrEnum):
    """Whether the contact is still in the CRM."""

    LIVE = "live"
    GONE = "gone"  # deleted there; the customer stays here


class Side(StrEnum):
    """Whose word counts."""

    ZABOTA = "zabota"
    CRM = "crm"


class Why(StrEnum):
    """Why two values stood against each other."""

    BOTH_CHANGED = "both_changed"
    FIRST_MEETING = "first_meeting"  # they differed when the customer and the contact were linked
    OWNED = "owned"  # the side that does not own the field changed it


class OutgoingKind(StrEnum):
    """What people in the CRM get from us."""

    TICKET = "ticket"
    NOTE = "note"


class CrmLink(Base):
    """A customer and a contact in a CRM are one person.

    When the customer was erased, the row stays without them, so that the next pull does not bring them back.
    """

    __tablename__ = "crm_link"
    __table_args__ = (
        UniqueConstraint("account", "remote_id"),
        UniqueConstraint("account", "customer_id"),
        Index("ix_crm_link_swept", "account", "state", "seen_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account: Mapped[str] = mapped_column(String(64))
    remote_id: Mapped[str] = mapped_column(String(128))
    customer_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("customer.id", ondelete="SET NULL"), index=True
    )
    state: Mapped[LinkState] = mapped_column(choice(LinkState, "state"), default=LinkState.LIVE)
    seen_at: Mapped[datetime]  # by the last sweep, or when it was made
    notes_at: Mapped[datetime | None]  # when the notes beside the contact were read last
    created_at: Mapped[datetime]


class CrmShadow(Base):
    """What a customer and their contact last agreed on, seen from either side.

    A side changed a field when it differs from its own column here. `pending` is what we are about to write,
    put down before the request leaves: {field: [our value, how the CRM will show it]}.
    """

    __tablename__ = "crm_shadow"
    __table_args__ = (
        UniqueConstraint("account", "customer_id"),
        Index("ix_crm_shadow_dirty", "account", "dirty_since"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account: Mapped[str] = mapped_column(String(64))
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    local: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    remote: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    pending: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    remote_updated_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=0)  # grows with every change of this row by a comparison
    touched_at: Mapped[datetime | None]  # when it grew last
    dirty_since: Mapped[datetime | None]  # a change of ours waits to be sent
    problem: Mapped[str | None] = mapped_column(String(200))  # why the CRM does not take it


class CrmConflict(Base):
    """Two edits of one field of which one had to give way. Nothing that was overwritten is missing here."""

    __tablename__ = "crm_conflict"
    __table_args__ = (
        Index("ix_crm_conflict_open", "account", "winner", "id"),
        Index("ix_crm_conflict_customer", "customer_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account: Mapped[str] = mapped_column(String(64))
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"))
    ticket_id: Mapped[int | None] = mapped_column(  # None: it is about the person
        BigId, ForeignKey("ticket.id", ondelete="CASCADE"), index=True
    )
    field: Mapped[str] = mapped_column(String(24))
    ours: Mapped[str] = mapped_column(Text)
    theirs: Mapped[str] = mapped_column(Text)
    why: Mapped[Why] = mapped_column(choice(Why, "why"))
    winner: Mapped[Side | None] = mapped_column(choice(Side, "winner"))  # None: a person must decide
    decided_by: Mapped[str | None] = mapped_column(String(100))  # None: a rule
    at: Mapped[datetime]
    decided_at: Mapped[datetime | None]


class CrmCase(Base):
    """A ticket here and one in a CRM are the same, and what they last agreed on: see `CrmShadow`."""

    __tablename__ = "crm_case"
    __table_args__ = (
        UniqueConstraint("account", "remote_id"),
        UniqueConstraint("account", "ticket_id"),
        Index("ix_crm_case_dirty", "account", "dirty_since"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account: Mapped[str] = mapped_column(String(64))
    remote_id: Mapped[str] = mapped_column(String(128))
    ticket_id: Mapped[int] = mapped_column(BigId, ForeignKey("ticket.id", ondelete="CASCADE"), index=True)
    state: Mapped[LinkState] = mapped_column(choice(LinkState, "state"), default=LinkState.LIVE)
    local: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    remote: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    pending: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    version: Mapped[int] = mapped_column(default=0)
    touched_at: Mapped[datetime]  # when the two were compared last
    dirty_since: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(String(200))
    notes_at: Mapped[datetime | None]  # when the notes beside it were read last


class CrmOutgoing(Base):
    """A ticket or note for the people in the CRM. `key` makes it one, however often it is sent."""

    __tablename__ = "crm_outgoing"
    __table_args__ = (Index("ix_crm_outgoing_waiting", "account", "sent_at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account: Mapped[str] = mapped_column(String(64))
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    kind: Mapped[OutgoingKind] = mapped_column(choice(OutgoingKind, "kind"))
    key: Mapped[str] = mapped_column(String(100), unique=True)
    subject: Mapped[str] = mapped_column(String(200), default="")
    text: Mapped[str] = mapped_column(Text)
    deal_id: Mapped[str | None] = mapped_column(String(128))  # of a note beside a deal
    remote_id: Mapped[str | None] = mapped_column(String(128))
    problem: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class CrmDeal(Base):
    """An order as the CRM last showed it, for when it does not answer."""

    __tablename__ = "crm_deal"
    __table_args__ = (UniqueConstraint("account", "remote_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account: Mapped[str] = mapped_column(String(64))
    remote_id: Mapped[str] = mapped_column(String(128))
    customer_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("customer.id", ondelete="CASCADE"), index=True
    )
    contact_id: Mapped[str | None] = mapped_column(String(128))
    title: Mapped[str] = mapped_column(Text)
    stage: Mapped[str] = mapped_column(String(100))
    amount_minor: Mapped[int | None] = mapped_column(BigId)
    currency: Mapped[str | None] = mapped_column(String(3))
    remote_updated_at: Mapped[datetime | None]
    as_of: Mapped[datetime]  # our clock, when the CRM showed it


class CrmState(Base):
    """How far the synchronisation of an account has come. One row an account."""

    __tablename__ = "crm_state"

    account: Mapped[str] = mapped_column(String(64), primary_key=True)
    cursors: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # see `crm_bridge.sync.cursors`
    fresh_as_of: Mapped[datetime | None]  # everything the CRM held then is here; our clock
    swept_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(String(200))


class CrmToken(Base):
    """The current tokens of an account whose tokens expire."""

    __tablename__ = "crm_token"

    account: Mapped[str] = mapped_column(String(64), primary_key=True)
    access: Mapped[str] = mapped_column(Text)
    refresh: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime]
