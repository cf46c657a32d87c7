"""`zabota up`: everything in place, everything running."""

import asyncio
import contextlib
import os
import socket
import sys

import typer
from rich.console import Console

from bot.cli.assistant import train_with_progress
from bot.cli.training import TrainingFailed
from bot.registry import Registry, TamperedModel
from bot.run import CUSTOMERS_TO_TRY
from bot.web.staff.accounts import Accounts, LoginTaken
from bot.web.staff.roles import Role
from core.clock import SystemClock
from core.db import Database
from core.migrations import upgrade
from core.settings import ROOT, Settings, read_or_make_secret
from crm_bridge import demo

console = Console(stderr=True)
DEMO_STAFF = (
    ("anna", "Анна", Role.AGENT),
    ("boris", "Борис", Role.SUPERVISOR),
    ("vera", "Вера", Role.ADMINISTRATOR),
)


def up() -> None:
    """Start Zabota: migrate the database, load the demo company, train if needed, run all processes.

    Ctrl-C ends them all.
    """
    settings = Settings()
    _refuse_taken_ports(settings)
    trained = _has_model(settings)
    console.print("Bringing the database up to date …")
    upgrade(settings.db_url)
    if settings.demo:
        os.environ[CUSTOMERS_TO_TRY] = _load_demo(settings)
    if not trained:
        try:
            train_with_progress()
        except TrainingFailed as why:
            console.print(f"[red]The assistant could not be trained.[/]\n{why}", highlight=False)
            raise typer.Exit(1) from None
    # The supervisor replaces this process: what was needed for the preparation should not stay in memory.
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "bot.run"])  # noqa: S606


def _has_model(settings: Settings) -> bool:
    try:
        return Registry(settings.models, settings.models_key).live() is not None
    except TamperedModel as file:
        advice = "It was changed, or trained with another var/. Move models/ away, and a new one is trained."
        console.print(f"[red]{file} is not a model of this installation.[/]\n{advice}", highlight=False)
        raise typer.Exit(1) from None


def _refuse_taken_ports(settings: Settings) -> None:
    ports = {
        "ZABOTA_PORT": (settings.host, settings.port),
        "ZABOTA_ENGINE_PORT": ("127.0.0.1", settings.engine_port),
        "ZABOTA_ACTIONS_PORT": ("127.0.0.1", settings.actions_port),
    }
    for name, (host, port) in ports.items():
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                advice = f"Is Zabota running already? If not, choose another port with {name}."
                console.print(f"[red]Cannot listen on {host}:{port}: {error.strerror}.[/]\n{advice}")
                raise typer.Exit(1) from None


def _load_demo(settings: Settings) -> str:
    """Load the demo company once; who is there to try, in words."""

    async def load() -> tuple[list[demo.DemoCustomer], list[str]]:
        db = Database(settings.db_url)
        try:
            await demo.load(db, SystemClock().now())
            return await demo.showcase(db), await _demo_staff(db, settings)
        finally:
            await db.close()

    console.print("Loading the demo company …")
    people, staff = asyncio.run(load())
    lines = [f"    {who.name}, {who.phone}, {who.email}: {who.situation}" for who in people]
    return "\n".join(["  customers to try (give their phone or e-mail in the chat):", *lines, *staff])


async def _demo_staff(db: Database, settings: Settings) -> list[str]:
    """Accounts to try the desk with. Their passwords are made once for this installation."""
    accounts = Accounts(db, SystemClock(), settings.staff_key)
    lines = [f"  staff to try ({settings.base_url}/desk):"]
    for login, name, role in DEMO_STAFF:
        password = read_or_make_secret(settings.var / "secrets" / f"demo_{login}").decode()[:12]
        with contextlib.suppress(LoginTaken):
            await accounts.add(login, name, password, frozenset({role}), "demo")
        lines.append(f"    {login}, password {password}: {role}")
    return lines
