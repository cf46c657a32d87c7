"""Runs the engine's Python for trainings and questions to models, and tells how far they are."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.settings import ROOT

ENGINE_PYTHON = ROOT / ".venv-engine/bin/python"
LAST_LINES = 15
BEGUN, STEP, LEARNT = 0.05, 0.08, 0.75  # shares of a whole training: what each component moves it on
_COMPONENT = re.compile(r"Starting to train component '(?:[\w.]+\.)?(\w+)'")

Stage = Callable[[str, float], None]  # name, share of the work that is done


class TrainingFailed(Exception):
    """The trainer ended with an error; the message is its last lines."""


class NeedsWholeTraining(Exception):
    """More changed than examples of known intents; the message says what."""


class EngineRoom:
    """Trains on one project's data."""

    def __init__(self, project: Path, cache: Path) -> None:
        """`cache`: a file that keeps features of examples from one training to the next."""
        self._project = project
        self._cache = cache

    def whole(self, models: Path, name: str, stage: Stage) -> Path:
        """`rasa train`, with everything that belongs to it; the new archive.

        Raises:
            TrainingFailed
        """
        command = ["-m", "bot.engine.cli", "train", "--out", str(models), "--fixed-model-name", name]
        last: list[str] = []
        share = BEGUN
        with self._engine(command) as lines:
            for line in lines:
                last = [*last, line][-LAST_LINES:]
                if found := _COMPONENT.search(line):
                    stage(found[1], share)
                    share = min(share + STEP, LEARNT)
        archive = models / f"{name}.tar.gz"
        if not archive.exists():
            raise TrainingFailed("\n".join(last))
        return archive

    def examples(
        self, base: Path, out: Path, rows: Sequence[Path], answers: Path, stage: Stage
    ) -> dict[str, Any]:
        """Retrain on changed examples alone, and ask the new model; seconds instead of a minute.

        Raises:
            NeedsWholeTraining, TrainingFailed
        """
        asked = ["examples", "--base", str(base), "--data", str(self._project / "data/nlu")]
        asked += ["--out", str(out), "--cache", str(self._cache)]
        return self._tool([*asked, *_judged(rows, answers)], stage)

    def answers(self, model: Path, rows: Sequence[Path], answers: Path, stage: Stage) -> None:
        """What a model says to held-out rows, into a file.

        Raises:
            TrainingFailed
        """
        self._tool(["answers", str(model), *_judged(rows, answers)], stage)

    def _tool(self, arguments: Sequence[str], stage: Stage) -> dict[str, Any]:
        last: list[str] = []
        with self._engine(["-m", "bot.engine.nlu.retrain", *arguments]) as lines:
            for line in lines:
                event = _event(line)
                last = last if event else [*last, line][-LAST_LINES:]
                if event.get("event") == "stage":
                    stage(event["stage"], event["share"])
                elif event.get("event") == "error":
                    raise NeedsWholeTraining(event["message"])
                elif event.get("event") == "result":
                    return event
        raise TrainingFailed("\n".join(last))

    @contextmanager
    def _engine(self, arguments: Sequence[str]) -> Iterator[Iterator[str]]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "RASA_TELEMETRY_ENABLED": "false",
            "ZABOTA_FEATURE_CACHE": str(self._cache),
        }
        with subprocess.Popen(  # noqa: S603 - our own program
            [str(ENGINE_PYTHON), *arguments],
            cwd=self._project, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
        ) as worker:  # fmt: skip
            assert worker.stdout is not None
            yield (line.rstrip() for line in worker.stdout)


def _judged(rows: Sequence[Path], answers: Path) -> list[str]:
    return ["--rows", *map(str, rows), "--answers", str(answers)]


def _event(line: str) -> dict[str, Any]:
    """A line of JSON; what a library prints besides is nothing to us."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) and "event" in event else {}
