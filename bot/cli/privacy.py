"""`zabota privacy`: show a person everything that is held about them, and erase it."""

import asyncio
import getpass
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console

import bot.tables  # noqa: F401 - every table must be known, or it would be passed over
from bot.gateway.privacy import GatewayStore
from core.clock import SystemClock
from core.db import Database
from core.media import MediaStore, sweep
from core.settings import Settings
from crm_bridge import privacy
from crm_bridge.models import Customer
from crm_bridge.privacy import NobodyMeant, SeveralMeant, Stores

app = typer.Typer(help="Requests of people about their data.", no_args_is_help=True)
console = Console(stderr=True, highlight=False)
_Result = TypeVar("_Result")

NOBODY, NOT_SCRUBBED = 1, 3  # exit codes

Who = Annotated[str, typer.Argument(help="Reference, id, phone or e-mail of the customer; id:7 is an id.")]


def stores() -> Stores:
    """Every place of this installation where something about a person may lie."""
    known = Stores()
    known.register(GatewayStore())
    return known


@app.command()
def export(
    customer: Who,
    out: Annotated[Path | None, typer.Option(help="Folder for the two files; here, if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON and write no files.")] = False,
) -> None:
    """Write everything that is held about a customer: JSON for machines, text for the person.

    Exit code 1: nobody is meant, or several are.
    """

    async def run(db: Database) -> tuple[int, privacy.Held]:
        customer_id, _ = await _find(db, customer)
        return customer_id, await privacy.export(db, SystemClock(), stores(), customer_id)

    customer_id, held = _with_database(run)
    if as_json:
        print(held.as_json())
        return
    folder = out or Path()
    folder.mkdir(parents=True, exist_ok=True)
    for ending, content in (("json", held.as_json()), ("txt", held.as_text())):
        file = folder / f"customer-{customer_id}.{ending}"
        file.touch(mode=0o600)
        file.write_text(content, encoding="utf-8")
        console.print(f"written: {file}")


@app.command()
def erase(
    customer: Who,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    by: Annotated[str, typer.Option(help="Who does it; stands on the receipt.")] = "",
    scrub: Annotated[
        bool, typer.Option(help="Also rewrite the database's files, so that no byte is left in them.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipt as JSON.")] = False,
) -> None:
    """Erase everything about a customer, for good, and print a receipt that does not say who it was.

    Exit codes: 1 nobody is meant, or several are; 3 it is erased, but the files could not be rewritten
    completely, because others were reading: run `zabota privacy scrub` when nothing else runs.
    """

    settings = Settings()

    async def run(db: Database) -> tuple[privacy.Erased, bool]:
        customer_id, name = await _find(db, customer)
        if not yes:
            typer.confirm(f"Erase everything about customer {customer_id}, {name}?", abort=True, err=True)
        receipt = await privacy.erase(db, SystemClock(), stores(), customer_id, by or getpass.getuser())
        await sweep(db, SystemClock(), MediaStore(settings.media_url, settings.var / "media"))
        return receipt, not scrub or await privacy.scrub(db, receipt.rows)

    receipt, scrubbed = _with_database(run)
    if as_json:
        print(json.dumps(asdict(receipt) | {"scrubbed": scrub and scrubbed}, default=str))
    else:
        rows = sum(receipt.rows.values())
        console.print(f"Erased: {rows} rows in {len(receipt.rows)} tables. Receipt {receipt.number}.")
    if not scrubbed:
        raise typer.Exit(NOT_SCRUBBED)


@app.command("scrub")
def scrub_() -> None:
    """Rewrite the database's files, so that no byte of what was erased is left in them.

    Exit code 3: others were reading, and the log could not be emptied.
    """

    async def run(db: Database) -> bool:
        return await privacy.scrub(db, Customer.metadata.tables)

    if not _with_database(run):
        raise typer.Exit(NOT_SCRUBBED)


async def _find(db: Database, words: str) -> tuple[int, str]:
    """Whom the words mean, and their name."""
    async with db.read() as session:
        try:
            customer_id = await privacy.find_customer(session, words)
        except NobodyMeant:
            console.print("[red]No customer is meant by that.[/]")
            raise typer.Exit(NOBODY) from None
        except SeveralMeant as several:
            ids = ", ".join(f"id:{id_}" for id_ in several.ids)
            console.print(f"[red]Several customers are meant:[/] {ids}. Say which.")
            raise typer.Exit(NOBODY) from None
        return customer_id, (await session.get_one(Customer, customer_id)).name


def _with_database(run: Callable[[Database], Awaitable[_Result]]) -> _Result:
    async def whole() -> _Result:
        db = Database(Settings().db_url)
        try:
            return await run(db)
        finally:
            await db.close()

    return asyncio.run(whole())
