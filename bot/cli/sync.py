"""`zabota crm sync NAME`: read a CRM now, and say how things stand."""

import asyncio
import json
import random
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import typer
from rich.console import Console
from rich.table import Table

from core.clock import Clock, SystemClock
from core.db import Database
from core.jobs import EmbeddedQueue, Worker
from core.settings import Settings, read_or_make_secret
from crm_bridge.adapters import CrmError
from crm_bridge.sync import AccountStatus, BadConfig, Conflicts, Statuses, Sync, connect, load
from crm_bridge.sync.config import FILE, TOKEN_KEY, CrmConfig

console = Console(highlight=False)
notes = Console(stderr=True, highlight=False)
SHOWN = 20  # conflicts
BAD_CONFIG, UNKNOWN, NO_ANSWER = 2, 3, 4  # exit codes


def sync(
    name: Annotated[str, typer.Argument(help=f"The account's name in {FILE}.")],
    everything: Annotated[
        bool, typer.Option("--all", help="Read everything, and find what was deleted there.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Only say how things stand.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    config: Annotated[Path | None, typer.Option(help=f"Default: {FILE} in the data folder.")] = None,
) -> None:
    """Synchronise with a CRM now, and show lag, what waits, and conflicts.

    Exit codes: 2 the configuration is wrong, 3 no such account, 4 the CRM does not answer.
    """
    settings = Settings()
    try:
        accounts = load(config or settings.var / FILE)
    except BadConfig as wrong:
        notes.print("\n".join(wrong.lines), style="red")
        raise typer.Exit(BAD_CONFIG) from None
    if name not in accounts.accounts:
        known = ", ".join(accounts.accounts) or "none"
        notes.print(f"There is no account {name!r}. Accounts: {known}.", style="red")
        raise typer.Exit(UNKNOWN)
    try:
        asyncio.run(
            _run(settings, accounts, name, everything=everything, only_status=status, as_json=as_json)
        )
    except CrmError as error:
        notes.print(f"{name}: {type(error).__name__}: {error}", style="red")
        notes.print("The product goes on with what it knows; nothing is lost.")
        raise typer.Exit(NO_ANSWER) from None


async def _run(
    settings: Settings, accounts: CrmConfig, name: str, *, everything: bool, only_status: bool, as_json: bool
) -> None:
    db, clock = Database(settings.db_url), SystemClock()
    try:
        if not only_status:
            await _synchronise(settings, accounts, name, db, clock, everything=everything)
        figures = await Statuses(db, clock).of(name)
        conflicts = await Conflicts(db, EmbeddedQueue(db, clock), clock).listed(name, limit=SHOWN)
    finally:
        await db.close()
    if as_json:
        body: dict[str, Any] = {**asdict(figures), "recent_conflicts": [asdict(each) for each in conflicts]}
        print(json.dumps(body, ensure_ascii=False, default=str))
        return
    _show(figures)
    if conflicts:
        table = Table("when", "customer", "field", "here", "there", "kept")
        for each in conflicts:
            when = f"{each.at:%Y-%m-%d %H:%M}"
            kept = each.winner.value if each.winner else "waits for a decision"
            table.add_row(when, str(each.customer_id), each.field, each.ours, each.theirs, kept)
        console.print(table)


async def _synchronise(
    settings: Settings, accounts: CrmConfig, name: str, db: Database, clock: Clock, *, everything: bool
) -> None:
    queue = EmbeddedQueue(db, clock, lease=settings.job_lease)
    async with aiohttp.ClientSession() as session:
        key = read_or_make_secret(settings.var / "secrets" / TOKEN_KEY)
        parties = connect(accounts, session, db, clock, key)
        service = Sync(db, queue, clock, parties, settings.time_zone)
        with notes.status(f"Reading {name} …"):
            count = await (service.sweep(name) if everything else service.pull(name))
        with notes.status("Sending what waits …"):
            own = {
                kind: run for kind, run in service.handlers().items() if kind not in ("crm_pull", "crm_sweep")
            }
            worker = Worker(f"cli-{settings.process_name}", queue, own, clock, random.Random())  # noqa: S311
            await worker.drain()
    words = f"{count} contacts seem to be gone there" if everything else f"{count} records looked at"
    notes.print(f"{name}: {words}.")


def _show(figures: AccountStatus) -> None:
    table = Table(show_header=False, box=None)
    lag = f"{figures.lag.total_seconds():.0f} s" if figures.lag is not None else "never read to the end"
    table.add_row("lag", lag)
    table.add_row("waiting to be sent", str(figures.waiting))
    table.add_row("refused by the CRM", str(figures.refused))
    table.add_row("conflicts to decide", str(figures.conflicts))
    if figures.failing_since is not None:
        table.add_row("failing since", f"{figures.failing_since:%Y-%m-%d %H:%M} UTC: {figures.error}")
    console.print(table)
