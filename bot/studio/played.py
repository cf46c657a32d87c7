"""Conversation tests in the gate: what was understood in a tested conversation must be understood again.

The tests are Rasa test stories (`tests/conversations/test_*.yml` of the project). A model decides what a
message means; what is said then follows from rules and actions, which a model does not change. So each
message with an `intent` is put to both models, and a conversation is lost at the first one that is taken for
something else. Messages that answer a question (`answer`) may be taken for anything, buttons ask no model.
"""

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.studio.gate import Answer
from core import yml

ANSWER = "answer"
NOT_FREE_TEXT = ("▸", "⎘", "/")  # a press, a file, Rasa's own way of naming an intent
_OUTSIDE = {"nlu_fallback", "oos"}  # other names of `out_of_scope`


@dataclass(frozen=True)
class Step:
    """One message of a tested conversation."""

    file: str
    story: str
    number: int  # of the customer's message, from 1
    text: str
    intent: str


def steps_of(project: Path) -> list[Step]:
    """All of them, in the order of the files."""
    found: list[Step] = []
    for path in sorted((project / "tests/conversations").glob("test_*.yml")):
        for story in yml.parse(path.read_text(encoding="utf-8")).get("stories") or ():
            found += _steps(path.stem.removeprefix("test_"), story)
    return found


def _steps(file: str, story: dict[str, Any]) -> Iterator[Step]:
    number = 0
    for step in story.get("steps") or ():
        if "user" not in step:
            continue
        number += 1
        text, intent = str(step["user"]).strip(), step.get("intent")
        if not intent or intent == ANSWER or "{code}" in text or text.startswith(NOT_FREE_TEXT):
            continue
        yield Step(file, story["story"], number, text, "out_of_scope" if intent in _OUTSIDE else intent)


def write_rows(steps: Sequence[Step], path: Path) -> None:
    """As rows that a model can be asked. Written beside, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with fresh.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "intent"))
        writer.writerows((step.text, step.intent) for step in steps)
    fresh.replace(path)


def played(steps: Sequence[Step], live: Sequence[Answer], new: Sequence[Answer]) -> dict[str, Any]:
    """Which conversations either model loses, as JSON; those that only the new one loses come first.

    Args:
        live, new: what the models said to the steps, in their order.
    """
    names = dict.fromkeys((step.file, step.story) for step in steps)
    lost_live = {(step.file, step.story) for step, said in zip(steps, live, strict=True) if not said.right}
    failed: dict[tuple[str, str], dict[str, Any]] = {}
    for step, was, said in zip(steps, live, new, strict=True):
        story = step.file, step.story
        if said.right or story in failed:
            continue
        failed[story] = {
            "file": step.file, "story": step.story, "step": step.number, "text": step.text,
            "wanted": step.intent, "live": was.intent, "new": said.intent, "fresh": story not in lost_live,
        }  # fmt: skip
    listed = sorted(failed.values(), key=lambda one: not one["fresh"])
    return {
        "conversations": len(names),
        "messages": len(steps),
        "live": len(names) - len(lost_live),
        "new": len(names) - len(failed),
        "lost": sum(one["fresh"] for one in listed),
        "failed": listed,
    }
