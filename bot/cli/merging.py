"""`zabota crm merge`, `unmerge` and `apart`: an administrator decides who is one person."""

import asyncio
import getpass
import json
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncSession

import bot.tables  # noqa: F401 - what belongs to a customer in any of them must follow
from core.clock import SystemClock
from core.db import Database
from core.jobs import EmbeddedQueue
from core.settings import Settings
from crm_bridge.duplicates import CannotMerge, CannotUnmerge, Merges, Proposals
from crm_bridge.sync import announcements, load
from crm_bridge.sync.config import FILE

notes = Console(stderr=True, highlight=False)

REFUSED = 1  # exit code

By = Annotated[str, typer.Option(help="Who decides; you, if not given.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def merge(
    kept: Annotated[int, typer.Argument(help="The customer who stays.")],
    absorbed: Annotated[int, typer.Argument(help="The customer whose everything goes to them.")],
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Make two customers one. It can be undone: see `zabota crm unmerge`.

    Exit code 1: one of them does not exist or was merged before.
    """

    async def run(session: AsyncSession, merges: Merges, _: Proposals) -> int:
        return await merges.merge(session, kept, absorbed, by or getpass.getuser(), administrator=True)

    number = _decide(run)
    if as_json:
        print(json.dumps({"merge": number}))
    else:
        notes.print(f"Customer {absorbed} is customer {kept} now. To undo it: zabota crm unmerge {number}")


def unmerge(
    number: Annotated[int, typer.Argument(help="What `merge` said.")],
    by: By = "",
) -> None:
    """Make them two again. What came after the merge stays with the one who was kept.

    Exit code 1: there is no such merge, or it was undone.
    """

    async def run(session: AsyncSession, merges: Merges, _: Proposals) -> int:
        await merges.unmerge(session, number, by or getpass.getuser())
        return number

    _decide(run)
    notes.print("They are two customers again, and will not be proposed any more.")


def apart(
    number: Annotated[int, typer.Argument(help="The proposal's number in `zabota crm duplicates`.")],
    by: By = "",
) -> None:
    """Decide that a proposed pair are two people; they are not proposed again.

    Exit code 1: there is no such proposal, or it is decided.
    """

    async def run(session: AsyncSession, _: Merges, proposals: Proposals) -> int:
        if not await proposals.refuse(session, number, by or getpass.getuser()):
            raise CannotMerge(f"proposal {number} is not there or decided already")
        return number

    _decide(run)
    notes.print("They stay two customers.")


def _decide(run: Callable[[AsyncSession, Merges, Proposals], Awaitable[int]]) -> int:
    settings = Settings()

    async def whole() -> int:
        db, clock = Database(settings.db_url), SystemClock()
        config = load(settings.var / FILE)
        merges = Merges(clock, announcements(config, EmbeddedQueue(db, clock), clock))
        try:
            async with db.write() as session:
                return await run(session, merges, Proposals(db, clock))
        finally:
            await db.close()

    try:
        return asyncio.run(whole())
    except (CannotMerge, CannotUnmerge) as why:
        notes.print(f"Nothing was changed: {why}.", markup=False)
        raise typer.Exit(REFUSED) from None
