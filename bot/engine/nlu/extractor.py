"""`EntityExtractor`: entities with normalised values as a Rasa component."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.engine.nlu.entities.base import Lookups
from bot.engine.nlu.entities.catalogue import key_of
from bot.engine.nlu.entities.extract import find_entities
from bot.engine.nlu.fingerprint import code_fingerprint

_LOOKED_UP = ("product", "plan", "city", "promo_code")


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class EntityExtractor(GraphComponent):
    """Finds entities by rules and word lists; nothing in it needs examples.

    Training collects the company's own names: lookup tables and annotated examples of `product`, `plan`,
    `city` and `promo_code`; synonyms give their values. «Today» and the customer's time zone come from the
    message's metadata (`now`, ISO 8601; `time_zone`, IANA), else from the clock and the configured zone.
    """

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        names: dict[str, dict[str, str]] | None = None,
    ) -> None:
        """Hold the company's names; `create` and `load` call this."""
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._lookups = Lookups(**(names or {}))

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """`time_zone`: where a customer is when nothing says it."""
        return {"time_zone": "Europe/Moscow"}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> EntityExtractor:
        """An extractor that knows only the packaged lists."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> EntityExtractor:
        """Read the company's names."""
        with model_storage.read_from(resource) as folder:
            names = json.loads((folder / "names.json").read_text(encoding="utf-8"))
        return cls(config, model_storage, resource, names)

    def train(self, training_data: TrainingData) -> Resource:
        """Collect the company's names."""
        names = collect_names(training_data)
        self._lookups = Lookups(**names)
        with self._model_storage.write_to(self._resource) as folder:
            (folder / "names.json").write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Find entities and add them to those of earlier components."""
        for message in messages:
            text = message.get(TEXT)
            if not text:
                continue
            now = self._now(message.get("metadata") or {})
            found = [
                {
                    "entity": f.entity,
                    "start": f.start,
                    "end": f.end,
                    "value": f.value,
                    "text": text[f.start : f.end],
                    "extractor": type(self).__name__,
                }
                for f in find_entities(text, now, message.get("language"), self._lookups)
            ]
            message.set(ENTITIES, message.get(ENTITIES, []) + found, add_to_output=True)
        return messages

    def _now(self, metadata: dict[str, Any]) -> datetime:
        try:
            zone = ZoneInfo(str(metadata.get("time_zone") or self._config["time_zone"]))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            zone = ZoneInfo(self._config["time_zone"])
        said = metadata.get("now")
        if isinstance(said, str):
            try:
                moment = datetime.fromisoformat(said.replace("Z", "+00:00"))
            except ValueError:
                return datetime.now(zone)
            return moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
        return datetime.now(zone)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """A change in any helper module or data file of this package counts."""
        return code_fingerprint()

    @staticmethod
    def required_packages() -> list[str]:
        """Libraries whose version is part of the fingerprint."""
        return ["pymorphy3", "phonenumbers"]


def collect_names(training_data: TrainingData) -> dict[str, dict[str, str]]:
    """Spelling -> value per kind of name, from lookup tables, annotated examples and synonyms."""
    names: dict[str, dict[str, str]] = {kind: {} for kind in _LOOKED_UP}
    synonyms = training_data.entity_synonyms or {}

    def add(kind: str, spelling: str) -> None:
        key = key_of(spelling) if kind in {"product", "plan"} else spelling.lower().replace("ё", "е")
        value = synonyms.get(spelling, spelling)
        names[kind][key] = value.upper() if kind == "promo_code" else value

    for table in training_data.lookup_tables or []:
        if table.get("name") in names and isinstance(table.get("elements"), list):
            for element in table["elements"]:
                add(table["name"], element)
    for example in training_data.entity_examples:
        for entity in example.get(ENTITIES) or []:
            if entity.get("entity") in names:
                add(entity["entity"], str(entity.get("value")))
    for spelling in synonyms:
        for kind in ("product", "plan", "city"):
            if key_of(synonyms[spelling]) in names[kind] or synonyms[spelling].lower() in names[kind]:
                add(kind, spelling)
    return names
