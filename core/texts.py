"""Texts that people read, kept in YAML catalogues beside the code that says them."""

from pathlib import Path
from typing import Any

from core import yml

DEFAULT_LANGUAGE = "ru"


class Texts:
    """A catalogue `{key: {ru: …, en: …}}`. Complete in both languages, or it does not load."""

    def __init__(self, path: Path) -> None:
        entries: dict[str, dict[str, str]] = yml.parse(path.read_text(encoding="utf-8"))
        incomplete = [key for key, said in entries.items() if not {"ru", "en"} <= said.keys()]
        if incomplete:
            raise ValueError(f"{path.name}: not in both languages: {', '.join(incomplete)}")
        self._entries = entries

    def __call__(self, key: str, language: str | None, **values: Any) -> str:
        """The text in the language, or in Russian when the language is unknown."""
        said = self._entries[key]
        text = said.get(language or DEFAULT_LANGUAGE) or said[DEFAULT_LANGUAGE]
        return text.format(**values) if values else text

    def find(self, key: str, language: str | None) -> str | None:
        """The text as it stands, or None when there is none of this key."""
        return self(key, language) if key in self._entries else None
