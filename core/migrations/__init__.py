"""Schema migrations, run by the product itself: `upgrade(url)`."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config


def config(url: str) -> Config:
    """Alembic's configuration for one database; there is no alembic.ini."""
    cfg = Config()
    cfg.set_main_option("script_location", str(Path(__file__).parent))
    cfg.attributes["url"] = url
    return cfg


def upgrade(url: str) -> None:
    """Bring the schema to the newest revision. Does nothing when it is there already."""
    command.upgrade(config(url), "head")


async def upgrade_async(url: str) -> None:
    """The same, callable from a running event loop."""
    await asyncio.to_thread(upgrade, url)
