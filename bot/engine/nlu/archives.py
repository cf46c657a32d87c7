"""A model archive without Rasa: the classifier taken out of it, and put back into a copy."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
import uuid
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from bot.engine.nlu.defaults import classifier_defaults
from bot.engine.nlu.dense import dense_features
from bot.engine.nlu.model import IntentModel

_CLASSIFIER = "bot.engine.nlu.classifier.IntentClassifier"
_METADATA = "metadata.json"
_FILES = ("intents.npz", "intents.json")
_COMPRESSION = 3  # of 9


def read_classifier(archive: Path) -> tuple[IntentModel, dict[str, Any]]:
    """The classifier of a model archive, and how it was set up.

    Raises:
        ValueError: there is none, or it was trained with other dense features.
    """
    with tempfile.TemporaryDirectory() as folder, tarfile.open(archive, "r:gz") as packed:
        found: set[str] = set()
        config: dict[str, Any] | None = None
        for member in packed:
            place = PurePosixPath(member.name)
            content = packed.extractfile(member)
            if content is None:
                continue
            if place.name in _FILES and _CLASSIFIER in place.parent.name:
                (Path(folder) / place.name).write_bytes(content.read())
                found.add(place.name)
            elif str(place) == _METADATA:
                config = _config(json.load(content))
        if found != set(_FILES) or config is None:
            raise ValueError(f"{archive.name} has no classifier of this engine")
        dense = dense_features(config.get("vectors", True), config.get("encoders"))
        return IntentModel.load(Path(folder), dense), config


def with_classifier(archive: Path, model: IntentModel, out: Path) -> None:
    """A copy of an archive with another classifier of the same set-up. Written beside, then renamed."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        fresh = out.with_name(f".{out.name}.{os.getpid()}")
        try:
            with (
                tarfile.open(archive, "r:gz") as old,
                tarfile.open(fresh, "w:gz", compresslevel=_COMPRESSION) as new,
            ):
                for member in old:
                    place = PurePosixPath(member.name)
                    if place.name in _FILES and _CLASSIFIER in place.parent.name:
                        _add(new, member, (Path(folder) / place.name).read_bytes())
                    elif str(place) == _METADATA:
                        content = old.extractfile(member)
                        _add(new, member, _renewed(json.load(content)) if content else b"")
                    else:
                        new.addfile(member, old.extractfile(member) if member.isfile() else None)
            fresh.replace(out)
        finally:
            fresh.unlink(missing_ok=True)


def _config(metadata: dict[str, Any]) -> dict[str, Any] | None:
    nodes = metadata["train_schema"]["nodes"].values()
    return next((classifier_defaults() | n["config"] for n in nodes if n["uses"] == _CLASSIFIER), None)


def _renewed(metadata: dict[str, Any]) -> bytes:
    now = datetime.utcnow().isoformat()  # Rasa writes naive UTC here
    return json.dumps({**metadata, "trained_at": now, "model_id": uuid.uuid4().hex}).encode()


def _add(archive: tarfile.TarFile, member: tarfile.TarInfo, content: bytes) -> None:
    fresh = tarfile.TarInfo(member.name)
    fresh.mode, fresh.mtime, fresh.size = member.mode, member.mtime, len(content)
    archive.addfile(fresh, io.BytesIO(content))
