"""Things that a customer bought and that last."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from core.db import Database
from crm_bridge.models import Asset


@dataclass(frozen=True, slots=True)
class AssetView:
    """A thing of the customer."""

    id: int
    title: str
    serial_number: str | None
    bought_at: datetime
    warranty_until: datetime | None  # None: nobody knows


def meant(assets: Iterable[AssetView], value: str | None) -> AssetView | None:
    """The thing that a reminder's button names: `asset:7`."""
    return next((one for one in assets if value == f"asset:{one.id}"), None)


class Assets:
    """Things, always of one customer."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of_customer(self, customer_id: int, limit: int = 20) -> list[AssetView]:
        """The newest first."""
        query = select(Asset).where(Asset.customer_id == customer_id)
        newest = query.order_by(Asset.bought_at.desc(), Asset.id.desc()).limit(limit)
        async with self._db.read() as session:
            return [
                AssetView(row.id, row.title, row.serial_number, row.bought_at, row.warranty_until)
                for row in await session.scalars(newest)
            ]
