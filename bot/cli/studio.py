"""`zabota studio`: what the studio's pages do, for pipelines.

Exit codes: 0 done; 1 it could not be done, the message says why; 3 the gate refuses the model.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from sqlalchemy import select

from bot.cli import studio_data
from bot.registry import Registry, TamperedModel, UnknownModel
from bot.studio.files import TrainingFiles
from bot.studio.gate import FIGURES, Outcome
from bot.studio.inbox import Inbox, Unknown
from bot.studio.places import Places
from bot.studio.rollout import LARGEST_SHARE, NeedsReason, Rollout
from bot.studio.runs import Busy, Runs, running
from bot.studio.shell import texts
from bot.studio.tables import Run, RunState, Trial, Verdict
from bot.studio.trainer import Trainer
from bot.studio.watching import described, trial_as_json
from core.clock import SystemClock
from core.db import Database
from core.migrations import upgrade
from core.settings import Settings

app = typer.Typer(help="Retrain the assistant.", no_args_is_help=True)
studio_data.add_to(app)
REFUSED = 3
_T = TypeVar("_T")
_NO_MODEL = "no such model of this engine, or it was changed, or it is live already."
_out, _err = Console(), Console(stderr=True, soft_wrap=True)
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("inbox")
def show_inbox(
    measuring: Annotated[
        bool, typer.Option("--measuring", help="The messages drawn by chance, which only measure.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """What waits for a decision, similar messages together."""

    async def read(db: Database, settings: Settings) -> list[dict[str, Any]]:
        async with db.read() as session:
            found = await Inbox(SystemClock()).groups(session, measuring=measuring)
        return [
            {"group": g.id, "size": g.size, "reasons": g.reasons, "suggested": g.suggested, "texts": g.texts}
            for g in found
        ]

    groups = _with_db(read)
    if as_json:
        typer.echo(json.dumps(groups, ensure_ascii=False, indent=1))
        return
    table = Table("group", "messages", "why", "suggested", "for example")
    for one in groups:
        suggested = ", ".join(name for name, _ in one["suggested"])
        table.add_row(
            str(one["group"]), str(one["size"]), ", ".join(one["reasons"]), suggested, Text(one["texts"][0])
        )
    _out.print(table)


@app.command()
@studio_data.readable
def label(
    group: Annotated[int, typer.Argument(help="Number of a group, from `zabota studio inbox`.")],
    intent: Annotated[str, typer.Argument(help="An intent, out_of_scope, or ignore.")],
) -> None:
    """Decide what the messages of a group mean."""

    async def decide(db: Database, settings: Settings) -> int:
        known = TrainingFiles(settings.project, Places(settings).lock).intents()
        verdict = Verdict(intent) if intent in (Verdict.OUT_OF_SCOPE, Verdict.IGNORE) else Verdict.INTENT
        if verdict is Verdict.INTENT and intent not in known:
            _fail(f"There is no intent {intent}.")
        async with db.write() as session:
            try:
                decision = await Inbox(SystemClock()).decide(session, group, verdict, intent, None)
            except Unknown:
                _fail(f"Nothing of the group {group} waits.")
            return decision.id

    _say(f"Decision {_with_db(decide)}: {intent}")


@app.command()
def undo(
    decision: Annotated[int, typer.Argument(help="Number of a decision, from `zabota studio label`.")],
) -> None:
    """Take a decision back: its messages wait again."""

    async def work(db: Database, settings: Settings) -> None:
        async with db.write() as session:
            try:
                await Inbox(SystemClock()).undo(session, decision, None)
            except Unknown:
                _fail(f"There is no decision {decision} that holds.")

    _with_db(work)
    _say(f"Decision {decision} is undone.")


@app.command()
def train(as_json: _Json = False) -> None:
    """Write decisions into the files, train, and compare with the live model. Nothing goes live."""

    async def work(db: Database, settings: Settings) -> Run:
        runs = Runs(db, SystemClock(), settings)
        try:
            run_id = await runs.written_down(None)
        except Busy:
            _fail("A training is under way.")
        trainer = asyncio.create_task(Trainer(db, SystemClock(), settings, run_id).run())
        columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
        with Progress(*columns, console=_err, transient=True) as progress:
            task = progress.add_task("start", total=1.0)
            try:
                while not trainer.done():
                    async with db.read() as session:
                        if (run := await running(session)) is not None:
                            progress.update(task, description=run.stage, completed=run.share)
                    await asyncio.wait([trainer], timeout=0.3)
            except asyncio.CancelledError:  # Ctrl+C
                await runs.cancel(run_id, None)
                raise
        await trainer
        async with db.read() as session:
            return await session.get_one(Run, run_id)

    run = _with_db(work)
    _show(run, as_json)
    if run.state is not RunState.DONE:
        raise typer.Exit(1)
    if run.comparison and run.comparison["outcome"] == Outcome.WORSE:
        raise typer.Exit(REFUSED)


@app.command()
def compare(
    run: Annotated[int | None, typer.Argument(help="Number of a run; the newest when not given.")] = None,
    as_json: _Json = False,
) -> None:
    """How a trained model compares with the live one."""

    async def read(db: Database, settings: Settings) -> Run | None:
        async with db.read() as session:
            if run is not None:
                return await session.get(Run, run)
            newest = await Runs(db, SystemClock(), settings).newest(session, 1)
            return newest[0] if newest else None

    found = _with_db(read)
    if found is None:
        _fail("There is no such run.")
    _show(found, as_json)


@app.command()
def models(as_json: _Json = False) -> None:
    """The models that can go live."""
    settings = Settings()
    registry = Registry(settings.models, settings.models_key)
    live = registry.live_model()
    rows = [
        {"file": one.file, "live": live is not None and one.file == live.file, "trained_at": one.trained_at}
        for one in registry.models()
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        _say(f"{'→' if row['live'] else ' '} {row['file']}  {row['trained_at']}")


@app.command()
def promote(
    model: Annotated[str, typer.Argument(help="File of the model.")],
    reason: Annotated[str, typer.Option(help="Why it goes live although the gate refuses it.")] = "",
    shadow: Annotated[
        bool, typer.Option("--shadow", help="It only reads what customers write; nobody notices.")
    ] = False,
    canary: Annotated[
        int | None,
        typer.Option(
            help="It answers this share of the conversations, in percent.", min=1, max=LARGEST_SHARE
        ),
    ] = None,
) -> None:
    """Make a model live, or try it first; running engines take it over within seconds."""
    if shadow and canary is not None:
        _fail("Either --shadow or --canary.")

    async def work(db: Database, settings: Settings) -> str:
        rollout = Rollout(SystemClock(), Registry(settings.models, settings.models_key))
        try:
            async with db.write() as session:
                if shadow:
                    await rollout.shadow(session, model, None)
                    return f"Tried in the shadow: {model}"
                if canary is not None:
                    await rollout.canary(session, model, canary, None, reason)
                    return f"Answers {canary} % of the conversations: {model}"
                await rollout.promote(session, model, None, reason)
                return f"Live: {model}"
        except NeedsReason:
            _err.print("The gate refuses this model, or it was not compared with the live one. See --reason.")
            raise typer.Exit(REFUSED) from None
        except (UnknownModel, TamperedModel) as why:
            _fail(f"{why}: {_NO_MODEL}")

    _say(_with_db(work))


@app.command("rollout")
def show_rollout(
    stop: Annotated[bool, typer.Option("--stop", help="End the trial that is under way.")] = False,
    as_json: _Json = False,
) -> None:
    """What is tried on live traffic, and how it does beside the live model."""

    async def work(db: Database, settings: Settings) -> dict[str, Any] | None:
        if stop:
            rollout = Rollout(SystemClock(), Registry(settings.models, settings.models_key))
            async with db.write() as session:
                await rollout.stop(session, None)
        async with db.read() as session:
            last = await session.scalar(select(Trial).order_by(Trial.id.desc()).limit(1))
            return trial_as_json(await described(session, last)) if last else None

    trial = _with_db(work)
    if as_json:
        typer.echo(json.dumps(trial, ensure_ascii=False, indent=1))
    elif trial is None:
        _out.print("Nothing has been tried yet.")
    else:
        for name, value in trial.items():
            _say(f"{name}: {value}")


@app.command()
def rollback() -> None:
    """Bring back the model that was live before."""

    async def work(db: Database, settings: Settings) -> str | None:
        rollout = Rollout(SystemClock(), Registry(settings.models, settings.models_key))
        try:
            async with db.write() as session:
                done = await rollout.rollback(session, None)
        except (UnknownModel, TamperedModel) as why:
            _fail(f"{why}: {_NO_MODEL}")
        return done.model if done else None

    file = _with_db(work)
    if file is None:
        _fail("There is no model before this one.")
    _say(f"Live: {file}")


def _show(run: Run, as_json: bool) -> None:
    if as_json:
        about = {
            "run": run.id,
            "state": run.state,
            "model": run.model,
            "live": run.live,
            "origin": run.origin,
        }
        whole = {**about, "log": run.log, "comparison": run.comparison}
        typer.echo(json.dumps(whole, ensure_ascii=False))
        return
    _say(run.log.strip())
    facts = run.comparison
    if not facts:
        return
    table = Table("", "live", "new")
    for name in FIGURES:
        table.add_row(texts(f"figure.{name}", "en"), str(facts["live"][name]), str(facts["new"][name]))
    _out.print(table)
    for one in facts["changed"][:20]:
        sign = "+" if one["right"] else "-"
        _say(f"{sign} «{one['text']}» {one['truth']}: {one['live']} → {one['new']}")
    _say(f"{texts('outcome.' + facts['outcome'], 'en')}.")
    for reason in facts["reasons"]:
        key, _, intent = reason.partition(":")
        _say(f"- {texts(f'why.{key}', 'en', **({'intent': intent} if intent else {}))}")
    _say(f"Newly right: {facts['gained']}, newly wrong: {facts['lost']}, p = {facts['p']}")


def _say(line: str) -> None:
    """A line as it stands: neither markup nor colours."""
    _out.print(line, markup=False, highlight=False)


def _with_db(work: Callable[[Database, Settings], Awaitable[_T]]) -> _T:
    settings = Settings()
    upgrade(settings.db_url)  # a pipeline may come before anything else was started

    async def run() -> _T:
        db = Database(settings.db_url)
        try:
            return await work(db, settings)
        finally:
            await db.close()

    return asyncio.run(run())


def _fail(message: str) -> NoReturn:
    _err.print(message, style="red", markup=False)
    raise typer.Exit(1)
