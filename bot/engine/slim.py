"""What the running server leaves out of Rasa.

`rasa run` imports the SDKs of fifteen messengers, five databases, two message brokers, matplotlib and the
test suite's plots, of which the engine uses none: its only channel, tracker store and lock store are in
memory. With stand-ins in their place the engine starts in a third of the time and with half of the memory.

Only the launcher uses this; `rasa train`, `test` and `shell` get the whole of Rasa.
"""

from __future__ import annotations

import sys

from bot.engine.standins import StandIns

__all__ = ["install"]

_CHANNELS = (
    "botframework", "callback", "console", "facebook", "hangouts", "mattermost", "rasa_chat", "rest",
    "rocketchat", "slack", "socketio", "telegram", "twilio", "twilio_voice", "webexteams",
)  # fmt: skip

_UNUSED = (
    *(f"rasa.core.channels.{name}" for name in _CHANNELS),
    "rasa.core.http_interpreter",  # NLU on another server
    "rasa.core.jobs",  # reminders: kept in RAM and keyed without the customer, never used
    "rasa.core.test",
    # Named by every model, used in training only; they import every component there is.
    "rasa.graph_components.validators.default_recipe_validator",
    "rasa.graph_components.validators.finetuning_validator",
    "rasa.nlu.test",
    "rasa.telemetry",
    "rasa.utils.plotting",
    "aio_pika", "aiormq",  # brokers
    "sqlalchemy", "boto3", "botocore", "pymongo", "redis",  # tracker and lock stores
    "sanic_jwt", "jwt",  # the HTTP interface is protected by a token
    "questionary", "prompt_toolkit", "colorclass", "randomname",  # talking to a terminal
    "sentry_sdk", "structlog_sentry",
)  # fmt: skip


def install() -> None:
    """Put the stand-ins in place; to be called before the first `import rasa`."""
    StandIns(_UNUSED, importers=("rasa", "portalocker")).install()
    _forget_setuptools()


def _forget_setuptools() -> None:
    """Let `import distutils` (sanic, once) find the standard library's instead of setuptools: 0.2 s."""
    hack = sys.modules.get("_distutils_hack")
    if hack is not None:
        hack.remove_shim()
