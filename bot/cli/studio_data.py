"""`zabota studio import|export|new-intent|rename|merge`: the training data, for pipelines.

Exit codes: 0 done; 1 it could not be done, the message says why; 3 labels look swapped.
"""

import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, NoReturn, ParamSpec

import typer
from rich.console import Console
from rich.table import Table

from bot.studio.ailments import held_out_texts
from bot.studio.changes import ChangedMeanwhile, Changes, Refused
from bot.studio.editing import Edit, Editing
from bot.studio.exchange import (
    FORMATS,
    BadFile,
    Import,
    default_mapping,
    export,
    look,
    parse,
    recognise,
    save,
)
from bot.studio.exchange.importing import SKIP, State, clean
from bot.studio.files import TrainingFiles
from bot.studio.intents import Intents
from bot.studio.library import Library
from bot.studio.places import Places
from bot.studio.shell import texts
from bot.studio.unreadable import UNREADABLE, refusal
from core.settings import Settings

SWAPPED = 3
_out, _err = Console(), Console(stderr=True)
_P = ParamSpec("_P")
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to those of the studio."""
    app.command("import")(readable(import_examples))
    app.command("export")(readable(export_examples))
    app.command("new-intent")(readable(new_intent))
    app.command("rename")(readable(rename))
    app.command("merge")(readable(merge))


def readable(command: Callable[_P, None]) -> Callable[_P, None]:
    """A command that names the files which somebody broke by hand."""

    @wraps(command)
    def told(*given: _P.args, **named: _P.kwargs) -> None:
        try:
            command(*given, **named)
        except UNREADABLE:
            _refuse(refusal(Settings().project))

    return told


def import_examples(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="CSV, Rasa YAML, Bitext's CSV or a Dialogflow zip."),
    ],
    format_: Annotated[str, typer.Option("--format", help=f"{', '.join(FORMATS)}; else by the file.")] = "",
    into: Annotated[
        list[str] | None, typer.Option("--map", help="THEIRS=OURS; THEIRS= leaves an intent out.")
    ] = None,
    swapped_too: Annotated[
        bool, typer.Option("--swapped-too", help="Take intents too whose labels look swapped.")
    ] = False,
    dry_run: _DryRun = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Add examples of another program to the training data: all that are good, or none."""
    files = _files()
    made = _looked_at(files, file, format_, into or [])
    _show(made, as_json)
    if dry_run:
        return
    if made.suspicious and not swapped_too:
        _err.print("Labels look swapped: see the list. Nothing was imported; --swapped-too takes them.")
        raise typer.Exit(SWAPPED)
    _save(
        files,
        lambda changes: save(files, changes, made, swapped_too=swapped_too),
        f"{len(made.taken)} examples imported",
    )


def export_examples(
    format_: Annotated[str, typer.Argument(metavar="FORMAT", help=", ".join(FORMATS))],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write.")] = None,
) -> None:
    """Write all examples as a file for another program."""
    if format_ not in FORMATS:
        _fail(f"There is no format {format_}.")
    data, name, _ = export(format_, _files().examples())
    target = output or Path(name)
    target.write_bytes(data)
    _out.print(f"{target}: {len(data)} bytes", markup=False, highlight=False)


def new_intent(
    name: Annotated[str, typer.Argument(help="Latin letters, digits and underscores.")],
    ru: Annotated[str, typer.Option("--ru", help="The answer in Russian.")],
    en: Annotated[str, typer.Option("--en", help="The answer in English.")],
    dry_run: _DryRun = False,
) -> None:
    """Make an intent that is answered with a text; its examples come from the inbox or an import."""
    answers = {"ru": ru, "en": en}
    _change(lambda intents, c: intents.make(c, name, answers, {}), f"new intent {name}", dry_run)


def rename(
    old: Annotated[str, typer.Argument(help="An intent.")],
    new: Annotated[str, typer.Argument(help="Its new name.")],
    dry_run: _DryRun = False,
) -> None:
    """Rename an intent with everything that refers to it."""
    _change(lambda intents, c: intents.rename(c, old, new), f"{old} is now {new}", dry_run)


def merge(
    old: Annotated[str, typer.Argument(help="An intent that is to go.")],
    into: Annotated[str, typer.Argument(help="The one that takes its examples.")],
    dry_run: _DryRun = False,
) -> None:
    """Make one intent a part of another."""
    _change(lambda intents, c: intents.merge(c, old, into), f"{old} joins {into}", dry_run)


def _looked_at(files: TrainingFiles, file: Path, format_: str, into: list[str]) -> Import:
    data = file.read_bytes()
    chosen = format_ or recognise(file.name, data)
    if chosen not in FORMATS:
        _fail(f"There is no format {chosen}.")
    try:
        rows = clean(parse(chosen, data))
    except BadFile as why:
        _fail(texts(str(why), "en"))
    now = Library(files).now()
    mapping = default_mapping([one for one, _ in rows], now)
    for one in into:
        theirs, sign, ours = one.partition("=")
        if not sign or theirs not in mapping:
            _fail(f"--map {one}: the file has no intent {theirs}.")
        mapping[theirs] = ours or SKIP
    return look(rows, mapping, now, [text for text, _ in held_out_texts(files.root)])


def _show(made: Import, as_json: bool) -> None:
    if as_json:
        facts = {
            "rows": dict(made.counted),
            "intents": [
                {"theirs": one.name, "rows": one.rows, "ours": one.into, "swapped_with": one.swapped_with}
                for one in made.intents
            ],
        }
        typer.echo(json.dumps(facts, ensure_ascii=False, indent=1))
        return
    table = Table("theirs", "rows", "ours", "")
    for one in made.intents:
        table.add_row(
            one.name,
            str(one.rows),
            one.into or "–",
            f"looks like {one.swapped_with}" if one.swapped_with else "",
        )
    _out.print(table)
    for state in State:
        if count := made.counted[state]:
            _out.print(f"{texts(f'state_of.{state}', 'en')}: {count}", highlight=False)


def _change(edit: Callable[[Intents, Changes], None], words: str, dry_run: bool) -> None:
    """Change an intent with everything that refers to it."""
    files = _files()
    _save(files, lambda changes: edit(Intents(files), changes), words, dry_run)


def _save(files: TrainingFiles, edit: Edit, words: str, dry_run: bool = False) -> None:
    editing = Editing(files.editor)
    try:
        if dry_run:
            for one in editing.editor.preview(edit).diff():
                _out.print("\n".join([one.path, *one.lines]), markup=False, highlight=False)
            return
        saved = editing.save(edit, words, None)
    except Refused as why:
        _refuse(why)
    except ChangedMeanwhile:
        _fail(texts("changed_meanwhile", "en"))
    _out.print(f"{len(saved.files)} files changed" + (f", commit {saved.commit}" if saved.commit else ""))


def _files() -> TrainingFiles:
    settings = Settings()
    return TrainingFiles(settings.project, Places(settings).lock)


def _refuse(why: Refused) -> NoReturn:
    _fail("\n".join([texts(why.key, "en"), *why.places]))


def _fail(message: str) -> NoReturn:
    _err.print(message, style="red", markup=False)
    raise typer.Exit(1)
