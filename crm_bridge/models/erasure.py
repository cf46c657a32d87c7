"""What is left when everything about a person was erased."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from core.db import Base, BigId


class ErasureReceipt(Base):
    """Proof that somebody was erased. It does not say who: the number is given to the person who asked."""

    __tablename__ = "erasure_receipt"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(String(32), unique=True)  # random
    erased: Mapped[dict[str, int]] = mapped_column(JSON)  # store → how many rows
    by: Mapped[str] = mapped_column(String(100))  # who of the staff
    at: Mapped[datetime]
