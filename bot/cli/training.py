"""A whole training from the command line; what it made becomes the live model."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bot.registry import Model, Registry
from bot.studio.engine_room import ENGINE_PYTHON, EngineRoom, TrainingFailed
from bot.studio.files import TrainingFiles
from core.settings import Settings

__all__ = ["ENGINE_PYTHON", "TrainingFailed", "train"]


def train(models: Path, stage: Callable[[str], None] = lambda _: None) -> Model:
    """Train on `data/`, `config.yml` and `domain.yml`; the new model becomes the live one.

    Args:
        stage: told the name of each component when its training begins.

    Raises:
        TrainingFailed
    """
    began, settings = time.monotonic(), Settings()
    files = TrainingFiles(settings.project, settings.var / "studio/lock")
    data, frame = files.version(), files.frame()
    room = EngineRoom(settings.project, settings.var / "studio/features.npz")
    archive = room.whole(
        models.resolve(), f"zabota-{datetime.now(UTC):%Y%m%d-%H%M%S}", lambda one, _: stage(one)
    )
    registry = Registry(models, settings.models_key)
    return registry.add(archive, datetime.now(UTC), time.monotonic() - began, data=data, frame=frame)
