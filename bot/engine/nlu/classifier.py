"""`IntentClassifier`: the intent model as a Rasa component."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List, Optional, Text

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.engine.nlu.background import background_sentences
from bot.engine.nlu.fingerprint import code_fingerprint
from bot.engine.nlu.model import IntentModel, Options, Prediction


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class IntentClassifier(GraphComponent):
    """Classifies a message, says how sure it is, and rejects what is outside every intent.

    Output keys beside `intent` and `intent_ranking`: `margin`, `nearest` (`text`, `intent`, `similarity`),
    `rejected`, `rejection_score`.
    """

    def __init__(
        self,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: Optional[IntentModel] = None,
    ) -> None:
        """Hold the model; `create` and `load` call this."""
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._model = model

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """The training options of `Options`, and what to answer with."""
        return {
            **dataclasses.asdict(Options()),
            "ranking_length": 10,
            "background": True,  # packaged everyday sentences join the out-of-scope examples
        }

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> IntentClassifier:
        """A component that is not trained yet."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> IntentClassifier:
        """Read the trained model. An archive without one is an error, not an untrained classifier."""
        with model_storage.read_from(resource) as folder:
            return cls(config, model_storage, resource, IntentModel.load(folder))

    def train(self, training_data: TrainingData) -> Resource:
        """Train on the examples that have a text and an intent."""
        examples = [e for e in training_data.intent_examples if e.get(TEXT) and e.get(INTENT)]
        if not examples:
            return self._resource
        fields = {f.name for f in dataclasses.fields(Options)}
        options = Options(**{k: v for k, v in self._config.items() if k in fields})
        background = background_sentences() if self._config["background"] else ()
        self._model = IntentModel.fit(
            [e.get(TEXT) for e in examples], [e.get(INTENT) for e in examples], options, background=background
        )
        with self._model_storage.write_to(self._resource) as folder:
            self._model.save(folder)
        return self._resource

    def process(self, messages: List[Message]) -> List[Message]:
        """Classify."""
        for message in messages:
            text = message.get(TEXT)
            if self._model is not None and text:
                _put(message, self._model.predict(text, self._config["ranking_length"]))
        return messages

    @classmethod
    def fingerprint_addon(cls, config: Dict[str, Any]) -> Optional[str]:
        """A change in any helper module or data file of this package retrains the classifier."""
        return code_fingerprint()

    @staticmethod
    def required_packages() -> List[Text]:
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
        nearest = dict(zip(("text", "intent", "similarity"), found.nearest))
    message.set("nearest", nearest, add_to_output=True)
