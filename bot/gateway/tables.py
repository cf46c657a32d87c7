"""Transport: what came in, what goes out, which buttons were issued. Conversations live in `crm_bridge`."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from core.media.tables import Media


class Inbox(Base):
    """One event that a channel delivered. Written before the sender is told «accepted»."""

    __tablename__ = "inbox"
    __table_args__ = (UniqueConstraint("channel", "account", "event_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    channel: Mapped[str] = mapped_column(String(20))
    account: Mapped[str] = mapped_column(String(64))
    event_id: Mapped[str] = mapped_column(String(160))
    sender: Mapped[str] = mapped_column(String(160))
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    received_at: Mapped[datetime]
    processed_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(20))  # answered, silent, dropped, apologised


class LineState(StrEnum):
    """Where a line stands on its way out."""

    READY = "ready"
    SENDING = "sending"  # a request may be under way; found so at the start, nobody knows what became of it
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    UNCERTAIN = "uncertain"  # it may have arrived, and must not be said twice
    DROPPED = "dropped"  # its ownership epoch passed
    FAILED = "failed"


class Outbox(Base):
    """One line on its way to a customer. `epoch` is the ownership its author saw."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_conversation_id", "conversation_id", "id"),
        Index("ix_outbox_identity", "identity_id", "state"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("message.id"), unique=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"))
    epoch: Mapped[int]
    state: Mapped[str] = mapped_column(String(10), default=LineState.READY)  # a `LineState`
    channel: Mapped[str] = mapped_column(String(32))  # where it goes; changes when this way is closed
    account: Mapped[str] = mapped_column(String(64))
    identity_id: Mapped[int] = mapped_column(BigId, ForeignKey("identity.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(String(16), default="reply")  # see `policy.Use`
    priority: Mapped[int] = mapped_column(default=0)
    part: Mapped[int] = mapped_column(default=0)  # the next part to send
    repeats: Mapped[int] = mapped_column(default=0)  # how often it was said again, in doubt
    tried: Mapped[list[str]] = mapped_column(JSON, default=list)  # channels that turned out closed
    failure: Mapped[str | None] = mapped_column(String(24))
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class Sending(Base):
    """One part of a line that is with the provider. Receipts name it by the provider's id."""

    __tablename__ = "sending"
    __table_args__ = (
        Index("ix_sending_ref", "channel", "account", "ref"),
        Index("ix_sending_outbox", "outbox_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    outbox_id: Mapped[int] = mapped_column(BigId, ForeignKey("outbox.id", ondelete="CASCADE"))
    part: Mapped[int]
    channel: Mapped[str] = mapped_column(String(32))
    account: Mapped[str] = mapped_column(String(64))
    ref: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(10), default=LineState.SENT)
    sent_at: Mapped[datetime]


class Pace(Base):
    """When an account may send its next message. In the database, so that no restart forgets it."""

    __tablename__ = "pace"

    key: Mapped[str] = mapped_column(String(100), primary_key=True)  # channel:account
    free_at: Mapped[datetime]


class Attachment(Base):
    """A file of a message. What it holds is in the media store, under its hash."""

    __tablename__ = "attachment"
    __table_args__ = (Index("ix_attachment_message", "message_id"), Index("ix_attachment_sha256", "sha256"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)  # random: part of an address
    message_id: Mapped[str] = mapped_column(String(64), ForeignKey("message.id", ondelete="CASCADE"))
    sha256: Mapped[str] = mapped_column(String(64), ForeignKey(Media.sha256))
    kind: Mapped[str] = mapped_column(String(16))  # a `FileKind`
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class Press(Base):
    """A button that was issued: the browser knows the id, only we know what it means."""

    __tablename__ = "press"
    __table_args__ = (Index("ix_press_message_id", "message_id"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"))
    message_id: Mapped[str] = mapped_column(ForeignKey("message.id"))
    title: Mapped[str] = mapped_column(String(200))
    intent: Mapped[str] = mapped_column(String(100))
    entities: Mapped[dict[str, Any]] = mapped_column(JSON)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
