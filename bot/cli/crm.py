"""`zabota crm`: customers in and out, duplicates, records with something wrong."""

import asyncio
import csv
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bot.cli import conflicts, merging
from core.clock import SystemClock
from core.db import Database
from core.migrations import upgrade
from core.settings import Settings
from core.texts import Texts
from crm_bridge import importing
from crm_bridge.duplicates import ProblemCode, Proposals, problems
from crm_bridge.importing import BadMapping, Importer, Refusal, Report, Unreadable

app = typer.Typer(help="Customers: bring them in, find duplicates.", no_args_is_help=True)
app.add_typer(conflicts.app, name="conflicts")
app.command()(merging.merge)
app.command()(merging.unmerge)
app.command()(merging.apart)
console = Console(stderr=True, highlight=False)
_texts = Texts(Path(importing.__file__).parents[1] / "texts.yml")
_Result = TypeVar("_Result")

REFUSED, SOME_REFUSED = 1, 3  # exit codes

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Language = Annotated[str, typer.Option(help="ru or en: the language of what is said about rows.")]


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or XLSX.")],
    mapping: Annotated[
        str, typer.Option("--map", help="Columns that cannot be guessed: phone=Mobile,email=Mail")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read everything, change nothing.")] = False,
    errors: Annotated[Path | None, typer.Option(help="Write refused rows into this CSV file.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Import a file that is in already.")] = False,
    region: Annotated[str, typer.Option(help="Country of phones without a country code.")] = "RU",
    language: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Bring customers in from a table; update those who are known.

    After an interruption the same command goes on where it stopped; a file that is in changes nothing.
    Exit codes: 0 all rows are in, 1 the file or the mapping is refused and nothing changed, 3 some rows are
    refused and the others are in.
    """
    try:
        asked = importing.read_mapping(mapping)
        wanted = _Import(file, asked, errors, region, language, again)
        report = wanted.check() if dry_run else wanted.run()
    except Unreadable as why:
        _refuse(_why(why, language), as_json)
    except BadMapping as why:
        code = "no_key_column" if why.code == "no_key" else why.code
        _refuse(_texts(f"import.{code}", language, what=why.what), as_json)
    if as_json:
        print(json.dumps(_as_json(report, language), ensure_ascii=False))
    else:
        _show(report, dry_run, language)
    raise typer.Exit(SOME_REFUSED if report.refused else 0)


@dataclass(frozen=True)
class _Import:
    """What was asked for on the command line."""

    file: Path
    asked: dict[str, str]
    errors: Path | None
    region: str
    language: str
    again: bool

    def check(self) -> Report:
        return _with_database(Settings(), self._check, migrate=False)

    def run(self) -> Report:
        return _with_database(Settings(), self._run)

    async def _check(self, db: Database) -> Report:
        with _progress() as told:
            return self._importer(db).check(self.file, self.asked, told)

    async def _run(self, db: Database) -> Report:
        with _progress() as told, _Errors(self.errors, self.language) as refused:
            return await self._importer(db).run(self.file, self.asked, told, refused, again=self.again)

    def _importer(self, db: Database) -> Importer:
        settings = Settings()
        defaults = importing.Defaults(settings.default_language, settings.time_zone)
        return Importer(db, SystemClock(), defaults, self.region)


def _why(why: Unreadable, language: str) -> str:
    said = _texts(f"import.{why.code}", language)
    return f"{said} {_texts('import.at_line', language, line=why.line)}" if why.line else said


def _refuse(said: str, as_json: bool) -> NoReturn:
    if as_json:
        print(json.dumps({"error": said}, ensure_ascii=False))
    else:
        console.print(f"[red]Nothing was changed.[/] {said}")
    raise typer.Exit(REFUSED)


class _Errors:
    """Writes refused rows into a file, if there is one to write to."""

    def __init__(self, path: Path | None, language: str) -> None:
        self._file = path.open("w", encoding="utf-8-sig", newline="") if path else None
        self._writer = csv.writer(self._file, delimiter=";") if self._file else None
        self._language = language

    def __enter__(self) -> "_Errors":
        if self._writer:
            self._writer.writerow(["line", "error"])
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def __call__(self, refusal: Refusal) -> None:
        if self._writer:
            self._writer.writerow([refusal.line, refusal.in_words(self._language)])


class _progress:  # noqa: N801 - used like a function
    """A bar that learns its length on the way."""

    def __enter__(self) -> "_progress":
        columns = TextColumn("Rows"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        self._bar = Progress(*columns, console=console, transient=True)
        self._bar.start()
        self._task = self._bar.add_task("rows", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, done: int, total: int | None) -> None:
        self._bar.update(self._task, completed=done, total=total)


def _as_json(report: Report, language: str) -> dict[str, Any]:
    told = asdict(report)
    told["refusals"] = [
        {"line": refusal.line, "error": refusal.in_words(language)} for refusal in report.refusals
    ]
    return told


def _show(report: Report, dry_run: bool, language: str) -> None:
    if dry_run:
        console.print(_preview(report))
        taken = report.records - report.refused
        console.print(f"{report.records} rows: {taken} would come in, {report.refused} would be refused.")
    elif report.repeated:
        console.print(f"This file is in already ({report.records} rows); nothing was changed. See --again.")
    else:
        if report.resumed_after:
            console.print(f"Went on after row {report.resumed_after}, where the last import stopped.")
        console.print(
            f"{report.records} rows: {report.created} new customers, {report.updated} updated, "
            f"{report.unchanged} unchanged, {report.refused} refused."
        )
    for refusal in report.refusals:
        console.print(f"  line {refusal.line}: {refusal.in_words(language)}", markup=False)
    if report.refused > len(report.refusals) and not report.repeated:
        console.print(f"  … and {report.refused - len(report.refusals)} more: see --errors FILE.")


def _preview(report: Report) -> Table:
    how = report.format
    title = f"{how.kind}, {how.encoding}, «{how.delimiter}»" if how.kind == "csv" else how.kind
    table = Table(title=title)
    for field, column in report.columns.items():
        table.add_column(f"{column}\n→ {field}")
    for entry in report.preview:
        values = asdict(entry)
        parts = ("family_name", "given_name", "patronymic")
        values["full_name"] = " ".join(values[part] for part in parts if values[part])
        table.add_row(*("" if values[field] is None else str(values[field]) for field in report.columns))
    return table


@app.command()
def export(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="The CSV file to write.")],
) -> None:
    """Write all customers into a table for Excel. No cell of it can act as a formula."""

    async def run(db: Database) -> int:
        return await importing.export_customers(db, file)

    console.print(f"{_with_database(Settings(), run)} customers")


@app.command()
def duplicates(
    search: Annotated[bool, typer.Option(help="Search all customers first.")] = True,
    limit: Annotated[int, typer.Option(help="Show so many.")] = 20,
    language: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Search for records of one person, and show what waits for a decision, the likeliest first."""

    async def run(db: Database) -> list[dict[str, Any]]:
        proposals = Proposals(db, SystemClock())
        if search:
            from crm_bridge.duplicates.batch import BatchSearch

            with console.status("Searching …"):
                await BatchSearch(db, proposals).run()
        return [
            {
                "id": found.id,
                "customers": [found.first_id, found.second_id],
                "score": found.score,
                "administrator": found.administrator,
                "reasons": found.in_words(language),
            }
            for found in await proposals.open(limit)
        ]

    found = _with_database(Settings(), run)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    for pair in found:
        first, second = pair["customers"]
        reasons = "; ".join(pair["reasons"])
        number = f"no. {pair['id']}"
        console.print(f"{number:>7}  {pair['score']:.2f}  {first} and {second}: {reasons}", markup=False)
    if not found:
        console.print("Nothing waits for a decision.")


@app.command("problems")
def problems_(
    limit: Annotated[int, typer.Option(help="Show so many of each kind.")] = 5,
    language: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Show records that are incomplete or contradict themselves."""

    async def run(db: Database) -> tuple[Counter[ProblemCode], dict[ProblemCode, list[int]]]:
        counts: Counter[ProblemCode] = Counter()
        examples: dict[ProblemCode, list[int]] = {}
        async for problem in problems(db):
            counts[problem.code] += 1
            if counts[problem.code] <= limit:
                examples.setdefault(problem.code, []).append(problem.customer_id)
        return counts, examples

    counts, examples = _with_database(Settings(), run)
    told = [
        {
            "code": code.value,
            "problem": _texts(f"problem.{code}", language),
            "customers": count,
            "examples": examples[code],
        }
        for code, count in counts.most_common()
    ]
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
        return
    for kind in told:
        console.print(f"{kind['customers']:>7}  {kind['problem']}, such as {kind['examples']}", markup=False)
    if not told:
        console.print("Nothing is wrong with any record.")


def _with_database(
    settings: Settings, run: Callable[[Database], Awaitable[_Result]], *, migrate: bool = True
) -> _Result:
    """Run something with the installation's database, brought up to date first."""
    if migrate:
        upgrade(settings.db_url)

    async def whole() -> _Result:
        db = Database(settings.db_url)
        try:
            return await run(db)
        finally:
            await db.close()

    return asyncio.run(whole())
