"""What makes `rasa train` slow and changes nothing in the model.

Rasa 3.6 reads every file of examples five times, copies each message deeply whenever two sets are merged (ten
times a training), computes its hash anew each time, and packs the archive with the slowest compression. With
14,000 examples that takes longer than learning from them. Only `bot.engine.cli train` uses this.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

__all__ = ["install"]

_COMPRESSION = 3  # of 9; the archive grows by 4 %


def install() -> None:
    """Put the quicker ways in place; to be called after TensorFlow's stand-ins, before training."""
    from rasa.engine.storage import local_model_storage
    from rasa.shared.nlu.training_data import loading
    from rasa.shared.nlu.training_data.training_data import TrainingData

    TrainingData.merge = _merge
    TrainingData.sanitize_examples = staticmethod(_sanitize)
    loading.load_data = _ReadOnce(loading.load_data)
    local_model_storage.TarSafe = _archive(local_model_storage.TarSafe)


def _merge(self: Any, *others: Any) -> Any:
    """`TrainingData.merge`, the messages being shared: no importer changes one after reading it."""
    from rasa.shared.nlu.training_data import util

    examples, synonyms = list(self.training_examples), dict(self.entity_synonyms)
    patterns, tables = list(self.regex_features), list(self.lookup_tables)
    responses = dict(self.responses)
    for other in filter(None, others):
        examples += other.training_examples
        patterns += other.regex_features
        tables += other.lookup_tables
        for text, synonym in other.entity_synonyms.items():
            util.check_duplicate_synonym(synonyms, text, synonym, "merging training data")
        synonyms.update(other.entity_synonyms)
        responses.update(other.responses)
    return type(self)(examples, synonyms, patterns, tables, responses)


def _sanitize(examples: list[Any]) -> list[Any]:
    """`TrainingData.sanitize_examples`, which keeps the hash of a message that needs no change."""
    from rasa.shared.nlu.constants import INTENT, RESPONSE

    for example in examples:
        for key in (INTENT, RESPONSE):
            value = example.get(key)
            if value and value != value.strip():
                example.set(key, value.strip())
    return list(OrderedDict.fromkeys(examples))


class _ReadOnce:
    """`loading.load_data`, which remembers a file until it changes."""

    def __init__(self, load: Any) -> None:
        self._load = load
        self._known: dict[tuple[str, str | None, int], Any] = {}

    def __call__(self, resource_name: str, language: str | None = "en") -> Any:
        path = Path(resource_name)
        if not path.is_file():
            return self._load(resource_name, language)
        key = (str(path.resolve()), language, path.stat().st_mtime_ns)
        if key not in self._known:
            self._known[key] = self._load(resource_name, language)
        return self._known[key]


def _archive(base: Any) -> Any:
    class QuickArchive(base):
        @classmethod
        def gzopen(
            cls,
            name: Any,
            mode: str = "r",
            fileobj: Any = None,
            compresslevel: int = _COMPRESSION,
            **options: Any,
        ) -> Any:
            return super().gzopen(name, mode, fileobj, compresslevel, **options)

    return QuickArchive
