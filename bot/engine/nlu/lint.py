"""What is wrong with the training data: duplicates, conflicts, imbalance, template series, personal data,
leaks.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bot.engine.nlu.morphology import lemma
from bot.engine.nlu.text import clean, script_language, words

LEAST = 10  # examples of an intent in a language
IMBALANCE = 5.0  # times the median
SERIES = 6  # examples that differ in one word only

_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_PHONE = re.compile(r"(?<!\d)(?:\+7|8|\+1)[\s(-]*\d{3}[\s)-]*\d{3}[\s-]*\d{2}[\s-]*\d{2}(?!\d)")
_CARD = re.compile(r"(?<!\d)(?:\d[ -]?){15}\d(?!\d)")
_RESERVED = re.compile(
    r"example\.(?:com|org|net|ru)|@(?:test|mail)\.example|555|000[- ]?00[- ]?00|123[- ]?45[- ]?67",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\{[^}]*\})")


@dataclass(frozen=True)
class Example:
    """One line of the training data."""

    text: str
    intent: str
    file: str
    line: int


@dataclass(frozen=True)
class Finding:
    """`severity`: error (training must not start) or warning."""

    severity: str
    kind: str
    message: str
    file: str = ""
    line: int = 0

    def to_json(self) -> dict[str, Any]:
        """As the command prints it."""
        return asdict(self)


def read_examples(folder: Path) -> list[Example]:
    """Every example of the Rasa YAML files under a folder, annotations taken off."""
    found = []
    for path in sorted(folder.rglob("*.yml")):
        intent = ""
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if match := re.match(r"\s*-\s*(intent|lookup|synonym|regex):\s*(\S+)", line):
                intent = match[2] if match[1] == "intent" else ""
            elif intent and (match := re.match(r"\s+-\s+(.+)", line)):
                text = _MARKUP.sub(r"\1", match[1]).strip()
                found.append(Example(text, intent, str(path), number))
    return found


def findings(examples: Sequence[Example], unseen: Sequence[str] = ()) -> list[Finding]:
    """All findings, errors first.

    Args:
        examples: the training data.
        unseen: texts of test sets; none of them may stand in the training data.
    """
    checks = (_same, _leaked(unseen), _sizes, _series, _personal, _marked)
    found = [f for check in checks for f in check(examples)]
    return sorted(found, key=lambda f: (f.severity != "error", f.kind, f.file, f.line))


def _key(text: str) -> str:
    return " ".join(w for w in words(clean(text)) if w[0].isalnum())


def _near_key(text: str) -> str:
    return " ".join(sorted({lemma(w) for w in words(clean(text)) if w[0].isalnum()}))


def _same(examples: Sequence[Example]) -> Iterator[Finding]:
    by_key: dict[str, list[Example]] = defaultdict(list)
    for e in examples:
        by_key[_key(e.text) or e.text].append(e)
    for group in by_key.values():
        intents = sorted({e.intent for e in group})
        if len(intents) > 1:
            last = group[-1]
            yield Finding(
                "error", "conflict", f"«{last.text}» stands under {', '.join(intents)}", last.file, last.line
            )
        elif len(group) > 1:
            for e in group[1:]:
                yield Finding(
                    "warning", "duplicate", f"«{e.text}» stands twice under {e.intent}", e.file, e.line
                )
    by_near: dict[str, list[Example]] = defaultdict(list)
    for e in examples:
        if len(words(clean(e.text))) > 2:
            by_near[_near_key(e.text)].append(e)
    for group in by_near.values():
        intents = sorted({e.intent for e in group})
        if len(intents) > 1 and len({_key(e.text) for e in group}) > 1:
            last = group[-1]
            message = f"«{last.text}» has the same words as «{group[0].text}» ({', '.join(intents)})"
            yield Finding("warning", "near_conflict", message, last.file, last.line)


def _leaked(unseen: Sequence[str]) -> Any:
    keys = {_key(text) for text in unseen}

    def check(examples: Sequence[Example]) -> Iterator[Finding]:
        for e in examples:
            key = _key(e.text)
            if key in keys:
                # One or two words («да», «спасибо») are everybody's; a sentence was copied.
                severity = "error" if len(key.split()) > 3 else "warning"
                yield Finding(severity, "leak", f"«{e.text}» is a test sentence", e.file, e.line)

    return check


def _sizes(examples: Sequence[Example]) -> Iterator[Finding]:
    count = Counter((e.intent, script_language(e.text)) for e in examples)
    languages = sorted({language for _, language in count})
    usual = sorted(n for (intent, _), n in count.items() if intent != "out_of_scope")
    median = usual[len(usual) // 2] if usual else 0
    for intent in sorted({e.intent for e in examples}):
        for language in languages:
            n = count[(intent, language)]
            if n < LEAST:
                yield Finding(
                    "warning", "few", f"{intent} has {n} examples in {language}, {LEAST} are the least"
                )
            elif intent != "out_of_scope" and n > IMBALANCE * median:
                yield Finding(
                    "warning", "imbalance", f"{intent} has {n} examples in {language}, the median is {median}"
                )


def _series(examples: Sequence[Example]) -> Iterator[Finding]:
    """Examples that are one sentence with one word changed."""
    frames: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for e in examples:
        tokens = _key(e.text).split()
        if len(tokens) >= 4:
            for i in range(len(tokens)):
                frames[(e.intent, " ".join([*tokens[:i], "…", *tokens[i + 1 :]]))].append(e)
    for (intent, frame), group in frames.items():
        if len(group) >= SERIES:
            message = f"{len(group)} examples of {intent} are made from «{frame}»"
            yield Finding("warning", "series", message, group[0].file, group[0].line)


def _personal(examples: Sequence[Example]) -> Iterator[Finding]:
    for e in examples:
        for kind, pattern in (("e-mail", _MAIL), ("telephone", _PHONE), ("card", _CARD)):
            match = pattern.search(e.text)
            if match and not _RESERVED.search(match.group()) and (kind != "card" or _luhn(match.group())):
                yield Finding("error", "personal_data", f"«{e.text}» has a {kind}", e.file, e.line)


def _luhn(number: str) -> bool:
    digits = [int(c) for c in number if c.isdigit()][::-1]
    return sum(d if i % 2 == 0 else (d * 2 - 9 if d > 4 else d * 2) for i, d in enumerate(digits)) % 10 == 0


def _marked(examples: Sequence[Example]) -> Iterator[Finding]:
    for e in examples:
        if e.text.startswith("/"):
            yield Finding("error", "command", f"«{e.text}» starts with a slash", e.file, e.line)
