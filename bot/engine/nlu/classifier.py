"""`IntentClassifier`: the intent model as a Rasa component."""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.engine.nlu import feature_cache
from bot.engine.nlu.background import background_sentences
from bot.engine.nlu.defaults import classifier_defaults
from bot.engine.nlu.dense import Dense, dense_features
from bot.engine.nlu.fingerprint import code_fingerprint
from bot.engine.nlu.inquiries import find_inquiries
from bot.engine.nlu.model import IntentModel, Options, Prediction


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class IntentClassifier(GraphComponent):
    """Classifies a message, says how sure it is, and rejects what is outside every intent.

    Output keys beside `intent` and `intent_ranking`: `margin`, `nearest` (`text`, `intent`, `similarity`),
    `rejected`, `rejection_score`; `inquiries`: empty, or the several inquiries of one message in order
    (`text`, `start`, `end`, `intent`), places counted in the repaired text.
    """

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: IntentModel | None = None,
    ) -> None:
        """Hold the model; `create` and `load` call this."""
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._model = model

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The training options of `Options`, and what to answer with."""
        return classifier_defaults()

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> IntentClassifier:
        """A component that is not trained yet."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> IntentClassifier:
        """Read the trained model. An archive without one is an error, not an untrained classifier."""
        with model_storage.read_from(resource) as folder:
            return cls(config, model_storage, resource, IntentModel.load(folder, _dense(config)))

    def train(self, training_data: TrainingData) -> Resource:
        """Train on the examples that have a text and an intent."""
        examples = [e for e in training_data.intent_examples if e.get(TEXT) and e.get(INTENT)]
        if not examples:
            return self._resource
        fields = {f.name for f in dataclasses.fields(Options)}
        options = Options(**{k: v for k, v in self._config.items() if k in fields})
        background = background_sentences() if self._config["background"] else ()
        self._model = IntentModel.fit(
            [e.get(TEXT) for e in examples],
            [e.get(INTENT) for e in examples],
            options,
            _dense(self._config),
            background,
            feature_cache.from_environment(),
        )
        with self._model_storage.write_to(self._resource) as folder:
            self._model.save(folder)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Classify."""
        for message in messages:
            text = message.get(TEXT)
            if self._model is not None and text:
                self._classify(message, (message.get("repaired") or {}).get("text") or text)
        return messages

    def _classify(self, message: Message, text: str) -> None:
        """The first inquiry gives the intent; all of them stand in `inquiries` when there are several."""
        assert self._model is not None
        predict = functools.partial(self._model.predict_all, ranking_length=self._config["ranking_length"])
        found = find_inquiries(text, predict, self._config["talk"], self._config["split"])
        _put(message, found[0].prediction)
        inquiries = [
            {
                "text": i.text,
                "start": i.start,
                "end": i.end,
                "intent": {"name": i.prediction.intent, "confidence": i.prediction.confidence},
            }
            for i in found
        ]
        message.set("inquiries", inquiries if len(inquiries) > 1 else [], add_to_output=True)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """A change in any helper module or data file of this package retrains the classifier."""
        dense = _dense(config)
        return code_fingerprint() + (json.dumps(dense.describe(), sort_keys=True) if dense else "")

    @staticmethod
    def required_packages() -> list[str]:
        """Libraries whose version is part of the fingerprint."""
        return ["sklearn", "pymorphy3"]


def _put(message: Message, found: Prediction) -> None:
    message.set(INTENT, {"name": found.intent, "confidence": found.confidence}, add_to_output=True)
    ranking = [{"name": name, "confidence": confidence} for name, confidence in found.ranking]
    message.set("intent_ranking", ranking, add_to_output=True)
    message.set("margin", found.margin, add_to_output=True)
    message.set("rejected", found.rejected, add_to_output=True)
    message.set("rejection_score", found.rejection_score, add_to_output=True)
    nearest = None
    if found.nearest is not None:
        nearest = dict(zip(("text", "intent", "similarity"), found.nearest, strict=False))
    message.set("nearest", nearest, add_to_output=True)


def _dense(config: dict[str, Any]) -> Dense | None:
    return dense_features(config.get("vectors", True), config.get("encoders"))
