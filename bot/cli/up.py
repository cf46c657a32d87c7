"""`zabota up`: everything in place, everything running."""

import os
import sys

import typer
from rich.console import Console

from bot.cli.assistant import train_with_progress
from bot.cli.training import TrainingFailed
from bot.registry import Registry
from core.migrations import upgrade
from core.settings import ROOT, Settings

console = Console(stderr=True)


def up() -> None:
    """Start Zabota: migrate the database, load the demo company, train if needed, run all processes.

    Ctrl-C ends them all.
    """
    settings = Settings()
    console.print("Bringing the database up to date …")
    upgrade(settings.db_url)
    if settings.demo:
        _load_demo(settings)
    if Registry(settings.models).live() is None:
        try:
            train_with_progress()
        except TrainingFailed as why:
            console.print(f"[red]The assistant could not be trained.[/]\n{why}", highlight=False)
            raise typer.Exit(1) from None
    # The supervisor replaces this process: what was needed for the preparation should not stay in memory.
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "bot.run"])  # noqa: S606


def _load_demo(settings: Settings) -> None:
    import asyncio

    from core.clock import SystemClock
    from core.db import Database
    from crm_bridge import demo

    async def load() -> None:
        db = Database(settings.db_url)
        await demo.load(db, SystemClock().now())
        await db.close()

    console.print("Loading the demo company …")
    asyncio.run(load())
