"""What is known of every intent: examples, traffic, figures of the last exam, and what to do about it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.studio.files import LANGUAGES, OUT_OF_SCOPE, Example
from bot.studio.traffic import Share

LEAST = 10  # examples of an intent in a language
WEAK = 0.8  # recall or precision below which an intent needs a look
MIXED = 0.15  # share of an intent's messages that one other intent takes
BUSY = 0.05  # share of traffic from which a weak intent is urgent


@dataclass(frozen=True)
class Advice:
    """What to do about an intent: a key of `texts.yml` and its values."""

    key: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class IntentFacts:
    """One line of the page. Shares are None where nothing was measured."""

    name: str
    examples: dict[str, int]  # by language
    traffic: Share | None
    recall: float | None
    precision: float | None
    confused: list[tuple[str, int]]  # taken for, how often
    takes: list[tuple[str, int]]  # what it is taken for wrongly, how often
    advice: list[Advice]


def overview(
    intents: Sequence[str],
    examples: Sequence[Example],
    comparison: Mapping[str, Any] | None,
    traffic: Mapping[str, Share] | None = None,
) -> list[IntentFacts]:
    """All intents, the weakest first.

    Args:
        comparison: of the last training run.
    """
    counted = Counter((one.intent, one.language) for one in examples)
    figures = {one["intent"]: one for one in (comparison or {}).get("intents", ())}
    confused: dict[str, list[tuple[str, int]]] = defaultdict(list)
    takes: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for one in (comparison or {}).get("confusions", ()):
        confused[one["truth"]].append((one["taken"], one["count"]))
        takes[one["taken"]].append((one["truth"], one["count"]))
    # Rasa's own names stand in the domain without examples.
    known = [name for name in intents if any(counted[(name, language)] for language in LANGUAGES)]
    found = []
    for name in known:
        own = {language: counted[(name, language)] for language in LANGUAGES}
        figure = figures.get(name, {})
        facts = IntentFacts(
            name, own, (traffic or {}).get(name), figure.get("new"), figure.get("precision"),
            confused[name][:3], takes[name][:3], [],
        )  # fmt: skip
        facts.advice.extend(_advice(facts, figure.get("rows", 0), measured=comparison is not None))
        found.append(facts)
    return sorted(found, key=lambda one: (one.recall is None, one.recall or 0.0, one.name))


def _advice(facts: IntentFacts, rows: int, *, measured: bool) -> list[Advice]:
    """What an administrator can do, the gravest first."""
    found = []
    for language, count in facts.examples.items():
        if count < LEAST and facts.name != OUT_OF_SCOPE:
            found.append(Advice(f"intents.thin.{language}", {"missing": LEAST - count, "least": LEAST}))
    weak = facts.recall is not None and facts.recall < WEAK
    if weak and facts.traffic is not None and facts.traffic.share >= BUSY:
        found.append(Advice("intents.busy"))
    for other, count in facts.confused[:1]:
        if rows and count / rows >= MIXED:
            found.append(Advice("intents.mixed", {"other": other, "count": count, "rows": rows}))
    if weak and not any(one.key == "intents.mixed" for one in found):
        found.append(Advice("intents.weak"))
    if facts.precision is not None and facts.precision < WEAK and facts.takes:
        found.append(Advice("intents.greedy", {"other": facts.takes[0][0]}))
    if measured and facts.recall is None:
        found.append(Advice("intents.unmeasured"))
    return found
