"""Ports for processes that must be told theirs before they start."""

import contextlib
import fcntl
import os
import socket
import tempfile
from pathlib import Path
from typing import IO

# Below the range that the kernel gives away by itself, so that no outgoing connection takes one meanwhile.
RANGE = range(20_000, 30_000)
_taken: dict[int, IO[str]] = {}  # the locks; they end with this process


def free_port(in_a_row: int = 1) -> int:
    """A port of 127.0.0.1 that stays this test run's own, whatever other runs are under way.

    Args:
        in_a_row: so many, of which this is the first.

    Raises:
        LookupError: ten thousand are taken.
    """
    row = 0
    folder = Path(tempfile.gettempdir()) / f"zabota-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for port in RANGE:
        row = row + 1 if _take(port, folder) else 0
        if row == in_a_row:
            return port - in_a_row + 1
    raise LookupError("no port is free")


def _take(port: int, folder: Path) -> bool:
    if port in _taken or (lock := _locked(folder / str(port))) is None:
        return False
    _taken[port] = lock
    return _is_free(port)


def _locked(path: Path) -> IO[str] | None:
    file = path.open("w")
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file
    file.close()
    return None


def _is_free(port: int) -> bool:
    """Whether nobody else, a test run or not, listens there."""
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False
