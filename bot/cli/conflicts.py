"""`zabota crm conflicts`: edits that stood against each other, and a person's decision."""

import asyncio
import getpass
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from core.clock import SystemClock
from core.db import Database
from core.jobs import EmbeddedQueue
from core.settings import Settings
from crm_bridge.sync import Conflicts, ConflictView, Side
from crm_bridge.sync.conflicts import AlreadyDecided

app = typer.Typer(help="Edits that stood against each other in Zabota and in a CRM.")
console = Console(highlight=False)
notes = Console(stderr=True, highlight=False)
_Result = TypeVar("_Result")

UNKNOWN, TOO_LATE = 1, 3  # exit codes

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


class Whose(StrEnum):
    """Whose value stands."""

    OURS = "ours"
    THEIRS = "theirs"


_SIDES = {Whose.OURS: Side.ZABOTA, Whose.THEIRS: Side.CRM}


@app.callback(invoke_without_command=True)
def conflicts(
    context: typer.Context,
    account: Annotated[str | None, typer.Option(help="Only of this account.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that are decided, too.")] = False,
    before: Annotated[int | None, typer.Option(help="The page below: those with a smaller number.")] = None,
    limit: Annotated[int, typer.Option(help="Show so many.", min=1)] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what waits for a decision, newest first: both values, why they stood against each other, when."""
    if context.invoked_subcommand is not None:
        return
    only_open = not everything
    found = _with_conflicts(
        lambda them: them.listed(account, only_open=only_open, before=before, limit=limit)
    )
    if as_json:
        print(json.dumps([asdict(each) for each in found], ensure_ascii=False, default=str))
    elif found:
        console.print(_table(found, ZoneInfo(Settings().time_zone)))
    else:
        notes.print("Nothing waits for a decision." if only_open else "There are no conflicts.")


@app.command()
def decide(
    number: Annotated[int, typer.Argument(help="The conflict's number in the list.")],
    whose: Annotated[Whose, typer.Argument(help="Whose value stands on both sides.")],
    by: Annotated[str, typer.Option(help="Who decides; you, if not given.")] = "",
    as_json: AsJson = False,
) -> None:
    """Decide a conflict. The other side follows at once, or as soon as its CRM answers.

    Exit codes: 1 there is no such conflict, 3 somebody else has decided it.
    """
    try:
        _with_conflicts(lambda them: them.decide(number, _SIDES[whose], by or getpass.getuser()))
    except LookupError:
        notes.print(f"[red]There is no conflict {number}.[/]")
        raise typer.Exit(UNKNOWN) from None
    except AlreadyDecided as earlier:
        notes.print(f"Conflict {number} is decided already, by {earlier}.", markup=False)
        raise typer.Exit(TOO_LATE) from None
    if as_json:
        print(json.dumps({"id": number, "winner": _SIDES[whose].value}))
    else:
        notes.print(f"Conflict {number}: {whose.value} stands.")


def _table(found: list[ConflictView], zone: ZoneInfo) -> Table:
    table = Table("no.", "when", "account", "customer", "field", "ours", "theirs", "why", "decided")
    for each in found:
        whose = str(each.customer_id) + (f", ticket {each.ticket_id}" if each.ticket_id else "")
        row = (str(each.id), _when(each.at, zone), each.account, whose, each.field)
        table.add_row(*row, each.ours, each.theirs, each.why.value.replace("_", " "), _decided(each, zone))
    return table


def _decided(conflict: ConflictView, zone: ZoneInfo) -> str:
    if conflict.winner is None:
        return "waits"
    whose = next(whose for whose, side in _SIDES.items() if side is conflict.winner)
    when = f", {_when(conflict.decided_at, zone)}" if conflict.decided_at else ""
    return f"{whose.value}, by {conflict.decided_by or 'the rules'}{when}"


def _when(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def _with_conflicts(run: Callable[[Conflicts], Awaitable[_Result]]) -> _Result:
    async def whole() -> _Result:
        db, clock = Database(Settings().db_url), SystemClock()
        try:
            return await run(Conflicts(db, EmbeddedQueue(db, clock), clock))
        finally:
            await db.close()

    return asyncio.run(whole())
