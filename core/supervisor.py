"""Starts the product's processes, restarts those that die, ends them together.

Standard library only: it lives as long as the product and should weigh nothing.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.error import URLError
from urllib.request import urlopen

from core.process import PARENT

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 15.0  # seconds before a dead process is started again
CALM = 30.0  # seconds of life after which a death is a first one again
GRACE = 10.0  # seconds to end in order


@dataclass(frozen=True)
class Program:
    """One process to keep alive."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    health: str = ""  # URL that answers 200 when it is ready


class Supervisor:
    """Keeps programs running until told to stop."""

    def __init__(self, programs: Sequence[Program]) -> None:
        self._programs = programs
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()

    async def run(self, ready: str) -> None:
        """Run until SIGINT or SIGTERM. `ready` is printed once everything answers."""
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(sign, self._stopping.set)
        keepers = [asyncio.create_task(self._keep(program)) for program in self._programs]
        greeter = asyncio.create_task(self._announce(ready))
        await self._stopping.wait()
        greeter.cancel()
        await self._stop()
        await asyncio.gather(*keepers, return_exceptions=True)

    async def _keep(self, program: Program) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            born = time.monotonic()
            child = await asyncio.create_subprocess_exec(
                *program.command,
                env={**os.environ, **program.env, PARENT: str(os.getpid())},
                start_new_session=True,  # Ctrl-C is for the supervisor, which ends the others in order
            )
            self._children[program.name] = child
            code = await child.wait()
            if self._stopping.is_set():
                return
            pause = FIRST_PAUSE if time.monotonic() - born > CALM else min(pause * 2, LONGEST_PAUSE)
            print(f"{program.name} ended with {code}; starting it again", file=sys.stderr, flush=True)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _announce(self, ready: str) -> None:
        for program in self._programs:
            while program.health and not await asyncio.to_thread(_answers, program.health):  # noqa: ASYNC110
                await asyncio.sleep(0.1)  # another process: there is no event to wait for
        print(ready, flush=True)

    async def _stop(self) -> None:
        for child in self._children.values():
            if child.returncode is None:
                child.terminate()
        waits = [asyncio.create_task(child.wait()) for child in self._children.values()]
        _, late = await asyncio.wait(waits, timeout=GRACE)
        if late:
            for child in self._children.values():
                if child.returncode is None:
                    child.kill()


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as response:  # noqa: S310 - our own loopback address
            return bool(response.status == 200)
    except (URLError, OSError):
        return False
