"""The migrations make the tables that the models describe."""

import asyncio

from alembic import command
from sqlalchemy import inspect

from bot.tables import MODULES
from core.db import Base, Database
from core.migrations import config


async def test_nothing_is_left_to_migrate(db: Database) -> None:
    assert MODULES
    url = db.url.render_as_string(hide_password=False)
    await asyncio.to_thread(command.check, config(url))  # raises when models and tables differ
    async with db.engine.connect() as connection:
        tables = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
    assert set(Base.metadata.tables) <= tables
