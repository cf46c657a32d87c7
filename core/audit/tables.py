"""The audit log."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId


class AuditRecord(Base):
    """One thing that somebody did or read. It names people by number: no personal data stands here."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_at", "at", "id"),
        Index("ix_audit_actor", "actor", "at"),
        Index("ix_audit_subject", "subject", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))  # staff:3, assistant, command line
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(96))  # customer:7, conversation:…, staff:3
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
