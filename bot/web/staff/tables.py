"""Accounts of staff and their sessions."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, BigId


class StaffAccount(Base):
    """Somebody who works here. `roles`: what they may do, words of `roles.Role`."""

    __tablename__ = "staff_account"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    login: Mapped[str] = mapped_column(String(100), unique=True)  # lower case
    name: Mapped[str] = mapped_column(String(100))  # as customers see it
    roles: Mapped[list[Any]] = mapped_column(JSON)
    language: Mapped[str] = mapped_column(String(8))
    password_hash: Mapped[str] = mapped_column(String(200))
    totp_secret: Mapped[bytes | None] = mapped_column(LargeBinary)  # encrypted
    totp_step: Mapped[int | None]  # of the last code that was taken: no code is taken twice
    totp_since: Mapped[datetime | None]  # None: no second factor (yet)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    oidc_subject: Mapped[str | None] = mapped_column(
        String(255), unique=True
    )  # who it is for the log-in server


class StaffSession(Base):
    """One log-in. The browser has the token, we have its hash."""

    __tablename__ = "staff_session"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("staff_account.id", ondelete="CASCADE"), index=True
    )
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    needs_second_factor: Mapped[bool]
    browser: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
