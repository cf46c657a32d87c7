"""Poisoned data comes to no training; models that are not ours come to no engine."""

import contextlib
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.gateway.engine import EngineClient
from bot.registry import KEPT, Registry, TamperedModel, UnknownModel, engine_version
from bot.studio.checking import problems
from bot.studio.files import Example, TrainingFiles
from bot.studio.rollout import Keeper
from bot.studio.runs import Busy, Runs
from bot.studio.tables import Run, RunState
from bot.studio.trainer import Trainer
from core.clock import ManualClock
from core.db import Database
from core.settings import ROOT, Settings

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_the_products_own_data_may_be_trained_on(tmp_path: Path) -> None:
    assert problems(TrainingFiles(ROOT, tmp_path / "lock").examples()) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("напишите на ivan.petrov@mail.ru", "personal"),
        ("мой номер 8 916 234-56-78", "personal"),
        ("карта 4111 1111 1111 1111", "personal"),
        ("где <script>alert(1)</script> заказ", "markup"),
        ("<img src=x onerror=alert(1)>", "markup"),
    ],
)
def test_a_poisoned_example_is_named(text: str, kind: str) -> None:
    assert [one.kind for one in problems([Example("ru", "track_order", text)])] == [kind]


def test_swapped_labels_of_known_phrases_are_a_contradiction() -> None:
    rows = [Example("ru", "track_order", "Где мой заказ?"), Example("ru", "complaint", "где мой заказ")]
    assert [(one.kind, one.intents) for one in problems(rows)] == [("conflict", ("complaint", "track_order"))]


async def test_training_on_poisoned_files_fails_and_says_why(
    sqlite: Database, clock: ManualClock, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(ROOT / "data/nlu", project / "data/nlu")
    for name in ("domain.yml", "config.yml"):
        shutil.copy(ROOT / name, project / name)
    with (project / "data/nlu/ru/delivery.yml").open("a", encoding="utf-8") as file:
        file.write("    - везите, телефон +7 916 234-56-78\n")
    settings = Settings(_env_file=None, var=tmp_path, models=tmp_path / "m", project=project)  # type: ignore[call-arg]
    runs = Runs(sqlite, clock, settings)
    run_id = await runs.written_down(None)
    with pytest.raises(Busy):
        await runs.written_down(None)
    assert not await Trainer(sqlite, clock, settings, run_id).run()
    async with sqlite.read() as session:
        run = await session.get_one(Run, run_id)
    assert run.state is RunState.FAILED
    assert "personal: «везите, телефон +7 916 234-56-78»" in run.log
    assert not (tmp_path / "m").exists()
    await runs.written_down(None)


def trained(registry: Registry, *names: str, live: bool = True) -> None:
    registry.folder.mkdir(exist_ok=True)
    for name in names:
        (registry.folder / name).write_text(name)
        registry.add(registry.folder / name, NOW, 1.0, live=live)


def test_an_entry_that_was_not_signed_here_is_refused(tmp_path: Path) -> None:
    registry = Registry(tmp_path, b"ours")
    trained(registry, "a.tar.gz")
    assert registry.live() == tmp_path / "a.tar.gz"
    with pytest.raises(TamperedModel):
        Registry(tmp_path, b"theirs").live()
    with pytest.raises(UnknownModel):
        registry.promote("nobody.tar.gz")


def test_old_models_are_dropped_but_never_what_is_needed(tmp_path: Path) -> None:
    registry = Registry(tmp_path, b"key")
    trained(registry, "first.tar.gz", "second.tar.gz")
    trained(registry, *(f"try{n}.tar.gz" for n in range(KEPT + 3)), live=False)
    kept = {path.name for path in tmp_path.glob("*.tar.gz")}
    assert kept == {"first.tar.gz", "second.tar.gz", *(f"try{n}.tar.gz" for n in range(3, KEPT + 3))}
    assert {model.file for model in registry.models()} == kept
    assert registry.promote("first.tar.gz") == "second.tar.gz"


def test_a_promotion_that_was_killed_half_way_leaves_the_old_model_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(tmp_path, b"key")
    trained(registry, "old.tar.gz")
    trained(registry, "new.tar.gz", live=False)
    with monkeypatch.context() as dying, contextlib.suppress(KeyboardInterrupt):

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        dying.setattr(Path, "replace", die)
        registry.promote("new.tar.gz")
    assert registry.live() == tmp_path / "old.tar.gz"
    registry.promote("new.tar.gz")
    assert registry.live() == tmp_path / "new.tar.gz"


async def test_every_engine_follows_the_registry_as_soon_as_it_can(
    sqlite: Database, tmp_path: Path, clock: ManualClock
) -> None:
    served = {"one": "old.tar.gz", "two": "old.tar.gz"}
    refuses = {"two"}
    asked: list[str] = []

    def engine(name: str) -> web.Application:
        async def health(_: web.Request) -> web.Response:
            return web.json_response({"model": served[name]})

        async def model(request: web.Request) -> web.Response:
            asked.append(name)
            if name in refuses:
                return web.json_response({"error": {"code": "turn_failed"}}, status=500)
            served[name] = Path((await request.json())["file"]).name
            return web.json_response({"model": served[name]})

        app = web.Application()
        app.router.add_get("/webhooks/zabota/health", health)
        app.router.add_post("/webhooks/zabota/model", model)
        return app

    registry = Registry(tmp_path, b"key")
    trained(registry, "old.tar.gz")
    trained(registry, "new.tar.gz", live=False)
    async with (
        TestServer(engine("one")) as one,
        TestServer(engine("two")) as two,
        aiohttp.ClientSession() as http,
    ):
        bases = [str(server.make_url("")) for server in (one, two)]
        keeper = Keeper(sqlite, clock, registry, EngineClient(http, bases, b"k", timedelta(seconds=5)))
        assert await keeper.look() == []
        registry.promote("new.tar.gz")
        assert len(await keeper.look()) == 1
        assert served == {"one": "new.tar.gz", "two": "old.tar.gz"}
        refuses.clear()
        assert len(await keeper.look()) == 1
        assert served == {"one": "new.tar.gz", "two": "new.tar.gz"}
        (tmp_path / "old.tar.gz").write_text("tampered")
        with pytest.raises(TamperedModel):
            registry.promote("old.tar.gz")
        assert await keeper.look() == []
    assert asked == ["one", "two", "two"]
    assert engine_version() == registry.find("new.tar.gz").engine
