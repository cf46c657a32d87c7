"""Papers of a customer."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class DocumentKind(StrEnum):
    """What a document is."""

    RECEIPT = "receipt"
    INVOICE = "invoice"
    CONTRACT = "contract"
    OTHER = "other"


class Document(Base):
    """A paper of a customer. The file itself lies in the file store under `storage_key`."""

    __tablename__ = "document"
    __table_args__ = (Index("ix_document_customer", "customer_id", "issued_at", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id", ondelete="CASCADE"))
    order_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("orders.id", ondelete="SET NULL"), index=True
    )
    kind: Mapped[DocumentKind] = mapped_column(choice(DocumentKind, "kind"))
    number: Mapped[str | None] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(200))
    storage_key: Mapped[str] = mapped_column(String(255))
    media_type: Mapped[str] = mapped_column(String(100))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    issued_at: Mapped[datetime]
    valid_until: Mapped[datetime | None]
