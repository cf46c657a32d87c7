"""Trained models: which there are, and which one is live. The files lie in `models/`."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from core.settings import ROOT

ENGINE = ROOT / "bot/engine"


@dataclass(frozen=True)
class Model:
    """One trained model.

    `sha256` is of the archive: a model is code, and only our own is loaded. `engine` names the code it was
    trained with: a model is read by the very code that wrote it.
    """

    file: str
    sha256: str
    engine: str
    trained_at: str
    seconds: float


class TamperedModel(Exception):
    """The archive is not the one that was registered."""


class Registry:
    """`models/registry.json`: written whole and renamed, so it is never half a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "registry.json"

    def add(self, archive: Path, trained_at: datetime, seconds: float) -> Model:
        """Register an archive in the folder and make it live."""
        model = Model(
            archive.name, digest(archive), engine_version(), trained_at.isoformat(), round(seconds, 1)
        )
        models = [entry for entry in self._read()["models"] if entry["file"] != model.file]
        self._write({"live": model.file, "models": [*models, asdict(model)]})
        return model

    def live(self) -> Path | None:
        """The archive to serve; None when none was trained, or the engine has changed since.

        Raises:
            TamperedModel
        """
        known = self._read()
        for entry in known["models"]:
            if entry["file"] == known["live"]:
                archive: Path = self.folder / entry["file"]
                if not archive.exists() or entry.get("engine") != engine_version():
                    return None
                if digest(archive) != entry["sha256"]:
                    raise TamperedModel(archive.name)
                return archive
        return None

    def _read(self) -> dict[str, Any]:
        try:
            known: dict[str, Any] = json.loads(self._path.read_text())
        except FileNotFoundError:
            return {"live": None, "models": []}
        return known

    def _write(self, known: object) -> None:
        self.folder.mkdir(exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(known, indent=1))
        fresh.replace(self._path)


@cache
def engine_version() -> str:
    """Names the code that makes and reads models: a digest of the engine's files and locked libraries."""
    files = sorted(path for pattern in ("*.py", "nlu/**/*", "uv.lock") for path in ENGINE.glob(pattern))
    whole = hashlib.sha256()
    for file in files:
        if file.is_file() and file.suffix != ".pyc":
            whole.update(file.read_bytes())
    return whole.hexdigest()[:16]


def digest(archive: Path) -> str:
    """SHA-256 of a file, in hex."""
    with archive.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
