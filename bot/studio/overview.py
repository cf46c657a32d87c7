"""What is known of every intent: examples, figures of the last exam, and what to do about it."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from bot.studio.files import LANGUAGES, OUT_OF_SCOPE, Example

LEAST = 10  # examples of an intent in a language
WEAK = 0.8  # recall below which an intent needs a look


@dataclass(frozen=True)
class IntentFacts:
    """One line of the page. Shares are None where nothing was measured."""

    name: str
    examples: dict[str, int]  # by language
    recall: float | None
    precision: float | None
    confused: list[tuple[str, int]]  # taken for, how often
    advice: list[str]  # keys of texts


def overview(
    intents: list[str], examples: list[Example], comparison: dict[str, Any] | None
) -> list[IntentFacts]:
    """All intents, the weakest first.

    Args:
        comparison: of the last training run.
    """
    counted = Counter((one.intent, one.language) for one in examples)
    figures = {one["intent"]: one for one in (comparison or {}).get("intents", ())}
    confused: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for one in (comparison or {}).get("confusions", ()):
        confused[one["truth"]].append((one["taken"], one["count"]))
    # Rasa's own names stand in the domain without examples.
    known = [name for name in intents if any(counted[(name, language)] for language in LANGUAGES)]
    found = []
    for name in known:
        own = {language: counted[(name, language)] for language in LANGUAGES}
        figure = figures.get(name, {})
        recall = figure.get("new")
        advice = []
        if min(own.values()) < LEAST and name != OUT_OF_SCOPE:
            advice.append("intents.thin")
        if comparison and recall is None:
            advice.append("intents.unmeasured")
        if recall is not None and recall < WEAK:
            advice.append("intents.weak")
        found.append(IntentFacts(name, own, recall, figure.get("precision"), confused[name][:3], advice))
    return sorted(found, key=lambda one: (one.recall is None, one.recall or 0.0, one.name))
