"""Messages that go out beside any conversation, such as one-time codes."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId
from crm_bridge.models.choice import choice


class NoticeChannel(StrEnum):
    """How a notice goes out."""

    SMS = "sms"
    EMAIL = "email"


class Notice(Base):
    """An SMS or an e-mail to be sent.

    A withheld one is never sent, names nobody and says nothing: it stands for the code that an unknown
    contact does not get, so that both cases cost the same.
    """

    __tablename__ = "notice"
    __table_args__ = (Index("ix_notice_outgoing", "withheld", "sent_at", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    channel: Mapped[NoticeChannel] = mapped_column(choice(NoticeChannel, "channel"))
    address: Mapped[str] = mapped_column(String(254))
    text: Mapped[str] = mapped_column(Text)
    withheld: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
