"""Runs the engine's trainer as a process of its own and registers what it made."""

import os
import re
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bot.registry import Model, Registry
from core.settings import ROOT

ENGINE_PYTHON = ROOT / ".venv-engine/bin/python"
_STAGE = re.compile(r"Starting to train component '(\w+)'")


class TrainingFailed(Exception):
    """The trainer ended with an error; the message is its last lines."""


def train(models: Path, stage: Callable[[str], None] = lambda _: None) -> Model:
    """Train on `data/`, `config.yml` and `domain.yml`; the new model becomes the live one.

    Args:
        stage: told the name of each component when its training begins.

    Raises:
        TrainingFailed
    """
    began = time.monotonic()
    name = f"zabota-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    command = [str(ENGINE_PYTHON), "-m", "bot.engine.cli", "train", "--out", str(models)]
    command += ["--fixed-model-name", name]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=_environment()
    ) as trainer:
        assert trainer.stdout is not None
        lines: list[str] = []
        for line in trainer.stdout:
            lines.append(line.rstrip())
            if found := _STAGE.search(line):
                stage(found[1])
    archive = models / f"{name}.tar.gz"
    if trainer.returncode != 0 or not archive.exists():
        raise TrainingFailed("\n".join(lines[-15:]))
    return Registry(models).add(archive, datetime.now(UTC), time.monotonic() - began)


def _environment() -> dict[str, str]:
    return {**os.environ, "RASA_TELEMETRY_ENABLED": "false", "PYTHONWARNINGS": "ignore"}
