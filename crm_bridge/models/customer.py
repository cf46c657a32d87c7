"""A person who buys."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId


class Customer(Base):
    """A person who buys. `external_ref` is their id in the company's own site or CRM."""

    __tablename__ = "customer"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    external_ref: Mapped[str | None] = mapped_column(String(128), unique=True)
    given_name: Mapped[str] = mapped_column(String(100))
    patronymic: Mapped[str | None] = mapped_column(String(100))
    family_name: Mapped[str] = mapped_column(String(100))
    language: Mapped[str] = mapped_column(String(8))
    time_zone: Mapped[str] = mapped_column(String(64))  # an IANA name
    created_at: Mapped[datetime]

    @property
    def name(self) -> str:
        """How to address the person."""
        return f"{self.given_name} {self.family_name}".strip()
