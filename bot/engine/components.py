"""Which components of Rasa need TensorFlow, and whether a configuration or a model names one.

Without TensorFlow such a component would be built from stand-ins and fail somewhere deep inside; here it is
refused beforehand, in one sentence.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.engine.tf_absent import is_tensorflow_installed

__all__ = ["NEEDING_TENSORFLOW", "NeedsTensorFlow", "check_config", "check_schemas"]

#: Every class of Rasa 3.6 whose module imports TensorFlow; a test compares this with Rasa's source.
NEEDING_TENSORFLOW = frozenset(
    {
        "ConveRTFeaturizer",
        "DIETClassifier",
        "LanguageModelFeaturizer",
        "ResponseSelector",
        "TEDPolicy",
        "UnexpecTEDIntentPolicy",
    }
)

#: What Rasa fills in where config.yml leaves a section out or empty (`default_config.yml` of Rasa).
_DEFAULTS = {
    "pipeline": ("DIETClassifier", "ResponseSelector"),
    "policies": ("UnexpecTEDIntentPolicy", "TEDPolicy"),
}

_GRAPH_RECIPE = "graph.v1"


class NeedsTensorFlow(Exception):
    """A component was named that cannot work here; the message is one sentence for an administrator."""


def check_config(path: Path, sections: Sequence[str] = ("pipeline", "policies")) -> None:
    """Refuse a config.yml that needs TensorFlow when there is none.

    Args:
        sections: which of `pipeline` and `policies` are going to be trained.

    Raises:
        NeedsTensorFlow: with the component's name and what to do.
    """
    if is_tensorflow_installed():
        return
    config = _read(path)
    if config.get("recipe") == _GRAPH_RECIPE:
        check_schemas(config, path.name)
        return
    for section in sections:
        if config.get(section) is None:
            defaults = " and ".join(_DEFAULTS[section])
            raise NeedsTensorFlow(
                _sentence(f"{path.name} leaves `{section}` to Rasa's default with {defaults}")
            )
        _refuse(_names(config[section]), path.name)


def check_schemas(document: Mapping[str, Any], source: str) -> None:
    """The same for graph schemas: of a trained model's metadata.json or of a graph recipe.

    Raises:
        NeedsTensorFlow: as `check_config`.
    """
    if is_tensorflow_installed():
        return
    _refuse(classes_of(document), source)


def classes_of(document: Mapping[str, Any]) -> Iterator[str]:
    """Dotted names of the classes which the train and predict schemas of `document` use."""
    for schema in ("train_schema", "predict_schema"):
        nodes = (document.get(schema) or {}).get("nodes") or {}
        for node in nodes.values():
            yield str(node.get("uses", ""))


def _read(path: Path) -> Mapping[str, Any]:
    from rasa.shared.utils.io import read_config_file

    config: Mapping[str, Any] = read_config_file(path)
    return config


def _names(section: Any) -> Iterator[str]:
    for item in section if isinstance(section, list) else ():
        yield str(item.get("name", "")) if isinstance(item, dict) else str(item)


def _refuse(names: Iterable[str], source: str) -> None:
    for name in names:
        if needing := _needs_tensorflow(name):
            raise NeedsTensorFlow(_sentence(f"{source} names {needing}"))


def _needs_tensorflow(name: str) -> str | None:
    """The class that needs TensorFlow: `name` itself or one that it derives from."""
    module, _, last = name.rpartition(".")
    if last in NEEDING_TENSORFLOW and (not module or module.partition(".")[0] == "rasa"):
        return last
    if not module or module.startswith("rasa."):
        return None
    bases = [base.__name__ for base in _bases(module, last) if base.__module__.startswith("rasa.")]
    found = next((base for base in bases if base in NEEDING_TENSORFLOW), None)
    return f"{last}, a kind of {found}" if found else None


def _bases(module: str, name: str) -> Sequence[type]:
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return ()  # Rasa says it better
    return cls.__mro__ if isinstance(cls, type) else ()


def _sentence(found: str) -> str:
    return (
        f"{found}, which needs TensorFlow, and the engine's environment has none: use components that work "
        "without it, or install it with `make setup ENGINE=tensorflow`."
    )
