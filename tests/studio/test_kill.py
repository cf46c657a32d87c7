"""`kill -9` of trainer, studio and engine at any moment: the live model and the data are whole afterwards."""

import asyncio
import hashlib
import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import yaml
from sqlalchemy import select

from bot.registry import Registry, digest
from bot.studio.collecting import Collector
from bot.studio.files import TrainingFiles
from bot.studio.inbox import Inbox
from bot.studio.runs import Runs
from bot.studio.tables import Promotion, Run, RunState, Verdict
from core.clock import ManualClock, SystemClock
from core.db import Database
from core.settings import ROOT, Settings
from tests.product.running import trained_models
from tests.studio.conftest import Town
from tests.studio.shop import KEY, Shop, running_shop

SEED = 20
STAGES = ("start", "write", "check", "read", "learn", "pack", "judge", "compare", "done")
PATIENCE = 120  # seconds; a busy machine is slow

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # starts the product, trains, kills: minutes


# --- the trainer --------------------------------------------------------------------------------------------


@dataclass
class Workshop:
    """A project of its own, with the real model, a database and trainings."""

    project: Path
    registry: Registry
    db: Database
    runs: Runs
    town: Town

    def data(self) -> dict[str, str]:
        """Every file that the studio writes into."""
        files = [*self.project.glob("data/**/*.yml"), self.project / "domain.yml"]
        return {str(path): path.read_text(encoding="utf-8") for path in files}

    async def decides(self, text: str) -> None:
        """An administrator puts a message to a known intent; the next training writes it down."""
        await self.town.says(text)
        await self.town.collector.look()
        async with self.db.write() as session:
            [group] = await Inbox(SystemClock()).groups(session)
            await Inbox(SystemClock()).decide(session, group.id, Verdict.INTENT, "track_order", None)

    async def stage(self, run: int) -> tuple[RunState, str]:
        async with self.db.read() as session:
            found = await session.get_one(Run, run)
            return found.state, found.stage


@pytest.fixture
async def workshop(sqlite: Database, town_of: Town, tmp_path: Path) -> Workshop:
    project, models = tmp_path / "project", tmp_path / "models"
    shutil.copytree(ROOT / "data", project / "data")
    for name in ("domain.yml", "config.yml", "endpoints.yml"):
        shutil.copy(ROOT / name, project / name)
    shutil.copytree(await asyncio.to_thread(trained_models), models)
    settings = Settings(
        _env_file=None, var=tmp_path / "var", models=models, project=project, models_secret=KEY.decode(),
        database_url=sqlite.url.render_as_string(hide_password=False),
    )  # type: ignore[call-arg, arg-type] # fmt: skip
    runs = Runs(sqlite, SystemClock(), settings)
    return Workshop(project, Registry(models, KEY), sqlite, runs, town_of)


@pytest.fixture
def town_of(sqlite: Database, clock: ManualClock) -> Town:
    return Town(sqlite, clock, Inbox(clock), Collector(sqlite, clock))


def _place(stage: str) -> int:
    """How far a run is; a whole training names its components as stages."""
    return STAGES.index(stage) if stage in STAGES else STAGES.index("learn")


async def test_a_trainer_that_is_killed_leaves_everything_whole(workshop: Workshop) -> None:
    chance = random.Random(SEED)
    live, archive = workshop.registry.live(), digest(workshop.registry.live() or Path())
    names = {path.name for path in workshop.registry.folder.glob("*.tar.gz")}
    for stage in ("write", "learn", "judge"):
        await workshop.decides(f"а посылочка моя номер {chance.randrange(10**6)} где едет")
        before = workshop.data()
        run = await workshop.runs.start(None)
        async with asyncio.timeout(PATIENCE):
            while _place((await workshop.stage(run))[1]) < STAGES.index(stage):  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # another process: there is no event to wait for
        await asyncio.sleep(chance.uniform(0, 0.3))
        async with workshop.db.read() as session:
            pid = (await session.get_one(Run, run)).pid
        children = psutil.Process(pid).children(recursive=True)
        os.kill(pid or 0, signal.SIGKILL)
        await asyncio.sleep(0.1)
        await workshop.runs.look_after()
        assert (await workshop.stage(run))[0] is RunState.FAILED
        _, alive = psutil.wait_procs(children, timeout=20)
        assert not alive, "the trainer's engine lives on"
        assert workshop.registry.live() == live
        assert digest(live or Path()) == archive
        assert {path.name for path in workshop.registry.folder.glob("*.tar.gz")} == names
        for path, text in workshop.data().items():
            if text != before[path]:  # whole or not at all: still YAML, nothing is gone, only examples came
                assert yaml.safe_load(text)
                came = Counter(text.splitlines()) - Counter(before[path].splitlines())
                assert not Counter(before[path].splitlines()) - Counter(text.splitlines())
                assert all("а посылочка моя номер" in line for line in came.elements())
    run = await workshop.runs.start(None)
    async with asyncio.timeout(PATIENCE * 3):
        while (await workshop.stage(run))[0] is RunState.RUNNING:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    assert (await workshop.stage(run))[0] is RunState.DONE
    learnt = {one.text for one in TrainingFiles(workshop.project, workshop.project / "lock").examples()}
    assert sum("а посылочка моя номер" in text for text in learnt) == 3
    for model in workshop.registry.models():
        workshop.registry.check(model)


# --- studio and engine --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with running_shop(tmp_path_factory.mktemp("killed")) as running:
        yield running


def of_data() -> str:
    files = sorted(ROOT.glob("data/nlu/**/*.yml"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


@pytest.mark.parametrize(
    ("module", "longest"), [("bot.web", 0.12), ("bot.engine.launcher", 2.0)], ids=["studio", "engine"]
)
async def test_whatever_dies_while_a_model_goes_live(shop: Shop, module: str, longest: float) -> None:
    chance, data = random.Random(SEED), of_data()
    for _ in range(4):
        switching = asyncio.create_task(shop.switch())
        await asyncio.sleep(chance.uniform(0, longest))  # a moment of the promotion, any moment
        shop.product.kill(module)
        await switching
        await shop.settled()
    async with shop.product.db.read() as session:
        known = {model.file for model in shop.registry.models()}
        assert set(await session.scalars(select(Promotion.model))) <= known
    assert of_data() == data
