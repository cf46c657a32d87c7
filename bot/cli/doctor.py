"""`zabota doctor`: what is wrong with this installation, in words."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated
from urllib.request import urlopen

import typer
from rich.console import Console
from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError

from bot.cli.training import ENGINE_PYTHON
from bot.registry import Registry, TamperedModel
from core.clock import SystemClock
from core.db import Database
from core.jobs import EmbeddedQueue, ParkedJob
from core.settings import ROOT, Settings

console = Console(highlight=False)
SHOWN = 5  # parked jobs that are named


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `advice` says what to do when it is not well."""

    what: str
    well: bool
    found: str
    advice: str = ""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look at everything this installation needs. Exit code 1 when something is not well."""
    settings = Settings()
    findings = [check(settings) for check in CHECKS]
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        for finding in findings:
            mark = "[green]✓[/]" if finding.well else "[red]✗[/]"
            console.print(f"{mark} {finding.what}: {finding.found}")
            if not finding.well:
                console.print(f"    {finding.advice}")
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


def _engine_environment(_: Settings) -> Finding:
    what = "engine's environment"
    if not ENGINE_PYTHON.exists():
        return Finding(what, False, "missing", "Run `make setup`.")
    probe = subprocess.run(  # noqa: S603 - our own environment
        [ENGINE_PYTHON, "-c", "import importlib.metadata as m; print(m.version('rasa'))"],
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode != 0:
        return Finding(what, False, "Rasa is not installed in it", "Run `make setup`.")
    return Finding(what, True, f"Rasa {probe.stdout.strip()}")


def _database(settings: Settings) -> Finding:
    async def revision() -> str | None:
        db = Database(settings.db_url)
        try:
            async with db.read() as session:
                found: str | None = await session.scalar(text("select version_num from alembic_version"))
                return found
        finally:
            await db.close()

    what, url = "database", make_url(settings.db_url)
    kind = url.get_backend_name()
    if kind == "sqlite" and not Path(url.database or "").exists():
        return Finding(what, False, "not made yet", "`make run` makes it.")
    try:
        return Finding(what, True, f"{kind}, schema {asyncio.run(revision())}")
    except (SQLAlchemyError, OSError) as error:
        advice = "`make run` creates the tables. For PostgreSQL, check ZABOTA_DATABASE_URL."
        return Finding(what, False, f"{kind} cannot be read ({type(error).__name__})", advice)


def _parked(settings: Settings) -> Finding:
    """Jobs that nobody could run: a line that poisons its channel, a message that kills its process."""

    async def look() -> list[ParkedJob]:
        db = Database(settings.db_url)
        try:
            return await EmbeddedQueue(db, SystemClock()).parked()
        finally:
            await db.close()

    what = "jobs set aside"
    try:
        parked = asyncio.run(look())
    except (SQLAlchemyError, OSError):
        return Finding(what, True, "cannot be read while the database cannot")
    if not parked:
        return Finding(what, True, "none")
    named = "; ".join(f"{job.id} {job.kind} ({job.error})" for job in parked[:SHOWN])
    more = f" and {len(parked) - SHOWN} more" if len(parked) > SHOWN else ""
    advice = (
        "Look for these ids in the log. They hold nobody up; the customers concerned were left to people."
    )
    return Finding(what, False, named + more, advice)


def _model(settings: Settings) -> Finding:
    try:
        live = Registry(settings.models, settings.models_key).live()
    except TamperedModel as file:
        advice = "It is not the file that was trained here. Train again: `zabota train`."
        return Finding("model", False, f"{file} has been changed", advice)
    if live is None:
        found = "none that was trained with this version of the engine"
        return Finding("model", False, found, "Train one: `zabota train`.")
    return Finding("model", True, live.name)


def _demo(settings: Settings) -> Finding:
    public = settings.host not in ("127.0.0.1", "localhost", "::1")
    advice = "The demo shows one-time codes on a page. Set ZABOTA_DEMO=false, or listen on 127.0.0.1."
    return Finding("demo", not (settings.demo and public), "on" if settings.demo else "off", advice)


def _disk(settings: Settings) -> Finding:
    place = settings.var if settings.var.exists() else ROOT
    free = shutil.disk_usage(place).free / 1e9
    return Finding("free disk space", free > 1, f"{free:.1f} GB", "Less than 1 GB is left: make room.")


def _answers(name: str, url: Callable[[Settings], str]) -> Callable[[Settings], Finding]:
    def check(settings: Settings) -> Finding:
        try:
            with urlopen(url(settings), timeout=3) as response:  # noqa: S310 - our own address
                return Finding(name, response.status == 200, "answers", "See its log.")
        except OSError:
            return Finding(name, False, "does not answer", "Start everything with `make run`; see the log.")

    return check


def _checks() -> Iterator[Callable[[Settings], Finding]]:
    yield from (_engine_environment, _database, _parked, _model, _demo, _disk)
    yield _answers("engine", lambda s: f"http://127.0.0.1:{s.engine_port}/webhooks/zabota/health")
    yield _answers("actions", lambda s: f"http://127.0.0.1:{s.actions_port}/health")
    yield _answers("gateway", lambda s: f"http://127.0.0.1:{s.port}/health")


CHECKS = tuple(_checks())
