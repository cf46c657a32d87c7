"""Keeps what the studio writes in git, if the folder is a repository. The administrator is the author."""

import os
import subprocess
from collections.abc import Sequence
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
