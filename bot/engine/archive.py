"""Checking a model archive before Rasa unpacks it.

An archive decides which classes are constructed, and Rasa checks its members against the working directory
instead of the directory it unpacks into. So the members and the classes are looked at here first, at start
and before every swap.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

from bot.engine.components import NeedsTensorFlow, check_schemas, classes_of

__all__ = ["ArchiveRefused", "check_archive", "check_digest", "live_archive"]

METADATA = "metadata.json"
SIZE_LIMIT = 2 * 1024**3  # bytes, unpacked
MEMBER_LIMIT = 10_000

#: Packages whose classes a model may name.
TRUSTED_PACKAGES = ("rasa.", "bot.engine.")


class ArchiveRefused(Exception):
    """The file is not a model this engine will load; the message is one sentence for an administrator."""


def check_archive(path: Path) -> None:
    """Look at every member and at the metadata, without unpacking anything.

    Raises:
        ArchiveRefused: the file is missing, damaged, has a member that would leave the directory it is
        unpacked
            into, or names a class that is not Rasa's or the engine's, or one that needs TensorFlow.
    """
    if not path.is_file():
        raise ArchiveRefused(f"there is no model file {path}")
    try:
        metadata = _metadata(path)
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
        raise ArchiveRefused(
            f"{path.name} is not a readable model archive ({type(error).__name__})"
        ) from error
    for name in classes_of(metadata):
        if not name.startswith(TRUSTED_PACKAGES):
            raise ArchiveRefused(
                f"{path.name} names the class {name}, which is neither Rasa's nor the engine's"
            )
    try:
        check_schemas(metadata, path.name)
    except NeedsTensorFlow as error:
        raise ArchiveRefused(str(error)) from error


def live_archive(folder: Path, secret: str) -> Path:
    """The archive that a registry names as the live one (`bot/registry.py` writes it).

    Raises:
        ArchiveRefused: there is none, its entry is not signed with `secret`, or the file is another one.
    """
    try:
        known = json.loads((folder / "registry.json").read_text(encoding="utf-8"))
        entry = next(one for one in known["models"] if one["file"] == known["live"])
        signed = "\n".join((entry["file"], entry["sha256"], entry["engine"]))
        given = entry["signature"]
    except (OSError, ValueError, KeyError, StopIteration) as error:
        raise ArchiveRefused(f"{folder} has no registry with a live model") from error
    expected = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, given):
        raise ArchiveRefused(f"{entry['file']} is not signed by this installation")
    archive = folder / PurePosixPath(entry["file"]).name
    check_digest(archive, entry["sha256"])
    return archive


def check_digest(archive: Path, sha256: str) -> None:
    """Raises: ArchiveRefused: the file is missing or is not the one that was meant."""
    if not archive.is_file():
        raise ArchiveRefused(f"there is no model file {archive}")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != sha256:
        raise ArchiveRefused(f"{archive.name} is not the file that was registered")


def _metadata(path: Path) -> dict[str, Any]:
    metadata: dict[str, Any] | None = None
    size = 0
    with tarfile.open(path, "r:gz") as archive:
        for count, member in enumerate(archive):
            size += member.size
            if count >= MEMBER_LIMIT or size > SIZE_LIMIT:
                raise ArchiveRefused(f"{path.name} is larger than a model can be")
            _check_member(member, path)
            if PurePosixPath(member.name) == PurePosixPath(METADATA):
                metadata = json.load(archive.extractfile(member))  # type: ignore[arg-type]
    if not isinstance(metadata, dict):
        raise ArchiveRefused(f"{path.name} holds no {METADATA}: it is not a model of Rasa 3")
    return metadata


def _check_member(member: tarfile.TarInfo, path: Path) -> None:
    name = PurePosixPath(member.name)
    if (
        not (member.isfile() or member.isdir())
        or name.is_absolute()
        or ".." in name.parts
        or "\\" in member.name
    ):
        raise ArchiveRefused(f"{path.name} has a member that would be written outside of its directory")
