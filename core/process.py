"""What every process of the product does at its start and end."""

import asyncio
import ctypes
import os
import signal
import sys

PARENT = "ZABOTA_PARENT_PID"
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """End when the supervisor ends, even when it was killed. Does nothing outside the supervisor."""
    parent = os.environ.get(PARENT)
    if not parent:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before we could ask
        sys.exit(0)


def make_loop() -> asyncio.AbstractEventLoop:
    """The event loop of a process of ours: uvloop if there is one; a request costs a third less with it."""
    try:
        import uvloop
    except ImportError:  # it knows no Windows
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
