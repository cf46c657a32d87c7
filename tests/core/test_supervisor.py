"""The processes of an installation live and die together."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from core.supervisor import Program, Supervisor

CHILD = "import os, time, pathlib, sys; p = pathlib.Path(sys.argv[1]); p.open('a').write(f'{os.getpid()}\\n')"
PATIENCE = 60.0


def program(name: str, folder: Path) -> Program:
    """A program that writes down its process id at each start, and then stays."""
    stays = f"{CHILD}; from core.process import die_with_parent; die_with_parent(); time.sleep(60)"
    return Program(name, [sys.executable, "-c", stays, str(folder / name)])


async def starts(file: Path, count: int) -> list[int]:
    """Process ids written so far, once there are `count`."""
    async with asyncio.timeout(PATIENCE):
        while True:
            pids = file.read_text().split() if file.exists() else []  # noqa: ASYNC240
            if len(pids) >= count:
                return [int(pid) for pid in pids]
            await asyncio.sleep(0.02)  # another process: there is no event to wait for


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[asyncio.Task[None]]:
    supervisor = Supervisor([program("one", tmp_path), program("two", tmp_path)])
    task = asyncio.create_task(supervisor.run("ready"))
    yield task
    if not task.done():
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(task, PATIENCE)


async def test_a_process_that_was_killed_is_started_again(
    running: asyncio.Task[None], tmp_path: Path
) -> None:
    [first] = await starts(tmp_path / "one", 1)
    os.kill(first, signal.SIGKILL)
    first_again, second = await starts(tmp_path / "one", 2)
    assert first_again == first
    assert second != first


async def test_all_end_when_the_supervisor_is_told_to(running: asyncio.Task[None], tmp_path: Path) -> None:
    [one], [two] = await starts(tmp_path / "one", 1), await starts(tmp_path / "two", 1)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(running, PATIENCE)
    assert not psutil.pid_exists(one)
    assert not psutil.pid_exists(two)


async def test_no_process_outlives_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys; from pathlib import Path; from core.supervisor import Supervisor;"
        "from tests.core.test_supervisor import program;"
        "asyncio.run(Supervisor([program('one', Path(sys.argv[1]))]).run('ready'))"
    )
    supervisor = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(tmp_path))
    [child] = await starts(tmp_path / "one", 1)
    supervisor.kill()
    await supervisor.wait()
    async with asyncio.timeout(PATIENCE):
        while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
