"""Trained models: which there are, and which one is live. The files lie in `models/`.

A model is code, so only our own is loaded: every entry is signed with a key that lies outside of the folder.
"""

import fcntl
import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from core.settings import ROOT

ENGINE = ROOT / "bot/engine"
KEPT = 5  # models besides the live one and the one before it


@dataclass(frozen=True)
class Model:
    """One trained model.

    `sha256` is of the archive, `signature` of the entry's file, digest and engine. `engine` names the code it
    was trained with: a model is read by the very code that wrote it. `data` names the training data, `frame`
    all of it but the examples.
    """

    file: str
    sha256: str
    engine: str
    trained_at: str
    seconds: float
    data: str = ""
    frame: str = ""
    signature: str = ""


class TamperedModel(Exception):
    """The archive is not the one that was registered."""


class UnknownModel(Exception):
    """There is no such model, or it was made by another version of the engine."""


class Registry:
    """`models/registry.json`: written whole and renamed, so it is never half a file."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self.folder = folder
        self._key = key
        self._path = folder / "registry.json"

    def add(
        self,
        archive: Path,
        trained_at: datetime,
        seconds: float,
        *,
        live: bool = True,
        data: str = "",
        frame: str = "",
    ) -> Model:
        """Register an archive in the folder; `live`: make it the one that answers."""
        sha256, engine = digest(archive), engine_version()
        model = Model(
            archive.name,
            sha256,
            engine,
            trained_at.isoformat(),
            round(seconds, 1),
            data,
            frame,
            sign(self._key, archive.name, sha256, engine),
        )
        with self._changing() as known:
            known["models"] = [one for one in known["models"] if one["file"] != model.file] + [asdict(model)]
            if live:
                known["before"], known["live"] = known["live"], model.file
            self._forget(known)
        return model

    def promote(self, file: str) -> str | None:
        """Make a registered model the live one; the file that was live before.

        Raises:
            UnknownModel, TamperedModel
        """
        model = self.find(file)
        if model.engine != engine_version():
            raise UnknownModel(file)
        self.check(model)
        with self._changing() as known:
            if known["live"] != file:
                known["before"], known["live"] = known["live"], file
            before: str | None = known["before"]
            return before

    def hold(self, file: str | None) -> None:
        """Keep a model that is being tried, however many newer ones come; None: nothing is tried any more."""
        with self._changing() as known:
            known["tried"] = file

    def live(self) -> Path | None:
        """The archive to serve; None when none was trained, or the engine has changed since.

        Raises:
            TamperedModel
        """
        model = self.live_model()
        if model is None or model.engine != engine_version() or not (self.folder / model.file).exists():
            return None
        return self.check(model)

    def live_model(self) -> Model | None:
        """What is said about the live one; its archive is not looked at."""
        known = self._read()
        return next((one for one in self.models() if one.file == known["live"]), None)

    def before(self) -> str | None:
        """The model that a rollback brings back."""
        before: str | None = self._read()["before"]
        return before

    def models(self) -> list[Model]:
        """All of them, newest first."""
        names = {field.name for field in fields(Model)}
        entries = reversed(self._read()["models"])
        return [Model(**{key: value for key, value in one.items() if key in names}) for one in entries]

    def find(self, file: str) -> Model:
        """Raises: UnknownModel."""
        for model in self.models():
            if model.file == file:
                return model
        raise UnknownModel(file)

    def check(self, model: Model) -> Path:
        """The archive of a model, if it is the one that was registered here.

        Raises:
            TamperedModel
        """
        archive = self.folder / model.file
        expected = sign(self._key, model.file, model.sha256, model.engine)
        if not hmac.compare_digest(expected, model.signature) or not archive.is_file():
            raise TamperedModel(model.file)
        if digest(archive) != model.sha256:
            raise TamperedModel(model.file)
        return archive

    def _forget(self, known: dict[str, Any]) -> None:
        """Drop the oldest models. What is live, what a rollback needs and what is being tried stays."""
        needed = {known["live"], known["before"], known.get("tried")}
        others = [one for one in known["models"] if one["file"] not in needed]
        for one in others[:-KEPT]:
            known["models"].remove(one)
            (self.folder / one["file"]).unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        try:
            known: dict[str, Any] = json.loads(self._path.read_text())
        except FileNotFoundError:
            known = {"models": []}
        return {"live": None, "before": None} | known

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """Read, change, write, one process at a time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = self._read()
            yield known
            fresh = self._path.with_suffix(".new")
            fresh.write_text(json.dumps(known, indent=1))
            fresh.replace(self._path)


def sign(key: bytes, file: str, sha256: str, engine: str) -> str:
    """The signature of a registry's entry. The engine computes the same: `bot/engine/archive.py`."""
    return hmac.new(key, f"{file}\n{sha256}\n{engine}".encode(), hashlib.sha256).hexdigest()


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
