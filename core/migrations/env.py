"""Alembic's entry point. `Base.metadata` holds what the caller has imported: nothing is needed to upgrade."""

import asyncio
from pathlib import Path
from typing import Literal

from alembic import context
from sqlalchemy import Connection, pool
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from core.db import Base, UtcDateTime


def _render(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Migrations are history: they must not change when our own types do."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def _described(name: str | None, kind: str, _parents: object) -> bool:
    """Whether a model describes it: full-text search is made and kept by SQL alone (revision 0010)."""
    return not (
        kind in ("table", "index") and name and name.startswith(("message_search", "customer_search"))
    )


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=_render,
        include_name=_described,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _run(url: str) -> None:
    engine = create_async_engine(url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_migrate)
        await connection.commit()
    await engine.dispose()


url = context.config.attributes["url"]
parsed = make_url(url)
if parsed.get_backend_name() == "sqlite" and parsed.database:
    Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
asyncio.run(_run(url))
