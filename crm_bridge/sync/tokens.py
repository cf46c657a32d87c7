"""Tokens that expire, kept where every process sees the newest."""

from typing import Any, cast

from sqlalchemy import CursorResult, select, update

from core.clock import Clock
from core.db import Database
from crm_bridge.adapters.oauth import Tokens
from crm_bridge.sql import insert_if_absent
from crm_bridge.sync.tables import CrmToken


class DatabaseTokens:
    """The tokens of one account. The first ones come from the configuration."""

    def __init__(self, db: Database, clock: Clock, account: str, first: Tokens) -> None:
        self._db = db
        self._clock = clock
        self._account = account
        self._first = first

    async def load(self) -> Tokens:
        query = select(CrmToken.access, CrmToken.refresh).where(CrmToken.account == self._account)
        async with self._db.read() as session:
            row = (await session.execute(query)).one_or_none()
        return self._first if row is None else Tokens(row.access, row.refresh)

    async def swap(self, old: Tokens, new: Tokens) -> bool:
        now = self._clock.now()
        fresh = {"account": self._account, "access": new.access, "refresh": new.refresh, "changed_at": now}
        async with self._db.write() as session:
            if old == self._first and await insert_if_absent(session, CrmToken, fresh):
                return True
            changed = await session.execute(
                update(CrmToken)
                .where(CrmToken.account == self._account, CrmToken.refresh == old.refresh)
                .values(access=new.access, refresh=new.refresh, changed_at=now)
            )
        return cast("CursorResult[Any]", changed).rowcount == 1
