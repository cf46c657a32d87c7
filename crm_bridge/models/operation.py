"""What was done once and must not be done twice."""

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from core.db import Base, BigId


class Operation(Base):
    """An operation and its result, by idempotency key. See `crm_bridge.operations.once`."""

    __tablename__ = "operation"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(255), unique=True)
    name: Mapped[str] = mapped_column(String(64))
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # null while it runs
    created_at: Mapped[datetime]
