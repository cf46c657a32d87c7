"""Brings a table of customers into the database.

A file is read to its end before its first row is stored, so a broken one changes nothing. Then it is stored
in batches, each in one transaction together with the mark of how far the import has come. After a crash the
same command goes on behind the last whole batch; after the end it says that there is nothing to do. Rows find
their customers by `external_ref` or by contact, so even another file with the same people adds nobody twice.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from crm_bridge.importing.entries import Entry, Fault, read_entry
from crm_bridge.importing.known import Ambiguous, Outcome, read_batch
from crm_bridge.importing.mapping import Columns, fit
from crm_bridge.importing.reading import Format, Record, Unreadable, recognise, rows
from crm_bridge.importing.storing import Defaults, store
from crm_bridge.models import ImportRun, ImportState
from crm_bridge.sql import insert_if_absent, one_at_a_time

BATCH = 1000
SHOWN = 20  # refusals that a report quotes
_LOCK = 2_002_001  # imports wait for each other: two files may hold the same people


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was not taken, and everything that is wrong with it."""

    line: int
    faults: tuple[Fault, ...]

    def in_words(self, language: str) -> str:
        return "; ".join(fault.in_words(language) for fault in self.faults)


@dataclass(slots=True)
class Report:
    """What an import did, or would do."""

    format: Format
    columns: dict[str, str]  # field → column of the file
    records: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    resumed_after: int = 0  # records that an interrupted run had stored before
    repeated: bool = False  # this very file is in already: nothing was done
    refusals: list[Refusal] = field(default_factory=list)  # the first ones
    preview: list[Entry] = field(default_factory=list)


Progress = Callable[[int, int | None], None]  # told how many records are behind us, and of how many
OnRefusal = Callable[[Refusal], None]


