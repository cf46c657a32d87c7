"""Rasa without TensorFlow.

Rasa 3.6 imports TensorFlow at start even when no component of the pipeline uses it, which costs 1.9 GB of
disk and 440 MB of memory. The engine's environment leaves it out; `install` puts stand-ins in its place. It
must run before the first `import rasa`. Where TensorFlow is installed (`make setup ENGINE=tensorflow`)
nothing happens.

That no component which really needs TensorFlow is ever asked to work is checked by
`bot.engine.components`.
"""

from __future__ import annotations

import importlib.util
import sys

from bot.engine.standins import StandIns

__all__ = ["PACKAGES", "install", "is_tensorflow_installed"]

#: What Rasa imports of TensorFlow's family.
PACKAGES = ("tensorflow", "keras", "tensorflow_text", "tensorflow_addons", "tensorflow_hub")

#: Rasa's own modules that only serve TensorFlow models; their import would pull in scikit-learn's model
#: selection and scipy.stats (1.3 s, 40 MB) for nothing.
RASA_MODULES = ("rasa.utils.tensorflow.model_data", "rasa.utils.tensorflow.data_generator")


def is_tensorflow_installed() -> bool:
    """Whether the real TensorFlow can be imported here."""
    if _installed() is not None:
        return False
    return importlib.util.find_spec("tensorflow") is not None


def install() -> bool:
    """Put the stand-ins in place of TensorFlow, unless the real one is there.

    Returns:
        True when the stand-ins are in place, False when Rasa will use the real TensorFlow.
    """
    if _installed() is not None:
        return True
    if is_tensorflow_installed():
        return False
    _TensorFlowStandIns(PACKAGES + RASA_MODULES, importers=("rasa",)).install()
    return True


class _TensorFlowStandIns(StandIns):
    """A type of its own, so that it is recognised among the other finders."""


def _installed() -> _TensorFlowStandIns | None:
    return next((finder for finder in sys.meta_path if isinstance(finder, _TensorFlowStandIns)), None)
