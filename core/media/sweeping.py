"""Deletes what nothing refers to any more: after an erasure, and whatever a crash left."""

from datetime import timedelta

from sqlalchemy import ColumnElement, and_, delete, select

from core.clock import Clock
from core.db import Base, Database
from core.media.store import MediaStore
from core.media.tables import Media

UNDER_WAY = timedelta(hours=1)  # bytes without a row may belong to something that is just being stored


async def sweep(db: Database, clock: Clock, store: MediaStore) -> int:
    """Delete contents that no row refers to, and bytes that no content names; how many.

    Call it where every table is known. A reference from a table that is not is safe: the database refuses.
    """
    unused = delete(Media).where(_unused()).returning(Media.sha256)
    async with db.write() as session:
        gone = set(await session.scalars(unused.execution_options(synchronize_session=False)))
    before = clock.now() - UNDER_WAY
    async for sha256, since in store.kept():
        if since <= before:
            gone.add(sha256)
    swept = 0
    for sha256 in gone:
        async with db.read() as session:
            if await session.get(Media, sha256) is not None:  # it is used, or has come again meanwhile
                continue
        await store.delete(sha256)
        swept += 1
    return swept


def _unused() -> ColumnElement[bool]:
    referring = [
        key.parent
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column is Media.__table__.c.sha256
    ]
    return and_(*(~select(column).where(column == Media.sha256).exists() for column in referring))
