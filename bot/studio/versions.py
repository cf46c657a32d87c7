"""Keeps what the studio writes in git, if the folder is a repository. The administrator is the author."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

SECONDS = 30


def commit(root: Path, files: Sequence[Path], words: str, name: str, login: str) -> str | None:
    """Commit exactly these files; the commit's short name, or None: no repository, or nothing changed.

    Raises:
        subprocess.CalledProcessError: git refused; the files stand as they were written.
    """
    if not files or _git(root, "rev-parse", "--is-inside-work-tree", check=False) is None:
        return None
    paths = [str(path.relative_to(root)) for path in files]
    _git(root, "add", "--", *paths)
    if not _git(root, "status", "--porcelain", "--", *paths):
        return None
    author = f"{_plain(name)} <{_plain(login)}@studio.local>"
    who = ("-c", "user.name=Zabota studio", "-c", "user.email=studio@studio.local")
    _git(root, *who, "commit", "--quiet", "--only", f"--author={author}", "-m", words, "--", *paths)
    return _git(root, "rev-parse", "--short", "HEAD")


@dataclass(frozen=True)
class Commit:
    """One change that the studio made."""

    id: str
    who: str
    at: datetime
    words: str


def history(root: Path, limit: int = 20) -> list[Commit]:
    """What the studio changed here, the newest first; nothing where there is no repository."""
    form = "--format=%H%x1f%an%x1f%aI%x1f%s"
    told = _git(root, "log", f"-{limit}", "--author=@studio.local", form, "--", ".", check=False)
    rows = [line.split("\x1f") for line in (told or "").splitlines()]
    return [Commit(id_, who, datetime.fromisoformat(at), words) for id_, who, at, words in rows]


def contents(root: Path, id_: str) -> dict[Path, tuple[bytes | None, bytes | None]] | None:
    """The files of a commit of the studio: before and after it; None when there is no such commit."""
    if id_ not in {one.id for one in history(root, 200)}:
        return None
    names = _git(root, "show", "--format=", "--name-only", "--relative", "-z", id_) or ""
    return {
        root / name: (_blob(root, f"{id_}^", name), _blob(root, id_, name))
        for name in names.split("\0")
        if name.strip()
    }


def _blob(root: Path, id_: str, name: str) -> bytes | None:
    done = subprocess.run(  # noqa: S603 - git, with our own arguments
        ["git", "-C", str(root), "show", f"{id_}:./{name.strip()}"],  # noqa: S607
        capture_output=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    return done.stdout if done.returncode == 0 else None


def _plain(text: str) -> str:
    return "".join(char for char in text if char.isprintable() and char not in "<>") or "unknown"


def _git(root: Path, *arguments: str, check: bool = True) -> str | None:
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(  # noqa: S603 - git, with our own arguments
            ["git", "-C", str(root), *arguments],  # noqa: S607
            capture_output=True, text=True, check=check, timeout=SECONDS, env=environment,
        )  # fmt: skip
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
