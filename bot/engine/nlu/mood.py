"""`SentimentAnalyser`: how a message sounds, as a Rasa component."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.engine.nlu.fingerprint import code_fingerprint
from bot.engine.nlu.mood_model import MoodModel, blend
from bot.engine.nlu.sentiment import weigh


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SentimentAnalyser(GraphComponent):
    """Sets the output key `sentiment`: `score` in -1…1 and `words` (`text`, `start`, `end`, `weight`)."""

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: MoodModel | None = None,
    ) -> None:
        """Hold the trained model; `create` and `load` call this."""
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._model = model

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Which intents teach what: their examples are the only labelled moods a company has."""
        return {
            "positive": ["praise", "thanks"],
            "negative": ["complaint"],
            "mixed": ["delivery_delay"],  # asked calmly and in anger: an example teaches no mood
            "seed": 7,
        }

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentimentAnalyser:
        """Word lists only."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> SentimentAnalyser:
        """Read the trained model, if the data allowed one."""
        with model_storage.read_from(resource) as folder:
            facts = json.loads((folder / "mood.json").read_text(encoding="utf-8"))
            model = None
            if facts["trained"]:
                with np.load(folder / "mood.npz", allow_pickle=False) as arrays:
                    model = MoodModel.from_arrays(arrays)
        return cls(config, model_storage, resource, model)

    def train(self, training_data: TrainingData) -> Resource:
        """Learn from the intents that have a mood."""
        moods = dict.fromkeys(self._config["positive"], 1) | dict.fromkeys(self._config["negative"], -1)
        mixed = self._config["mixed"]
        examples = [
            e
            for e in training_data.intent_examples
            if e.get(TEXT) and e.get(INTENT) and e.get(INTENT) not in mixed
        ]
        texts = [e.get(TEXT) for e in examples]
        labels = np.array([moods.get(e.get(INTENT), 0) for e in examples])
        self._model = MoodModel.fit(texts, labels, self._config["seed"])
        with self._model_storage.write_to(self._resource) as folder:
            if self._model is not None:
                np.savez(folder / "mood.npz", **self._model.arrays())
            facts = {"trained": self._model is not None}
            (folder / "mood.json").write_text(json.dumps(facts), encoding="utf-8")
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Weigh every message."""
        for message in messages:
            text = message.get(TEXT)
            if text:
                listed = weigh(text)
                learnt = self._model.score(text) if self._model is not None else None
                found = {
                    "score": blend(listed, learnt),
                    "words": [
                        {"text": w.text, "start": w.start, "end": w.end, "weight": w.weight}
                        for w in listed.words
                    ],
                }
                message.set("sentiment", found, add_to_output=True)
        return messages

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """A change in any helper module or data file of this package counts."""
        return code_fingerprint()

    @staticmethod
    def required_packages() -> list[str]:
        """Libraries whose version is part of the fingerprint."""
        return ["sklearn", "pymorphy3"]
