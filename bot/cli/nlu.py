"""`zabota nlu`: how well the assistant understands, and what is wrong with its training data.

The work is done by the engine's Python (`bot.engine.nlu.tool`), which prints one JSON object a line.

Exit codes: 0 done; 1 cannot be done, the message says why; 2 wrong arguments; 3 done, and `lint` found
errors.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

__all__ = ["app"]

app = typer.Typer(help="How well the assistant understands.", no_args_is_help=True)

ROOT = Path(__file__).resolve().parents[2]
ENGINE_PYTHON = ROOT / ".venv-engine" / "bin" / "python"
STOCK_ENVIRONMENT = ROOT / ".venv-stock"
STOCK_PROJECT = ROOT / "bot" / "engine" / "tensorflow"
LINT_FOUND_ERRORS = 3

_out = Console()
_err = Console(stderr=True)
_FIGURES = (
    "n",
    "accuracy",
    "in_scope_accuracy",
    "oos_recall",
    "oos_precision",
    "overall_accuracy",
    "macro_f1",
    "ece",
    "train_seconds",
    "latency_ms_p50",
    "latency_ms_p99",
    "peak_rss_mb",
)
_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command("eval")
def evaluate(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="CSV with the header text,intent.")
    ],
    model: Annotated[Path, typer.Option(help="A model file, or a folder whose newest is taken.")] = ROOT
    / "models",
    as_json: _Json = False,
) -> None:
    """Measure the trained assistant on labelled messages; the label `oos` means out of scope."""
    result = _run(
        [str(ENGINE_PYTHON), "-m", "bot.engine.nlu.tool", "eval", str(file.resolve()), "--model", str(model)]
    )
    _show(result, as_json)


@app.command()
def bench(
    train: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="CSV to train on.")],
    test: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="CSV to measure on.")],
    validation: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="More rows to choose the operating point with."),
    ] = None,
    encoder: Annotated[str, typer.Option(help="off, auto (English, if installed) or a folder.")] = "auto",
    stock: Annotated[
        bool, typer.Option("--stock", help="Train Rasa's default pipeline beside it (hours).")
    ] = False,
    epochs: Annotated[int, typer.Option(help="Of the stock pipeline.")] = 100,
    as_json: _Json = False,
) -> None:
    """Train the product's classifier on any data and measure it."""
    data = ["--train", str(train.resolve()), "--test", str(test.resolve())]
    more = ["--validation", str(validation.resolve())] if validation else []
    own = _run([str(ENGINE_PYTHON), "-m", "bot.engine.nlu.tool", "bench", *data, *more, "--encoder", encoder])
    if not stock:
        _show(own, as_json)
        return
    other = _run([str(_stock_python()), "-m", "bench.stock_rasa", *data, "--epochs", str(epochs)])
    _show(own, as_json, stock=other, ratios=_ratios(own, other))


