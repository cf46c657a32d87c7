"""Training runs: begun, watched, cancelled. The work is a process of its own."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.registry import Registry
from bot.studio.tables import Run, RunState
from bot.web.staff.accounts import Staff
from core.audit import Audit
from core.clock import Clock
from core.db import Database
from core.settings import ROOT, Settings

TRAINS = re.compile(rb"bot\.engine\.(?:cli|nlu)")  # in the command line of what an engine room starts


class Busy(Exception):
    """A run is under way; one at a time."""


class Runs:
    """All training runs of this installation."""

    def __init__(self, db: Database, clock: Clock, settings: Settings) -> None:
        self._db = db
        self._clock = clock
        self._audit = Audit(clock)
        self._registry = Registry(settings.models.resolve(), settings.models_key)
        self._environment = {
            "ZABOTA_VAR": str(settings.var.resolve()),
            "ZABOTA_MODELS": str(settings.models.resolve()),
            "ZABOTA_PROJECT": str(settings.project.resolve()),
            "ZABOTA_MODELS_SECRET": settings.models_key.decode(),
            "ZABOTA_DATABASE_URL": db.url.render_as_string(hide_password=False),
        }
        self._children: set[asyncio.Task[int]] = set()

    async def written_down(self, staff: Staff | None) -> int:
        """A new run that nobody carries out yet; its number.

        Raises:
            Busy
        """
        await self.look_after()
        async with self._db.write() as session:
            if await running(session) is not None:
                raise Busy
            run = Run(
                state=RunState.RUNNING, staff_id=staff.id if staff else None, began_at=self._clock.now(),
                pid=os.getpid(),
            )  # fmt: skip
            session.add(run)
            await session.flush()
            actor = staff.actor if staff else "cli"
            await self._audit.record(session, actor, "training begun", f"run:{run.id}")
            return run.id

    async def start(self, staff: Staff | None) -> int:
        """Begin a run; its number.

        Raises:
            Busy
        """
        run_id = await self.written_down(staff)
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot.studio.trainer", str(run_id),
            cwd=ROOT, env={**os.environ, **self._environment}, start_new_session=True,
        )  # fmt: skip
        task = asyncio.create_task(child.wait())
        self._children.add(task)
        task.add_done_callback(self._children.discard)
        async with self._db.write() as session:
            (await session.get_one(Run, run_id)).pid = child.pid
        return run_id

    async def cancel(self, run_id: int, staff: Staff | None) -> None:
        """End a run: the trainer and whatever it started. The live model and the files stay whole."""
        async with self._db.write() as session:
            run = await session.get(Run, run_id, with_for_update=True)
            if run is None or run.state is not RunState.RUNNING:
                return
            run.state, run.ended_at = RunState.CANCELLED, self._clock.now()
            if run.pid:
                _end(run.pid)
            self._tidy(run)
            await self._audit.record(
                session, staff.actor if staff else "cli", "training cancelled", f"run:{run_id}"
            )

    async def look_after(self) -> None:
        """A run whose process is gone has failed."""
        async with self._db.write() as session:
            run = await running(session)
            if run is not None and run.pid and run.pid != os.getpid() and not _is_trainer(run.pid):
                run.state, run.ended_at = RunState.FAILED, self._clock.now()
                run.log += "the trainer was interrupted\n"
                _end_orphans(run.pid)
                self._tidy(run)

    def _tidy(self, run: Run) -> None:
        """Remove what an interrupted run left: an archive that nobody registered, half of one."""
        known = {model.file for model in self._registry.models()}
        for path in self._registry.folder.glob(f"*zabota-*-{run.id}.tar.gz*"):
            if path.name not in known:
                path.unlink(missing_ok=True)

    async def newest(self, session: AsyncSession, limit: int = 20) -> list[Run]:
        return list(await session.scalars(select(Run).order_by(Run.id.desc()).limit(limit)))


async def running(session: AsyncSession) -> Run | None:
    """The run that is under way."""
    found: Run | None = await session.scalar(select(Run).where(Run.state == RunState.RUNNING).limit(1))
    return found


def _is_trainer(pid: int) -> bool:
    """Whether a process is there and is a trainer of ours: numbers are given out again."""
    try:
        said = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"bot.studio.trainer" in said or b"studio" in said.split(b"\0")


def _end(trainer: int) -> None:
    """End a trainer and what it started; our own process, on the command line, ends by itself."""
    started = _started_by(trainer)
    if trainer != os.getpid() and _is_trainer(trainer):
        os.kill(trainer, signal.SIGKILL)
    _kill(started | _started_by(trainer))


def _end_orphans(trainer: int) -> None:
    """A trainer that was killed leaves the engine that it had started."""
    _kill(_started_by(trainer))


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _started_by(trainer: int) -> set[int]:
    """The engines that work for a trainer: descended from it, or left behind in its group."""
    found: set[int] = set()
    related = {trainer}
    seen = sorted(_processes())  # a child has a larger number than its parent, until numbers begin anew
    for pid, parent, group in seen + seen:
        if parent in related or group == trainer:
            related.add(pid)
            with contextlib.suppress(OSError):
                if TRAINS.search(Path(f"/proc/{pid}/cmdline").read_bytes()):
                    found.add(pid)
    return found


def _processes() -> Iterator[tuple[int, int, int]]:
    """Number, parent and group of every process."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):
            parent, group = stat.read_text().rpartition(")")[2].split()[1:3]
            yield int(stat.parent.name), int(parent), int(group)
