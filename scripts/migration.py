"""Writes a migration: the difference between the models and an empty database that is up to date."""

import sys
import tempfile
from pathlib import Path

from alembic import command

from bot.tables import MODULES
from core.migrations import config, upgrade


def main() -> None:
    assert MODULES, "imported for their tables"
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'empty.db'}"
        upgrade(url)
        command.revision(config(url), message=sys.argv[1] or "change", autogenerate=True)


if __name__ == "__main__":
    main()
