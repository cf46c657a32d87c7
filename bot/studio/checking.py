"""What must not be trained on: contradictions, personal data, markup. Checked before every training."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bot.studio.files import Example, key
from crm_bridge.privacy.redaction import personal

_NUMBER = re.compile(r"[\d@]")  # nothing that identifies a person by its form lacks both
_MARKUP = re.compile(r"<\s*/?\s*(?:script|style|img|iframe|svg|a|b|div|span)\b|javascript:", re.I)


@dataclass(frozen=True)
class Problem:
    """`kind`: conflict, personal or markup; `intents`: those that the text stands under."""

    kind: str
    text: str
    intents: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind}: «{self.text}» ({', '.join(self.intents)})"


def problems(examples: Sequence[Example]) -> list[Problem]:
    """Everything that stops a training."""
    found = []
    by_key: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for one in examples:
        by_key[(one.language, key(one.text))].append(one)
        if _NUMBER.search(one.text) and personal(one.text):
            found.append(Problem("personal", one.text, (one.intent,)))
        if _MARKUP.search(one.text):
            found.append(Problem("markup", one.text, (one.intent,)))
    for group in by_key.values():
        intents = sorted({one.intent for one in group})
        if len(intents) > 1:
            found.append(Problem("conflict", group[0].text, tuple(intents)))
    return found
