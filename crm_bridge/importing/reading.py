"""Tables as people send them: CSV in whatever encoding and with whatever delimiter, or XLSX.

Everything streams: a file of any size needs the memory of a few rows.
"""

import csv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import openpyxl  # type: ignore[import-untyped]
from openpyxl.utils.exceptions import InvalidFileException  # type: ignore[import-untyped]

DELIMITERS = ";,\t|"
FIELD_LIMIT = 32_768  # characters in one cell, which is also Excel's limit
COLUMN_LIMIT = 500
UNPACKED_LIMIT = 1 << 30  # bytes of an XLSX: a few kilobytes can be packed air
_BLOCK = 1 << 20


class Unreadable(Exception):
    """The file cannot be read as a table. `code` says why; `line` where, when that is known."""

    def __init__(self, code: str, line: int | None = None) -> None:
        super().__init__(code if line is None else f"{code} in line {line}")
        self.code = code
        self.line = line


@dataclass(frozen=True, slots=True)
class Format:
    """How a file is written."""

    kind: str  # csv or xlsx
    encoding: str | None
    delimiter: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """One row below the header. `line` counts as an editor or Excel does, from 1."""

    line: int
    cells: tuple[str, ...]


def recognise(path: Path) -> Format:
    """Find out how a file is written. A CSV is read to its end: a wrong byte is found before the start.

    Raises:
        Unreadable
    """
    if path.stat().st_size == 0:
        raise Unreadable("empty")
    if zipfile.is_zipfile(path):
        return Format("xlsx", None, None)
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        return Format("csv", encoding, _delimiter(file))


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\x00" in start:
        raise Unreadable("binary")
    try:
        with path.open(encoding="utf-8") as text:
            while text.read(_BLOCK):
                pass
    except UnicodeDecodeError:
        return _cyrillic(path)
    return "utf-8-sig"


def _cyrillic(path: Path) -> str:
    """cp1251, if that makes sense: nearly every byte has a meaning in it."""
    with path.open("rb") as file:
        sample = file.read(_BLOCK)
    if b"\x00" in sample:
        raise Unreadable("binary")
    if b"\x98" in sample:
        raise Unreadable("encoding")
    return "cp1251"


def _delimiter(file: IO[str]) -> str:
    """The one that gives the header the most columns."""
    header = file.readline(FIELD_LIMIT * 4)
    if not header.strip():
        raise Unreadable("empty")
    counts = {mark: len(next(csv.reader([header], delimiter=mark))) for mark in DELIMITERS}
    return max(counts, key=lambda mark: counts[mark])


@contextmanager
def rows(path: Path, how: Format) -> Iterator[Iterator[Record]]:
    """All rows of a file, the header first; empty ones are left out.

    Raises:
        Unreadable: also while the rows are read.
    """
    if how.kind == "xlsx":
        with _workbook(path) as book:
            yield _xlsx(book)
        return
    with path.open(encoding=how.encoding, newline="", errors="strict") as file:
        yield _csv(file, how.delimiter or ",")


def _csv(file: IO[str], delimiter: str) -> Iterator[Record]:
    csv.field_size_limit(FIELD_LIMIT)
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if len(cells) > COLUMN_LIMIT:
                raise Unreadable("columns", line)
            if any(cell.strip() for cell in cells):
                yield Record(line, tuple(cell.replace("\x00", "").strip() for cell in cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable("long_cell" if "field larger" in str(error) else "quotes", line) from None
    except UnicodeError:
        raise Unreadable("encoding", line) from None


@contextmanager
def _workbook(path: Path) -> Iterator["openpyxl.Workbook"]:
    try:
        with zipfile.ZipFile(path) as packed:
            if sum(part.file_size for part in packed.infolist()) > UNPACKED_LIMIT:
                raise Unreadable("too_large")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError):
        raise Unreadable("xlsx") from None
    try:
        yield book
    finally:
        book.close()


def _xlsx(book: "openpyxl.Workbook") -> Iterator[Record]:
    sheet = book.worksheets[0]
    for line, values in enumerate(sheet.iter_rows(values_only=True), 1):
        cells = tuple(_cell(value) for value in values[:COLUMN_LIMIT])
        if any(cells):
            yield Record(line, cells)


def _cell(value: object) -> str:
    """A cell as a person sees it: a phone that Excel took for a number stays a phone."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()[:FIELD_LIMIT]
