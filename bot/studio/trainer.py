"""One training run, in a process of its own: `python -m bot.studio.trainer RUN`.

Decisions come into the files, the data is checked, a model is made, judged beside the live one, registered.
Nothing goes live here. Killed at any moment, it leaves the live model and whole files; the run has failed.
"""

import asyncio
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from bot.registry import Model, Registry, digest, engine_version
from bot.studio import gate
from bot.studio.checking import problems
from bot.studio.engine_room import EngineRoom, NeedsWholeTraining, TrainingFailed
from bot.studio.files import ChangedMeanwhile, TrainingFiles
from bot.studio.places import Places
from bot.studio.played import Step, played, steps_of, write_rows
from bot.studio.tables import Run, RunState
from bot.studio.unreadable import UNREADABLE, refusal
from bot.studio.writing import Writer
from bot.web.staff.tables import StaffAccount
from core import logs
from core.clock import Clock, SystemClock
from core.db import Database
from core.settings import Settings

log = logs.get("studio")
SHOWN_PROBLEMS = 20


class DataRefused(Exception):
    """The training data must be put right first; the message lists what is wrong."""


class Trainer:
    """Carries out one run."""

    def __init__(self, db: Database, clock: Clock, settings: Settings, run_id: int) -> None:
        self._db = db
        self._clock = clock
        self._places = Places(settings)
        self._files = TrainingFiles(settings.project, self._places.lock)
        self._room = EngineRoom(settings.project, self._places.features)
        self._registry = Registry(settings.models.resolve(), settings.models_key)
        self._project = settings.project
        self._steps: list[Step] = []  # of the conversation tests
        self._about: dict[str, Any] = {}
        self._run_id = run_id
        self._loop = asyncio.get_running_loop()

    async def run(self) -> bool:
        """Do it all; False when there is no new model. What went wrong stands in the run's log."""
        try:
            model, facts = await self._work()
        except UNREADABLE:
            places = (await asyncio.to_thread(refusal, self._project)).places
            return await self._failed(f"cannot be read: {', '.join(places)}")
        except (DataRefused, TrainingFailed, ChangedMeanwhile) as why:
            return await self._failed(f"{type(why).__name__}: {why}")
        await self._set(
            state=RunState.DONE, stage="done", share=1.0, model=model.file, comparison=facts,
            ended_at=self._clock.now(),
        )  # fmt: skip
        return True

    async def _failed(self, why: str) -> bool:
        await self._say(why)
        await self._set(state=RunState.FAILED, ended_at=self._clock.now())
        return False

    async def _work(self) -> tuple[Model, dict[str, Any] | None]:
        began = time.monotonic()
        await self._set(stage="write", share=0.02)
        await self._write()
        await self._set(stage="check", share=0.04)
        data, frame = await asyncio.to_thread(self._checked)
        name = f"zabota-{datetime.now(UTC):%Y%m%d-%H%M%S}-{self._run_id}"
        live = self._live()
        self._about = self._origin(data, frame)
        await self._set(origin=self._about, live=live.file if live else None)
        archive, answers = await self._train(name, live, frame)
        seconds = time.monotonic() - began
        facts = await self._compare(live, archive, answers)
        model = self._registry.add(archive, datetime.now(UTC), seconds, live=False, data=data, frame=frame)
        await self._say(f"{model.file}: {seconds:.1f} s" + (f", {facts['outcome']}" if facts else ""))
        return model, facts

    async def _write(self) -> None:
        async with self._db.write() as session:
            query = select(StaffAccount).join(Run, Run.staff_id == StaffAccount.id)
            who = await session.scalar(query.where(Run.id == self._run_id))
            carried = await Writer(self._files, self._clock).write(
                session, (who.name, who.login) if who else None
            )
        await self._say(
            f"{len(carried.written.added)} examples added, {len(carried.written.removed)} removed, "
            f"{carried.measured} for measuring, {carried.left_out} left out as repetitions"
            + (f", commit {carried.commit}" if carried.commit else "")
        )
        for conflict in carried.written.conflicts:
            wanted, stands = conflict.example.intent, conflict.stands_under
            await self._say(f"not added: «{conflict.example.text}» to {wanted}, it stands under {stands}")

    def _checked(self) -> tuple[str, str]:
        """Versions of the data and its frame, if it may be trained on."""
        found = problems(self._files.examples())
        if found:
            raise DataRefused("\n".join(map(str, found[:SHOWN_PROBLEMS])))
        return self._files.version(), self._files.frame()

    def _live(self) -> Model | None:
        model = self._registry.live_model()
        return model if model and model.engine == engine_version() and self._registry.live() else None

    def _origin(self, data: str, frame: str) -> dict[str, Any]:
        return {
            "data": data, "frame": frame, "code": engine_version(), "seed": 7,
            "environment": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        }  # fmt: skip

    async def _train(self, name: str, live: Model | None, frame: str) -> tuple[Path, Path]:
        """The new archive and its answers. Examples alone, where nothing else has changed."""
        models = self._registry.folder
        archive, answers = models / f"{name}.tar.gz", self._places.answers / f"{name}.json"
        answers.parent.mkdir(parents=True, exist_ok=True)
        rows = await asyncio.to_thread(self._rows)
        if live is not None and live.frame == frame:
            try:
                await self._kind("examples")
                base = models / live.file
                facts = await asyncio.to_thread(
                    self._room.examples, base, archive, rows, answers, self._stage
                )
                await self._say(f"learnt {facts['changed']} changed examples")
                return archive, answers
            except NeedsWholeTraining as why:
                await self._say(f"a whole training is needed: {why}")
        await self._kind("whole")
        await asyncio.to_thread(self._room.whole, models, name, self._stage)
        await asyncio.to_thread(self._room.answers, archive, rows, answers, self._stage)
        return archive, answers

    async def _kind(self, kind: str) -> None:
        """Whether examples alone are learnt or everything: the page tells by this how long it takes."""
        self._about |= {"kind": kind}
        await self._set(origin=self._about)

    async def _compare(self, live: Model | None, archive: Path, answers: Path) -> dict[str, Any] | None:
        """Beside the live model, whose answers are kept as long as the held-out rows stay the same."""
        if live is None:
            return None
        rows = await asyncio.to_thread(self._rows)
        asked = digest_of(rows)
        kept = self._places.answers / f"live-{live.sha256[:16]}-{asked}.json"
        if not kept.exists():
            base = self._registry.folder / live.file
            await asyncio.to_thread(self._room.answers, base, rows, kept, self._stage)
        await self._set(stage="compare", share=0.97)
        return await asyncio.to_thread(
            self._judged, kept, answers, self._registry.folder / live.file, archive
        )

    def _rows(self) -> list[Path]:
        """What models are asked: held-out messages, and behind them those of the conversation tests."""
        rows = self._places.held_out()
        self._steps = steps_of(self._project)
        if not self._steps:
            return rows
        write_rows(self._steps, self._places.conversations)
        return [*rows, self._places.conversations]

    def _without_steps(self, answers: gate.Answers) -> gate.Answers:
        return gate.Answers(answers.rows[: len(answers.rows) - len(self._steps)], answers.threshold)

    def _judged(self, kept: Path, answers: Path, live: Path, archive: Path) -> dict[str, Any]:
        sizes = live.stat().st_size, archive.stat().st_size
        old, new = gate.read_answers(kept), gate.read_answers(answers)
        facts = gate.compare(self._without_steps(old), self._without_steps(new), sizes)
        if self._steps:
            told = played(self._steps, old.rows[-len(self._steps) :], new.rows[-len(self._steps) :])
            gate.add_conversations(facts, told)
        answers.replace(kept.with_name(f"live-{digest(archive)[:16]}-{kept.stem.rpartition('-')[2]}.json"))
        for aged in sorted(kept.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-10]:
            aged.unlink()
        return facts

    def _stage(self, name: str, share: float) -> None:
        """Called from a thread."""
        asyncio.run_coroutine_threadsafe(self._set(stage=name[:40], share=share), self._loop).result()

    async def _set(self, **values: Any) -> None:
        async with self._db.write() as session:
            await session.execute(
                update(Run).where(Run.id == self._run_id, Run.state == RunState.RUNNING).values(**values)
            )

    async def _say(self, line: str) -> None:
        async with self._db.write() as session:
            await session.execute(update(Run).where(Run.id == self._run_id).values(log=Run.log + line + "\n"))


def digest_of(rows: list[Path]) -> str:
    """Names the held-out rows."""
    return "".join(digest(path)[:6] for path in rows)[:24]


async def train(settings: Settings, run_id: int) -> bool:
    """Carry out a run that was written down."""
    db = Database(settings.db_url)
    try:
        return await Trainer(db, SystemClock(), settings, run_id).run()
    finally:
        await db.close()


def main() -> None:
    settings = Settings()
    logs.set_up(settings.log_format, settings.log_level, "trainer")
    os.nice(10)
    sys.exit(0 if asyncio.run(train(settings, int(sys.argv[1]))) else 1)


if __name__ == "__main__":
    main()