@app.command()
def lint(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of training data.")] = ROOT
    / "data"
    / "nlu",
    unseen: Annotated[
        list[Path] | None, typer.Option(exists=True, help="Test files whose rows must not stand in the data.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Find duplicates, conflicts, imbalance, template series, personal data and copied test sentences."""
    files = unseen if unseen is not None else sorted((ROOT / "tests" / "nlu" / "cases").glob("heldout_*.csv"))
    arguments = ["lint", "--data", str(data.resolve())]
    if files:
        arguments += ["--unseen", *(str(path.resolve()) for path in files)]
    result = _run([str(ENGINE_PYTHON), "-m", "bot.engine.nlu.tool", *arguments])
    if as_json:
        _print_json(result)
    else:
        for found in result["findings"]:
            colour = "red" if found["severity"] == "error" else "yellow"
            place = f"{_short(found['file'])}:{found['line']} " if found["file"] else ""
            _out.print(f"[{colour}]{found['kind']}[/] {place}", end="")
            _out.print(found["message"], markup=False)
        _out.print(
            f"{result['examples']} examples of {result['intents']} intents: "
            f"{result['errors']} errors, {result['warnings']} warnings"
        )
    if result["errors"]:
        raise typer.Exit(LINT_FOUND_ERRORS)


def _short(path: str) -> str:
    return path.removeprefix(f"{ROOT}/")


def _run(command: Sequence[str]) -> dict[str, Any]:
    """Run a worker with a progress bar and return its result; its error ends the command."""
    if not Path(command[0]).exists():
        _fail("The engine is not set up here. Run: make setup")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RASA_TELEMETRY_ENABLED": "false",
        "LOG_LEVEL": "ERROR",
    }
    result: dict[str, Any] | None = None
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with (
        subprocess.Popen(  # noqa: S603 - our own tool
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as worker,
        Progress(*columns, console=_err, transient=True) as progress,
    ):
        assert worker.stdout is not None
        assert worker.stderr is not None
        task = progress.add_task("start", total=None)
        for line in worker.stdout:
            event = _event(line)
            if event.get("event") == "progress":
                progress.update(task, description=event["what"], completed=event["done"], total=event["of"])
            elif event.get("event") == "error":
                _fail(str(event["message"]))
            elif event.get("event") == "result":
                result = {key: value for key, value in event.items() if key != "event"}
        complaint = worker.stderr.read().decode(errors="replace")
    if result is None:
        last = complaint.strip().splitlines()[-1:] or ["no word from it"]
        _fail(f"The engine's tool ended with code {worker.returncode}: {last[0]}")
    return result


def _event(line: bytes) -> dict[str, Any]:
    """A line of JSON; what a library prints besides is nothing to us."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _fail(message: str) -> NoReturn:
    _err.print(message, style="red", markup=False)
    raise typer.Exit(1)


def _stock_python() -> Path:
    """The Python of an environment with TensorFlow, built when it is not there (2.6 GB, for this benchmark
    alone) from the locked packages of `make setup ENGINE=tensorflow`.
    """
    python = STOCK_ENVIRONMENT / "bin" / "python"
    if python.exists():
        return python
    uv = shutil.which("uv") or shutil.which("uv", path=ROOT / ".tools" / "bin")
    if uv is None:
        _fail("uv is needed to build the environment of the stock pipeline: https://docs.astral.sh/uv/")
    assert uv is not None
    _err.print(f"Building {_short(str(STOCK_ENVIRONMENT))} with TensorFlow, about 2.6 GB …")
    command = [uv, "sync", "--quiet", "--frozen", "--no-python-downloads", "--project", str(STOCK_PROJECT)]
    done = subprocess.run(  # noqa: S603 - uv, with our own arguments
        [*command, "--python", str(ENGINE_PYTHON)],
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(STOCK_ENVIRONMENT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(STOCK_ENVIRONMENT, ignore_errors=True)
        _fail(f"The environment of the stock pipeline could not be built: {done.stderr.strip()[-500:]}")
    return python


def _ratios(own: dict[str, Any], stock: dict[str, Any]) -> dict[str, float]:
    """Own figure divided by the stock pipeline's."""
    return {
        key: round(own[key] / stock[key], 4)
        for key in _FIGURES
        if key != "n" and isinstance(own.get(key), int | float) and stock.get(key)
    }


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _show(
    own: dict[str, Any],
    as_json: bool,
    stock: dict[str, Any] | None = None,
    ratios: dict[str, float] | None = None,
) -> None:
    if as_json:
        _print_json(own if stock is None else {**own, "stock": stock, "ratios": ratios})
        return
    table = Table("figure", "here")
    if stock is not None:
        table.add_column("stock Rasa")
    for key in _FIGURES:
        cells = [key, _figure(own.get(key))]
        table.add_row(*cells, *([_figure(stock.get(key))] if stock is not None else []))
    _out.print(table)
    intents = Table("intent", "n", "precision", "recall", "F1")
    for name, f in sorted(own["intents"].items(), key=lambda item: item[1]["f1"]):
        intents.add_row(name, str(f["n"]), _figure(f["precision"]), _figure(f["recall"]), _figure(f["f1"]))
    _out.print(intents)


def _figure(value: object) -> str:
    return "–" if value is None else str(value)
