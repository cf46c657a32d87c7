"""Files that wait between upload and decision: only their cleaned rows are kept, for a day at most."""

import json
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from bot.studio.exchange.formats import Foreign

KEPT = timedelta(days=1)
_TOKEN = re.compile(r"[0-9a-f]{32}")


class Uploads:
    """A folder of uploads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, rows: Sequence[tuple[Foreign, bool]], now: datetime) -> str:
        """Keep a file's cleaned rows; the name to find them by. What is older than a day goes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for old in self._folder.glob("*.json"):
            if old.stat().st_mtime < (now - KEPT).timestamp():
                old.unlink(missing_ok=True)
        token = secrets.token_hex(16)
        content = [[one.text, one.intent, one.language, changed] for one, changed in rows]
        (self._folder / f"{token}.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        return token

    def find(self, token: str) -> list[tuple[Foreign, bool]] | None:
        """The rows; None when they are gone."""
        path = self._folder / f"{token}.json"
        if not _TOKEN.fullmatch(token) or not path.exists():
            return None
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [(Foreign(text, intent, language), changed) for text, intent, language, changed in rows]

    def drop(self, token: str) -> None:
        if _TOKEN.fullmatch(token):
            (self._folder / f"{token}.json").unlink(missing_ok=True)
