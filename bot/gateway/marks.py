"""How far a channel that is fetched, not pushed, has been read."""

from sqlalchemy import String, update
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, Database
from crm_bridge.sql import insert_if_absent


class ChannelMark(Base):
    """The mark of one account. It may lag: the inbox recognises what comes again."""

    __tablename__ = "channel_mark"

    key: Mapped[str] = mapped_column(String(100), primary_key=True)  # channel:account
    mark: Mapped[str] = mapped_column(String(100))


class Marks:
    """Keeps the marks of all accounts."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get(self, channel: str, account: str) -> str | None:
        async with self._db.read() as session:
            found = await session.get(ChannelMark, f"{channel}:{account}")
        return found.mark if found else None

    async def set(self, channel: str, account: str, mark: str) -> None:
        key = f"{channel}:{account}"
        async with self._db.write() as session:
            if not await insert_if_absent(session, ChannelMark, {"key": key, "mark": mark}):
                await session.execute(update(ChannelMark).where(ChannelMark.key == key).values(mark=mark))
