"""`zabota train`."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bot.cli.training import TrainingFailed
from bot.cli.training import train as run_training
from bot.registry import Model
from core.settings import Settings

console = Console(stderr=True)


def train(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train the assistant on data/ and make the new model the live one.

    A running engine takes the model at its next start. Exit code 1: the training failed and nothing changed.
    """
    try:
        model = train_with_progress()
    except TrainingFailed as why:
        console.print(f"[red]The training failed; the live model is as it was.[/]\n{why}", highlight=False)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(vars(model)))
    else:
        console.print(f"Trained in {model.seconds:.0f} s: models/{model.file}", highlight=False)


def train_with_progress() -> Model:
    """Train, showing which component is at work."""
    columns = SpinnerColumn(), TextColumn("Training: {task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting")
        return run_training(Settings().models, lambda component: progress.update(task, description=component))
