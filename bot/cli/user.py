"""`zabota user`: accounts of people who work here."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from bot.web.staff.accounts import Accounts, LoginTaken, Staff, WeakPassword
from bot.web.staff.roles import Role
from bot.web.staff.sessions import Sessions
from core.clock import SystemClock
from core.db import Database
from core.migrations import upgrade
from core.settings import Settings

app = typer.Typer(help="Staff accounts.", no_args_is_help=True)
console = Console(stderr=True, highlight=False)
BY = "command line"
_Result = TypeVar("_Result")

Login = Annotated[str, typer.Argument(help="What this person logs in with.")]
Password = Annotated[
    str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for.")
]


@app.command()
def add(
    login: Login,
    name: Annotated[str, typer.Option(prompt="Name, as customers see it", help="Shown to customers.")],
    role: Annotated[list[Role], typer.Option(help="May be given several times.")],
    password: Password,
    language: Annotated[str, typer.Option(help="ru or en: the language of the pages.")] = "ru",
) -> None:
    """Make an account."""

    async def work(accounts: Accounts, _sessions: Sessions) -> Staff:
        return await accounts.add(login, name, password, frozenset(role), BY, language)

    try:
        staff = _run(work)
    except LoginTaken:
        raise typer.BadParameter(f"there is an account called {login} already") from None
    except WeakPassword:
        raise typer.BadParameter("the password is too short: at least ten characters") from None
    console.print(f"{staff.login} may log in as {', '.join(sorted(staff.roles))}.")


@app.command("list")
def list_() -> None:
    """Who may log in, and as what."""

    async def work(accounts: Accounts, _sessions: Sessions) -> list[Staff]:
        return await accounts.all()

    table = Table("login", "name", "roles", "second factor")
    for staff in _run(work):
        table.add_row(
            staff.login, staff.name, ", ".join(sorted(staff.roles)), "on" if staff.second_factor else "off"
        )
    Console().print(table)


@app.command()
def password(login: Login, password: Password) -> None:
    """Give somebody a new password; they are logged out everywhere."""

    async def work(accounts: Accounts, sessions: Sessions) -> None:
        staff = await _found(accounts, login)
        await accounts.set_password(staff.id, password, BY)
        await sessions.end_all(staff.id)

    try:
        _run(work)
    except WeakPassword:
        raise typer.BadParameter("the password is too short: at least ten characters") from None
    console.print(f"{login} has a new password and is logged out everywhere.")


@app.command()
def disable(login: Login) -> None:
    """Close an account; what this person did stays."""

    async def work(accounts: Accounts, sessions: Sessions) -> None:
        staff = await _found(accounts, login)
        await accounts.disable(staff.id, BY)
        await sessions.end_all(staff.id)

    _run(work)
    console.print(f"{login} cannot log in any more.")


async def _found(accounts: Accounts, login: str) -> Staff:
    for staff in await accounts.all():
        if staff.login == login.strip().lower():
            return staff
    raise typer.BadParameter(f"there is no account called {login}")


def _run(work: Callable[[Accounts, Sessions], Awaitable[_Result]]) -> _Result:
    settings = Settings()
    upgrade(settings.db_url)

    async def run() -> _Result:
        db = Database(settings.db_url)
        try:
            accounts = Accounts(db, SystemClock(), settings.staff_key)
            return await work(accounts, Sessions(db, SystemClock(), accounts))
        finally:
            await db.close()

    return asyncio.run(run())
