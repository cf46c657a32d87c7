"""Words that call for a person at once: despair, danger, the law.

Patterns stand in `phrases.yml`: words in their order with up to two others between them, `*` for any ending.
"""

import re
from enum import StrEnum

from actions.wording import HERE
from core import yml

_GAP = r"(?:\W+\w+){0,2}?\W+"


class Alarm(StrEnum):
    """Why a person is called at once; the gravest first."""

    DISTRESS = "distress"
    DANGER = "danger"
    LEGAL = "legal"


class Alarms:
    """Recognises alarms in a message."""

    def __init__(self, catalogue: dict[str, list[str]]) -> None:
        self._harmless = _either(catalogue["harmless"])
        self._patterns = {alarm: _either(catalogue[alarm]) for alarm in Alarm}

    def find(self, text: str) -> Alarm | None:
        """The gravest alarm in a message, or None."""
        plain = self._harmless.sub(" ", text.lower().replace("ё", "е").replace("’", "'"))
        return next((alarm for alarm, pattern in self._patterns.items() if pattern.search(plain)), None)


def _either(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(_one(pattern) for pattern in patterns))


def _one(pattern: str) -> str:
    words = (re.escape(word).replace(r"\*", r"\w*") for word in pattern.replace("ё", "е").split())
    return rf"\b{_GAP.join(words)}\b"


alarms = Alarms(yml.parse((HERE / "phrases.yml").read_text(encoding="utf-8"))["alarms"])