class Importer:
    """Imports files."""

    def __init__(
        self, db: Database, clock: Clock, defaults: Defaults | None = None, region: str = "RU"
    ) -> None:
        """`region` is the country whose phones are written without a country code."""
        self._db = db
        self._clock = clock
        self._defaults = defaults or Defaults()
        self._region = region

    def check(
        self, path: Path, asked: dict[str, str], progress: Progress = lambda *_: None, show: int = 10
    ) -> Report:
        """Read the whole file and change nothing: its format, columns, first customers and faults.

        Raises:
            Unreadable
            BadMapping
        """
        how = recognise(path)
        report = Report(how, {})
        with rows(path, how) as records:
            columns, report.columns = _header(records, asked)
            for record in records:
                report.records += 1
                entry = self._read(record, columns)
                if isinstance(entry, list):
                    _refuse(report, Refusal(record.line, tuple(entry)))
                elif len(report.preview) < show:
                    report.preview.append(entry)
                if report.records % BATCH == 0:
                    progress(report.records, None)
        return report

    async def run(
        self,
        path: Path,
        asked: dict[str, str],
        progress: Progress = lambda *_: None,
        on_refusal: OnRefusal = lambda _: None,
        *,
        again: bool = False,
    ) -> Report:
        """Import the file, or finish importing it.

        Args:
            again: import it even when it is in already, for instance to set right what was changed since.
            on_refusal: told of every row that is not taken, in order.

        Raises:
            Unreadable
            BadMapping
        """
        how = recognise(path)
        total = _read_through(path, how)
        report = Report(how, {})
        run_id = await self._begin(fingerprint(path, asked), report, again)
        if report.repeated:
            return report
        with rows(path, how) as records:
            columns, report.columns = _header(records, asked)
            self._refused_before(islice(records, report.resumed_after), columns, report, on_refusal)
            while batch := list(islice(records, BATCH)):
                await self._store(run_id, batch, columns, report, on_refusal)
                progress(report.records, total)
        await self._finish(run_id, report)
        return report

    def _refused_before(
        self, records: Iterable[Record], columns: Columns, report: Report, on_refusal: OnRefusal
    ) -> None:
        """Name what an interrupted run refused: whoever goes on sees the rows of the whole file.

        Rows that fitted two customers are only counted: what they fitted may have changed since.
        """
        for record in records:
            entry = self._read(record, columns)
            if isinstance(entry, list):
                _tell(report, Refusal(record.line, tuple(entry)), on_refusal)

    async def _begin(self, print_: str, report: Report, again: bool) -> int:
        async with self._db.write() as session:
            await insert_if_absent(
                session,
                ImportRun,
                {
                    "fingerprint": print_,
                    "state": ImportState.RUNNING,
                    "started_at": self._clock.now(),
                },
            )
            found = await session.scalars(select(ImportRun).where(ImportRun.fingerprint == print_))
            run = found.one()
            if again and run.state is ImportState.DONE:
                run.state, run.finished_at, run.started_at = ImportState.RUNNING, None, self._clock.now()
                run.records = run.created = run.updated = run.unchanged = run.refused = 0
            _recall(report, run)
            report.repeated = run.state is ImportState.DONE
            report.resumed_after = 0 if report.repeated else run.records
            return run.id

    async def _store(
        self, run_id: int, batch: list[Record], columns: Columns, report: Report, on_refusal: OnRefusal
    ) -> None:
        """One batch in one transaction. Counts of the report change only when it is committed."""
        refusals: list[Refusal] = []
        entries: list[Entry] = []
        for record in batch:
            entry = self._read(record, columns)
            if isinstance(entry, list):
                refusals.append(Refusal(record.line, tuple(entry)))
            else:
                entries.append(entry)
        async with self._db.write() as session:
            await one_at_a_time(session, _LOCK)
            run = await session.get_one(ImportRun, run_id, with_for_update=True, populate_existing=True)
            if run.records != report.records:
                raise Unreadable("busy")  # another process imports this file
            counts = await self._apply(session, entries, refusals)
            run.created += counts[Outcome.CREATED]
            run.updated += counts[Outcome.UPDATED]
            run.unchanged += counts[Outcome.UNCHANGED]
            run.refused += len(refusals)
            run.records += len(batch)
        _recall(report, run)
        for refusal in sorted(refusals, key=lambda refusal: refusal.line):
            _tell(report, refusal, on_refusal)

    async def _apply(
        self, session: AsyncSession, entries: list[Entry], refusals: list[Refusal]
    ) -> dict[Outcome, int]:
        known = await read_batch(session, entries)
        outcomes = dict.fromkeys(Outcome, 0)
        for entry in entries:
            try:
                outcomes[known.apply(entry)] += 1
            except Ambiguous:
                refusals.append(Refusal(entry.line, (Fault("ambiguous", "phone"),)))
        await store(session, known, self._defaults, self._clock.now())
        return outcomes

    def _read(self, record: Record, columns: Columns) -> Entry | list[Fault]:
        if columns.is_too_wide(record.cells):
            return [Fault("too_wide", "")]
        return read_entry(record.line, columns.values(record.cells), self._region)

    async def _finish(self, run_id: int, report: Report) -> None:
        async with self._db.write() as session:
            run = await session.get_one(ImportRun, run_id)
            run.state, run.finished_at = ImportState.DONE, self._clock.now()
            _recall(report, run)


def _header(records: Iterator[Record], asked: dict[str, str]) -> tuple[Columns, dict[str, str]]:
    header = next(records, None)
    if header is None:
        raise Unreadable("empty")
    columns = fit(header.cells, asked)
    return columns, {field: header.cells[index] for field, index in columns.columns.items()}


def _read_through(path: Path, how: Format) -> int:
    """Find what is broken anywhere in the file before anything is stored; how many records there are."""
    with rows(path, how) as records:
        return max(sum(1 for _ in records) - 1, 0)


def _recall(report: Report, run: ImportRun) -> None:
    report.records, report.refused = run.records, run.refused
    report.created, report.updated, report.unchanged = run.created, run.updated, run.unchanged


def _refuse(report: Report, refusal: Refusal) -> None:
    report.refused += 1
    _tell(report, refusal)


def _tell(report: Report, refusal: Refusal, on_refusal: OnRefusal = lambda _: None) -> None:
    if len(report.refusals) < SHOWN:
        report.refusals.append(refusal)
    on_refusal(refusal)


def fingerprint(path: Path, asked: dict[str, str]) -> str:
    """SHA-256 of what the file says and how it is to be understood."""
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode())
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
