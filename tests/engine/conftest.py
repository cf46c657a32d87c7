"""A tiny assistant, trained once, served by the real launcher, with a real action server beside it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.engine import tf_absent

tf_absent.install()  # before any test module imports Rasa

from .harness import ActionServer, Dialogue, Engine, environment  # noqa: E402

PROJECT = Path(__file__).parent / "project"


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test assistant's folder, with `models/first.tar.gz`."""
    folder = tmp_path_factory.mktemp("assistant") / "project"
    shutil.copytree(PROJECT, folder)
    command = [sys.executable, "-m", "bot.engine.cli", "train", "--fixed-model-name", "first"]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


@pytest.fixture(scope="session")
def model(project: Path) -> Path:
    return project / "models" / "first.tar.gz"


@pytest.fixture(scope="session")
def actions() -> Iterator[ActionServer]:
    server = ActionServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def engine(model: Path, actions: ActionServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine most tests share; whoever kills it starts it again."""
    running = Engine(model, actions.port, tmp_path_factory.mktemp("engine"))
    running.start()
    yield running
    running.kill()


@pytest.fixture
def dialogue(engine: Engine, request: pytest.FixtureRequest) -> Dialogue:
    """A new conversation, named after the test."""
    name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]
    return Dialogue(engine, f"c-{name}-{time.monotonic_ns()}")
