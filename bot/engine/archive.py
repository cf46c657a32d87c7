"""Checking a model archive before Rasa unpacks it.

An archive decides which classes are constructed, and Rasa checks its members against the working directory
instead of the directory it unpacks into. So the members and the classes are looked at here first, at start
and before every swap.
"""

from __future__ import annotations

import json
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

from bot.engine.components import NeedsTensorFlow, check_schemas, classes_of

__all__ = ["ArchiveRefused", "check_archive"]

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
