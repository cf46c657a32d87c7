"""What is in the media store."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base


class Media(Base):
    """One content, however often it was sent. Whoever refers to it keeps it alive."""

    __tablename__ = "media"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)  # lower-case hex
    size: Mapped[int]  # bytes
    type: Mapped[str] = mapped_column(String(100))  # MIME, as the content says
    created_at: Mapped[datetime]
