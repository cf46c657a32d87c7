"""Tokens that expire, kept where every process sees the newest: encrypted, for they open the whole CRM."""

import base64
import hashlib
from typing import Any, cast

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import CursorResult, select, update

from core.clock import Clock
from core.db import Database
from crm_bridge.adapters.errors import AuthFailed
from crm_bridge.adapters.oauth import Tokens
from crm_bridge.sql import insert_if_absent
from crm_bridge.sync.tables import CrmToken


class DatabaseTokens:
    """The tokens of one account. The first ones come from the configuration."""

    def __init__(self, db: Database, clock: Clock, key: bytes, account: str, first: Tokens) -> None:
        """`key`: of any length; all processes need the same one."""
        self._db = db
        self._clock = clock
        self._cipher = Fernet(base64.urlsafe_b64encode(hashlib.sha256(key).digest()))
        self._account = account
        self._first = first

    async def load(self) -> Tokens:
        """The newest tokens.

        Raises:
            AuthFailed: they were kept under another key.
        """
        row = await self._row()
        return self._first if row is None else Tokens(self._open(row.access), self._open(row.refresh))

    async def swap(self, old: Tokens, new: Tokens) -> bool:
        access, refresh = self._close(new.access), self._close(new.refresh)
        fresh = {"access": access, "refresh": refresh, "changed_at": self._clock.now()}
        kept = await self._row()
        async with self._db.write() as session:
            if kept is None:
                row = {"account": self._account, **fresh}
                return old == self._first and await insert_if_absent(session, CrmToken, row)
            if self._open(kept.refresh) != old.refresh:
                return False
            changed = await session.execute(
                update(CrmToken)
                .where(CrmToken.account == self._account, CrmToken.refresh == kept.refresh)
                .values(**fresh)
            )
        return cast("CursorResult[Any]", changed).rowcount == 1

    async def _row(self) -> CrmToken | None:
        async with self._db.read() as session:
            return (
                await session.scalars(select(CrmToken).where(CrmToken.account == self._account))
            ).one_or_none()

    def _close(self, token: str) -> str:
        return self._cipher.encrypt(token.encode()).decode()

    def _open(self, kept: str) -> str:
        try:
            return self._cipher.decrypt(kept).decode()
        except InvalidToken:
            raise AuthFailed("the kept tokens cannot be read with this installation's key") from None
