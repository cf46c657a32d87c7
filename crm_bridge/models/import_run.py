"""Files that bring customers in."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class ImportState(StrEnum):
    """Where an import stands."""

    RUNNING = "running"  # or interrupted: the same file goes on where this one stopped
    DONE = "done"


class ImportRun(Base):
    """One file with one mapping. It advances in the transaction of the batch that it tells of."""

    __tablename__ = "import_run"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256 of content and mapping
    state: Mapped[ImportState] = mapped_column(choice(ImportState, "state"))
    records: Mapped[int] = mapped_column(default=0)  # behind us
    created: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
