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


def free_port() -> int:
    """A port of 127.0.0.1 that stays this test run's own, whatever other runs are under way.

    Raises:
        LookupError: ten thousand are taken.
    """
    folder = Path(tempfile.gettempdir()) / f"zabota-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for port in RANGE:
        if port not in _taken and (lock := _locked(folder / str(port))):
            _taken[port] = lock
            if _is_free(port):
                return port
    raise LookupError("no port is free")


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
