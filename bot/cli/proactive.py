"""`zabota proactive`: messages before the problem."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from bot.channels.accounts import FILE, load
from bot.gateway.policy import ChannelPolicy
from bot.proactive.book import Kept, RuleBook, UnknownRule, WrongStep
from bot.proactive.rules import (
    FOLDER,
    BadRule,
    Limits,
    Rule,
    known_intents,
    parse_limits,
    parse_rule,
    read_limits,
    rule_files,
)
from bot.proactive.service import Predicting, allowed_by, models_of, reachable
from bot.proactive.tables import RuleState
from bot.proactive.working import ranges
from core import logs
from core.clock import SystemClock
from core.db import Database
from core.migrations import upgrade
from core.settings import ROOT, Settings
from crm_bridge.company.channels import read as read_channels
from crm_bridge.privacy import NobodyMeant, SeveralMeant, find_customer

app = typer.Typer(help="Messages to customers before a predicted problem arises.", no_args_is_help=True)
rules_app = typer.Typer(help="The rules.", no_args_is_help=True)
app.add_typer(rules_app, name="rules")
console = Console(stderr=True, highlight=False)
BY = "command line"
WRONG, NOBODY = 1, 2  # exit codes
_Result = TypeVar("_Result")
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


@app.command()
def run(as_json: AsJson = False) -> None:
    """Predict and decide for all customers now. The running product sends what was decided."""
    settings, clock = Settings(), SystemClock()

    async def work(db: Database) -> dict[str, Any]:
        book = RuleBook(clock)
        async with db.write() as session:
            await book.read_files(session, BY)
        predicting = Predicting(
            db, clock, book, read_limits(), _allows(), _kinds(settings), models_of(settings)
        )
        world, told = await predicting.world(), dict[str, int]()
        signals = 0
        with Progress(console=console, transient=True) as bar:
            for part in bar.track(await ranges(db), description="Customers"):
                counted = await predicting.run(part, world)
                signals += counted.signals
                for name, count in counted.decided.items():
                    told[name] = told.get(name, 0) + count
        return {"rules": [rule.name for rule in world.rules], "signals": signals, "decided": told}

    done = _with_database(settings, work)
    if as_json:
        print(json.dumps(done))
        return
    if not done["rules"]:
        console.print("No rule is live. See: zabota proactive rules list")
        return
    console.print(f"{len(done['rules'])} rules, {done['signals']} signals.")
    for name, count in sorted(done["decided"].items(), key=lambda each: -each[1]):
        console.print(f"{count:>8}  {name}")


@app.command()
def explain(
    customer: Annotated[str, typer.Argument(help="Id, phone, e-mail, or the id in the company's own CRM.")],
    language: Annotated[str, typer.Option(help="ru or en.")] = "en",
    as_json: AsJson = False,
) -> None:
    """Why a customer was written to, or was not."""
    from bot.proactive.explaining import why

    async def work(db: Database) -> list[dict[str, Any]]:
        async with db.read() as session:
            found = await find_customer(session, customer)
            return [asdict(each) for each in await why(session, found, language)]

    try:
        told = _with_database(Settings(), work)
    except (NobodyMeant, SeveralMeant) as who:
        console.print("Several customers are meant." if isinstance(who, SeveralMeant) else "Nobody is meant.")
        raise typer.Exit(NOBODY) from None
    if as_json:
        print(json.dumps(told, ensure_ascii=False, default=str))
        return
    for each in told:
        console.print(
            f"{each['decided_at']:%Y-%m-%d %H:%M}  {each['title']}: {each['why']}\n"
            f"    because {each['reason']} ({each['probability']:.0%}); "
            f"{each['channel'] or 'no channel'}; {each['outcome'] or 'the outcome is open'}",
            markup=False,
        )
    if not told:
        console.print("Nothing was predicted about this customer.")


@app.command()
def simulate(
    since: Annotated[datetime, typer.Option("--from", help="The first moment, UTC.")],
    until: Annotated[datetime, typer.Option("--to", help="The last moment, UTC.")],
    rules: Annotated[Path, typer.Option(help="A folder with rules and limits.yml.")] = FOLDER,
    against: Annotated[Path | None, typer.Option(help="Another folder, to compare with.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only these rules.")] = None,
    every: Annotated[int, typer.Option(help="Hours between two looks.", min=1)] = 3,
    as_json: AsJson = False,
) -> None:
    """Replay past data: who would have been told what and why. Nothing is sent."""
    from bot.proactive.simulate import compare, simulate

    settings = Settings()
    step = timedelta(hours=every)

    async def work(db: Database) -> list[Any]:
        done = []
        for folder in filter(None, (rules, against)):
            chosen, limits = _folder(folder)
            wanted = [rule for rule in chosen if not only or rule.name in only]
            with Progress(console=console, transient=True) as bar:
                task = bar.add_task(folder.name, total=1.0)
                done.append(
                    await simulate(
                        db, wanted, limits, _allows(), reachable(_kinds(settings)), models_of(settings),
                        _utc(since), _utc(until), step=step,
                        progress=partial(_advance, bar, task),
                    )
                )  # fmt: skip
        return done

    done = _with_database(settings, work)
    if as_json:
        print(json.dumps([each.as_json() for each in done], ensure_ascii=False))
        return
    for result in done:
        _show(result)
    if len(done) > 1:
        table = Table("rule", "first", "second")
        for name, one, other in compare(*done):
            table.add_row(name, str(one), str(other))
        console.print(table)


@app.command()
def learn(as_json: AsJson = False) -> None:
    """Train the predictors on this company's own history; what is too thin keeps its stated rule."""
    from bot.proactive.learning.teaching import learn as train

    settings = Settings()

    async def work(db: Database) -> dict[str, str]:
        return await train(db, models_of(settings), SystemClock().now())

    told = _with_database(settings, work)
    if as_json:
        print(json.dumps(told))
        return
    for kind, what in told.items():
        console.print(f"{kind}: {what}", markup=False)


