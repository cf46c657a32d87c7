"""Files that are changed together: all of them, or none, and never over somebody's hand.

An edit is a function that reads and writes through `Changes`; nothing is on disk before `commit`. So the
same edit first gives a preview, and then, asked again, does it. When a process is killed while it puts files
in place, the next one that looks puts the rest in place: a journal beside the lock says which.
"""

import difflib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class ChangedMeanwhile(Exception):
    """Somebody changed a file by hand since it was read; nothing was written."""


class Refused(Exception):
    """What was asked would break the data; the message is a key of `texts.yml`.

    `places`: what stands in the way, for people: files with lines, names.
    """

    def __init__(self, key: str, *places: str) -> None:
        super().__init__(key)
        self.key = key
        self.places = places


@dataclass(frozen=True)
class FileDiff:
    """How one file is to change: lines with «+», «-», « » or «@» in front."""

    path: str
    lines: list[str]


class Changes:
    """What is read and what is to be written under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._read: dict[Path, bytes | None] = {}
        self._new: dict[Path, bytes | None] = {}

    def read(self, path: Path) -> bytes:
        """The content as it is to be; empty when there is no such file."""
        if path in self._new:
            return self._new[path] or b""
        if path not in self._read:
            self._read[path] = path.read_bytes() if path.exists() else None
        return self._read[path] or b""

    def text(self, path: Path) -> str:
        return self.read(path).decode("utf-8")

    def write(self, path: Path, content: bytes | str) -> None:
        """What the file is to hold."""
        self.read(path)
        raw = content.encode() if isinstance(content, str) else content
        self._put(path, raw)

    def drop(self, path: Path) -> None:
        """The file is to go."""
        self.read(path)
        self._put(path, None)

    def _put(self, path: Path, content: bytes | None) -> None:
        if content == self._read[path]:
            self._new.pop(path, None)
        else:
            self._new[path] = content

    def pending(self) -> list[Path]:
        """The files that are to change and stay."""
        return [path for path, content in self._new.items() if content is not None]

    def version(self) -> str:
        """Names everything that was read: a preview and a saving that saw the same have the same."""
        whole = hashlib.sha256()
        for path in sorted(self._read):
            whole.update(f"{path}\0".encode() + (self._read[path] or b"\0none") + b"\0")
        return whole.hexdigest()[:16]

    def diff(self) -> list[FileDiff]:
        """What would change, with two lines around."""
        found = []
        for path, new in sorted(self._new.items()):
            old, fresh = ((one or b"").decode("utf-8").splitlines() for one in (self._read[path], new))
            lines = list(difflib.unified_diff(old, fresh, lineterm="", n=2))[2:]
            found.append(FileDiff(path.relative_to(self.root).as_posix(), lines))
        return found

    def commit(self, journal: Path) -> list[Path]:
        """Put all in place.

        Args:
            journal: a file that says what is under way.

        Raises:
            ChangedMeanwhile
        """
        fresh = {
            path: path.with_name(f".{path.name}.new") for path, new in self._new.items() if new is not None
        }
        try:
            for path, beside in fresh.items():
                _save(beside, self._new[path] or b"")
            for path in self._new:
                if (path.read_bytes() if path.exists() else None) != self._read[path]:
                    raise ChangedMeanwhile(path.name)
        except BaseException:
            for beside in fresh.values():
                beside.unlink(missing_ok=True)
            raise
        steps = [[str(fresh.get(path, "")), str(path)] for path in self._new]
        if len(self._new) > 1:
            _save(journal.with_suffix(".new"), json.dumps(steps).encode())
            journal.with_suffix(".new").replace(journal)
        _carry_out(steps)
        journal.unlink(missing_ok=True)
        return sorted(self._new)


class Editor:
    """Carries out edits under one folder, one at a time on this machine."""

    def __init__(self, root: Path, lock: Path) -> None:
        """`lock`: a file that two studios on one machine hold in turn."""
        self.root = root
        self._lock = lock
        self._journal = lock.with_name("changes.json")
        if self._journal.exists():
            with self.held():
                pass

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else edits here; what a killed one began is done first."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if self._journal.exists():
                _carry_out(json.loads(self._journal.read_bytes()))
                self._journal.unlink()
            yield

    def preview(self, edit: Callable[[Changes], object]) -> Changes:
        """What an edit would do. Raises: whatever the edit raises."""
        with self.held():
            changes = Changes(self.root)
            edit(changes)
            return changes

    def save(self, edit: Callable[[Changes], object], version: str | None = None) -> list[Path]:
        """Carry out an edit; the files that changed.

        Args:
            version: of the preview that somebody agreed to.

        Raises:
            ChangedMeanwhile: what the preview was made from is no longer so. And whatever the edit raises.
        """
        with self.held():
            changes = Changes(self.root)
            edit(changes)
            if version is not None and changes.version() != version:
                raise ChangedMeanwhile(version)
            return changes.commit(self._journal)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _save(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _carry_out(steps: list[list[str]]) -> None:
    """Put files in place, take those away that nothing is to replace; what is done already is passed over."""
    for beside, path in steps:
        if not beside:
            Path(path).unlink(missing_ok=True)
        elif Path(beside).exists():
            Path(beside).replace(path)
