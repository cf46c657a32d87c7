"""Tables for people who open them in Excel."""

import csv
from collections.abc import Iterable
from typing import IO, Any

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")  # OWASP, CSV injection: what spreadsheets take for a formula


def guarded(value: Any) -> str:
    """A cell that no spreadsheet executes: an apostrophe before what looks like a formula.

    Phones begin with a plus and are guarded too; our own import takes the apostrophe off again.
    """
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(DANGEROUS) else text


def write_rows(file: IO[str], rows: Iterable[Iterable[Any]]) -> int:
    """Write rows of a table; how many. Excel needs the file open as utf-8-sig, newline=""."""
    writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
    count = 0
    for row in rows:
        writer.writerow([guarded(value) for value in row])
        count += 1
    return count
