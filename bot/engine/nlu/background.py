"""Everyday sentences that are nobody's inquiry: they teach the classifier what to reject."""

from __future__ import annotations

from pathlib import Path

FILES = ("background_ru.txt", "background_en.txt")
FOLDER = Path(__file__).parent / "data"


def background_sentences() -> list[str]:
    """The packaged sentences, one a line; lines that start with # are comments."""
    lines: list[str] = []
    for name in FILES:
        path = FOLDER / name
        if path.exists():
            lines += [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]