@app.command()
def bench(
    telco: Annotated[
        Path | None, typer.Option(help="The Telco churn table as published; columns: see the docs.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """How good predictions and the measured effect are on simulated companies, beside their goals."""
    from bench.proactive import Figure, figures

    logs.set_up(level="warning", process="bench")

    def told(figure: Figure) -> None:
        low, high = min(figure.values), max(figure.values)
        mark = "" if figure.goal == "-" else "[green]met[/]" if figure.met else "[red]missed[/]"
        console.print(f"{figure.name:<52} {low:.3f} … {high:.3f}  {figure.goal:<8} {mark}")

    try:
        found = figures(telco, (lambda _: None) if as_json else told)
    except ValueError as why:
        raise typer.BadParameter(str(why)) from None
    if as_json:
        print(json.dumps([figure.as_json() for figure in found]))
    raise typer.Exit(0 if all(figure.met for figure in found) else WRONG)


@rules_app.command("check")
def check(
    files: Annotated[list[Path] | None, typer.Argument(help="Files; all of data/proactive if none.")] = None,
) -> None:
    """Say what is wrong with rules, with line and field."""
    intents, wrong = known_intents(), 0
    for path in files or [*rule_files(), FOLDER / "limits.yml"]:
        text = path.read_text(encoding="utf-8")
        try:
            if path.name == "limits.yml":
                parse_limits(text)
            else:
                parse_rule(text, intents)
        except BadRule as why:
            wrong += len(why.mistakes)
            for mistake in why.mistakes:
                console.print(f"{path}: {mistake}", markup=False)
    if wrong:
        raise typer.Exit(WRONG)
    console.print("All rules are understood.")


@rules_app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Which rules there are, and how far each has come."""

    async def work(db: Database) -> list[dict[str, str]]:
        book = RuleBook(SystemClock())
        async with db.write() as session:
            await book.read_files(session, BY)
            return [
                {"rule": kept.name, "state": kept.state.value, "since": kept.changed_at.isoformat()}
                for kept in await book.all(session)
            ]

    told = _with_database(Settings(), work)
    if as_json:
        print(json.dumps(told))
        return
    table = Table("rule", "state", "since")
    for each in told:
        table.add_row(*each.values())
    console.print(table)


@rules_app.command("try")
def try_out(
    name: str, days: Annotated[int, typer.Option(help="Of the past, up to now.", min=1, max=90)] = 14
) -> None:
    """Try a rule on the past, beside the live ones: after that a draft is simulated and may go live."""
    from bot.proactive.trial import trial

    settings, clock = Settings(), SystemClock()

    async def work(db: Database) -> Kept:
        book = RuleBook(clock)
        async with db.write() as session:
            await book.read_files(session, BY)
            await book.one(session, name)
        limits, kinds = read_limits(FOLDER), _kinds(settings)
        await trial(db, clock, limits, _allows(), kinds, models_of(settings), name, days, BY)
        async with db.read() as session:
            return await book.one(session, name)

    try:
        kept = _with_database(settings, work)
    except UnknownRule:
        raise typer.BadParameter(f"there is no rule {name}") from None
    console.print(f"{name} is {kept.state}. What it would have done: /proactive/simulations.")


@rules_app.command("move")
def move(
    name: str,
    state: Annotated[RuleState, typer.Argument(help="draft, live or paused.")],
    why: Annotated[str, typer.Option(help="Kept in the rule's history.")] = "",
) -> None:
    """Bring a rule into another state: draft → simulated (by `rules try`) → live → paused."""
    if state is RuleState.SIMULATED:
        raise typer.BadParameter(f"only a trial brings a rule there: zabota proactive rules try {name}")

    async def work(db: Database) -> None:
        book = RuleBook(SystemClock())
        async with db.write() as session:
            await book.read_files(session, BY)
            await book.move(session, name, state, BY, why)

    try:
        _with_database(Settings(), work)
    except UnknownRule:
        raise typer.BadParameter(f"there is no rule {name}") from None
    except WrongStep as step:
        raise typer.BadParameter(f"a rule cannot go this way: {step}") from None
    console.print(f"{name} is {state}.")


def _advance(bar: Progress, task: TaskID, share: float) -> None:
    bar.update(task, completed=share)


def _folder(folder: Path) -> tuple[list[Rule], Limits]:
    try:
        chosen = [parse_rule(path.read_text(encoding="utf-8")) for path in rule_files(folder)]
        limits = read_limits(folder if (folder / "limits.yml").is_file() else FOLDER)
    except BadRule as why:
        raise typer.BadParameter(f"{folder}: {why}") from None
    return chosen, limits


def _show(result: Any) -> None:
    table = Table(
        "rule", "messages", "hold-out", "not sent, and why", title=f"{result.since} … {result.until}"
    )
    for name, counts in sorted(result.by_rule.items()):
        others = {key: count for key, count in counts.items() if key not in ("send", "holdout")}
        said = ", ".join(f"{key} {count}" for key, count in sorted(others.items(), key=lambda each: -each[1]))
        table.add_row(name, str(counts.get("send", 0)), str(counts.get("holdout", 0)), said)
    console.print(table)
    hours = " ".join(f"{hour}:{count}" for hour, count in sorted(result.per_hour.items()))
    console.print(f"{result.messages} messages; the busiest hour has {result.busiest}. By UTC hour: {hours}")


def _allows() -> Any:
    return allowed_by(ChannelPolicy.of(read_channels(ROOT / "data/company.yml")))


def _kinds(settings: Settings) -> set[str]:
    return {account.kind for account in load(settings.var / FILE).accounts.values()}


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _with_database(settings: Settings, work: Callable[[Database], Awaitable[_Result]]) -> _Result:
    logs.set_up(level="warning", process="proactive")  # and not between what scripts read
    upgrade(settings.db_url)

    async def whole() -> _Result:
        db = Database(settings.db_url)
        try:
            return await work(db)
        finally:
            await db.close()

    return asyncio.run(whole())
