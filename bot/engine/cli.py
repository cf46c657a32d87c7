"""Rasa's own commands in this engine: `python -m bot.engine.cli train|shell|test|data|interactive …`.

The same as `rasa …`, with TensorFlow's stand-ins in place and telemetry off. To be run from the project's
root;
`make rasa ARGS="…"` does that.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from bot.engine import tf_absent
from bot.engine.nlu.blas import choose_kernels

__all__ = ["main"]

_CHECKED = ("train", "interactive", "test", "data", "shell", "run", "visualize", "evaluate")
_CONFIG_FLAGS = ("-c", "--config")

#: What endpoints.yml and credentials.yml ask for, so that `shell` and `interactive` work without the
#: launcher.
_DEVELOPMENT = {"ZABOTA_ACTIONS_URL": "http://127.0.0.1:5055/webhook"}
_DEVELOPMENT_SECRETS = ("ZABOTA_ENGINE_SECRET", "ZABOTA_ACTIONS_SECRET")


def main() -> None:
    """Run one Rasa command with the process's arguments."""
    choose_kernels()  # before NumPy
    _set_environment()
    sys.path.insert(0, str(Path.cwd()))
    if tf_absent.install():
        _check(sys.argv[1:])
    if sys.argv[1:2] == ["train"]:
        from bot.engine import quick

        quick.install()
    from rasa.__main__ import main as rasa

    sys.argv[0] = "rasa"
    rasa()


def _set_environment() -> None:
    os.environ.update(RASA_TELEMETRY_ENABLED="false", SQLALCHEMY_SILENCE_UBER_WARNING="1")
    for name, value in _DEVELOPMENT.items():
        os.environ.setdefault(name, value)
    for name in _DEVELOPMENT_SECRETS:
        os.environ.setdefault(name, secrets.token_urlsafe(32))


def _check(arguments: Sequence[str]) -> None:
    """Refuse a configuration which only works with TensorFlow before anything is started."""
    from bot.engine.components import NeedsTensorFlow, check_config

    if not arguments or arguments[0] not in _CHECKED:
        return
    for path in _configs(arguments):
        try:
            check_config(path, _sections(arguments))
        except NeedsTensorFlow as error:
            sys.exit(str(error))


def _configs(arguments: Sequence[str]) -> list[Path]:
    """The configuration files that the command names; config.yml when it names none."""
    named: list[Path] = []
    taking = False
    for argument in arguments:
        flag, _, value = argument.partition("=")
        if flag in _CONFIG_FLAGS:
            taking = not value
            named += [Path(value)] if value else []
        elif argument.startswith("-"):
            taking = False
        elif taking:
            named.append(Path(argument))
    return [path for path in named or [Path("config.yml")] if path.is_file()]


def _sections(arguments: Sequence[str]) -> Sequence[str]:
    """`train nlu` and `train core` need only their half of the configuration."""
    only = arguments[1] if arguments[0] == "train" and len(arguments) > 1 else ""
    return {"nlu": ("pipeline",), "core": ("policies",)}.get(only, ("pipeline", "policies"))


if __name__ == "__main__":
    main()
