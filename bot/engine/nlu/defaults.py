"""How the classifier is set up where config.yml says nothing. Without Rasa: the studio needs it too."""

from __future__ import annotations

import dataclasses
from typing import Any

from bot.engine.nlu.dense import DEFAULT_ENCODERS
from bot.engine.nlu.model import Options

TALK = [
    "greet",
    "goodbye",
    "thanks",
    "affirm",
    "deny",
    "chitchat",
    "bot_challenge",
    "capabilities",
    "out_of_scope",
]


def classifier_defaults() -> dict[str, Any]:
    """The training options of `Options`, and what to answer with."""
    return {
        **dataclasses.asdict(Options()),
        "ranking_length": 10,
        "background": True,  # packaged everyday sentences join the out-of-scope examples
        "vectors": True,  # Russian word vectors
        "encoders": dict(DEFAULT_ENCODERS),  # language -> off, auto or a folder
        "split": 0.7,  # probability each of several inquiries must reach; 1 never splits
        "talk": list(TALK),  # intents that are no inquiry of their own
    }
