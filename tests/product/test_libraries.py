"""The whole product stays below 500 MB: large libraries are loaded by those who use them, when they do."""

import subprocess
import sys

import pytest

LARGE = (
    "aiogram",
    "psycopg",
    "procrastinate",
    "numpy",
    "pandas",
    "sklearn",
    "duckdb",
    "reportlab",
    "openpyxl",
)


@pytest.mark.parametrize("process", ["bot.web.app", "actions.server", "bot.run"])
def test_a_process_starts_without_libraries_that_few_need(process: str) -> None:
    code = f"import sys, {process}; print(*(name for name in {LARGE!r} if name in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
