"""An engine does not outlive the process that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from datetime import timedelta

__all__ = ["die_with"]

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_POLL = timedelta(seconds=1)


def die_with(parent: int) -> None:
    """Arrange that this process ends soon after its parent with process id `parent`.

    On Linux the kernel sends SIGTERM; elsewhere a thread looks once a second.

    Raises:
        ProcessLookupError: the parent is gone already, or is not the parent.
    """
    watched = _ask_kernel()
    if os.getppid() != parent:
        raise ProcessLookupError(f"process {parent} is not the parent of the engine")
    if not watched:
        threading.Thread(target=_watch, args=(parent,), daemon=True, name="parent-watch").start()


def _ask_kernel() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL.total_seconds())
    os.kill(os.getpid(), signal.SIGTERM)
