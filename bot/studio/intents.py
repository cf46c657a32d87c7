"""Make, split, merge, rename an intent, with everything that refers to it.

Each is a part of an edit (`Changes`), so that it can be looked at before it is saved. What stands in data is
changed to the character; what stands in program code cannot be, and is named in the refusal.
"""

import csv
import io
from collections.abc import Callable, Collection
from pathlib import Path

import yaml

from bot.studio.changes import Changes, Refused
from bot.studio.files import NAME, OUT_OF_SCOPE, OWN, Example, TrainingFiles, Written, key
from bot.studio.references import code_places, titles_under
from bot.studio.scalars import Scalar, block, replaced, scalars, without_lines

SINGLE = frozenset({"intent", "intents"})  # keys under which an intent stands
LISTS = frozenset({"not_intent", "ignored_intents", "topics"})  # keys of lists that must not name one twice
DEEDS = frozenset({"action", "actions"})


class Intents:
    """Edits of intents in a project."""

    def __init__(self, files: TrainingFiles) -> None:
        self._files = files
        self._root = files.root

    def make(
        self, changes: Changes, name: str, answers: dict[str, str], examples: dict[str, list[str]]
    ) -> None:
        """A new intent with its answer, its rule and its first examples, by language.

        Raises:
            Refused
        """
        self._files.with_intent(changes, name, answers)
        self._fill(
            changes, [Example(language, name, text) for language in examples for text in examples[language]]
        )

    def split(
        self,
        changes: Changes,
        old: str,
        new: str,
        answers: dict[str, str],
        chosen: Collection[tuple[str, str]],
    ) -> None:
        """Some examples of an intent become an intent of their own.

        Args:
            chosen: language and key of these examples; held-out messages with the same keys go along.

        Raises:
            Refused
        """
        self._known(changes, old)
        self._files.with_intent(changes, new, answers)

        def place(one: Example) -> str | None:
            return new if one.intent == old and (one.language, key(one.text)) in chosen else one.intent

        if not self._files.regroup(changes, place):
            raise Refused("nothing_chosen")
        self._must_keep(changes, old)
        texts = {text for _, text in chosen}
        self._measured(changes, lambda text, intent: new if intent == old and key(text) in texts else intent)
        _whole(changes)

    def rename(self, changes: Changes, old: str, new: str) -> None:
        """Another name everywhere. Raises: Refused, with the places that cannot be changed."""
        self._known(changes, old)
        self._free(changes, new)
        self._not_in_code(old)
        for path in self._yaml():
            self._replace(changes, path, old, new)
        self._measured(changes, lambda _, intent: new if intent == old else intent)
        _whole(changes)

    def merge(self, changes: Changes, old: str, into: str) -> None:
        """One intent becomes a part of another: its examples, buttons and held-out messages go there, its own
        rule and answer go.

        Raises:
            Refused, with the places that a person has to look at
        """
        self._known(changes, old)
        self._known(changes, into)
        if old == into:
            raise Refused("same_intent")
        self._not_in_code(old)
        answered = self._drop_rules(changes, old)
        self._files.regroup(changes, lambda one: into if one.intent == old else one.intent)
        for path in self._yaml():
            if path == self._files.domain:
                self._drop_from_domain(changes, old)
            self._replace(changes, path, old, into, merging=True)
        if answered and f"utter_{old}" in answered:
            self._drop_response(changes, f"utter_{old}")
        self._measured(changes, lambda _, intent: into if intent == old else intent)
        _whole(changes)

    def add(self, changes: Changes, examples: list[Example]) -> None:
        """More examples. Raises: Refused, with what stands under another intent."""
        self._fill(changes, examples)

    def move(self, changes: Changes, chosen: Collection[Example], into: str | None) -> None:
        """Examples go to another intent, or away when `into` is None.

        Raises:
            Refused
        """
        if into is not None:
            self._known(changes, into)
        marks = {(one.language, one.intent, key(one.text)) for one in chosen}

        def place(one: Example) -> str | None:
            return into if (one.language, one.intent, key(one.text)) in marks else one.intent

        if not self._files.regroup(changes, place):
            raise Refused("nothing_chosen")
        for intent in sorted({one.intent for one in chosen}):
            self._must_keep(changes, intent)

    def tidy(self, changes: Changes) -> None:
        """Examples that stand twice under their intent stand once, the first stays.

        Raises:
            Refused: there are none.
        """
        seen: set[tuple[str, str, str]] = set()

        def place(one: Example) -> str | None:
            mark = (one.language, one.intent, key(one.text))
            known = mark in seen
            seen.add(mark)
            return None if known else one.intent

        if not self._files.regroup(changes, place):
            raise Refused("nothing_chosen")

    # --- what all of them need ------------------------------------------------------------------------------

    def _fill(self, changes: Changes, examples: list[Example]) -> None:
        written = Written()
        self._files.changed(changes, written, examples, ())
        if written.conflicts:
            raise Refused(
                "stands_elsewhere",
                *(f"«{one.example.text}»: {one.stands_under}" for one in written.conflicts),
            )

    def _known(self, changes: Changes, name: str) -> None:
        if name not in _intents(changes.text(self._files.domain)):
            raise Refused("unknown_intent")
        if name == OUT_OF_SCOPE:
            raise Refused("reserved")

    def _free(self, changes: Changes, name: str) -> None:
        found = scalars(changes.text(self._files.domain))
        if not NAME.fullmatch(name):
            raise Refused("bad_name")
        taken = any(one.path == ("responses", f"utter_{name}") for one in found)
        if taken or name == OUT_OF_SCOPE or name in _intents(changes.text(self._files.domain)):
            raise Refused("name_taken")

    def _must_keep(self, changes: Changes, intent: str) -> None:
        """An intent without examples in a language would never be heard there."""
        before = {one.language for one in self._files.examples() if one.intent == intent}
        after = set()
        for language in before:
            for path in (*(self._root / "data/nlu" / language).glob("*.yml"),):
                if any(_names(one, intent) for one in scalars(changes.text(path))):
                    after.add(language)
        if before - after:
            raise Refused("keeps_none", intent)

    def _not_in_code(self, name: str) -> None:
        if places := code_places(name, self._root):
            raise Refused("code_refers", *places)

    def _yaml(self) -> list[Path]:
        """Every file of data that may name an intent."""
        found = [self._files.domain, *sorted((self._root / "data").rglob("*.yml"))]
        return [*found, *titles_under(self._root)]

    def _replace(self, changes: Changes, path: Path, old: str, new: str, merging: bool = False) -> None:
        text = changes.text(path)
        if old not in text:
            return
        found = scalars(text)
        named = [one for one in found if _names(one, old)]
        if merging and (doubled := [one for one in named if one.under in LISTS]):
            raise Refused("list_refers", *(self._place(path, one.line) for one in doubled))
        if merging:
            named = [one for one in named if not one.is_key]
        else:
            named += [one for one in found if _says(one, f"utter_{old}") or _titles(one, old)]
        spots = []
        for one in named:
            at = text.index(old, one.start, one.end)
            spots.append((at, at + len(old), new))
        changes.write(path, replaced(text, spots))

    def _drop_rules(self, changes: Changes, name: str) -> set[str]:
        """Take out the rules that do nothing but answer an intent; the actions they called.

        Raises:
            Refused: it stands in a rule with more in it, or in a story.
        """
        called: set[str] = set()
        blocking: list[str] = []
        for path in sorted(
            (*self._root.glob("data/rules/**/*.yml"), *self._root.glob("data/stories/**/*.yml"))
        ):
            text = changes.text(path)
            found = scalars(text)
            spans = []
            for one in (each for each in found if _names(each, name)):
                rule = one.path[:2]
                own = [each for each in found if each.path[:2] == rule and not each.is_key]
                steps = [each for each in own if each.path[2:3] == ("steps",)]
                simple = rule[0] == "rules" and len(own) == len(steps) + 1
                if not simple or len(steps) != 2 or steps[1].under != "action":
                    blocking.append(self._place(path, one.line))
                    continue
                called.add(steps[1].value)
                spans.append(block(found, rule))
            if spans:
                rest = without_lines(text, spans)
                changes.drop(path) if path.name == OWN and "- rule:" not in rest else changes.write(
                    path, rest
                )
        if blocking:
            raise Refused("rule_refers", *blocking)
        return called

    def _drop_from_domain(self, changes: Changes, name: str) -> None:
        text = changes.text(self._files.domain)
        own = [one for one in scalars(text) if one.path[:1] == ("intents",) and one.value == name]
        changes.write(self._files.domain, without_lines(text, [(one.line, one.last_line) for one in own]))

    def _drop_response(self, changes: Changes, name: str) -> None:
        """Take an answer out, unless something else says it."""
        others = [path for path in self._yaml() if path != self._files.domain]
        if any(_says(one, name) for path in others for one in scalars(changes.text(path))):
            return
        if code_places(name, self._root):
            return
        text = changes.text(self._files.domain)
        found = scalars(text)
        if any(one.path[:2] == ("responses", name) for one in found):
            changes.write(self._files.domain, without_lines(text, [block(found, ("responses", name))]))

    def _measured(self, changes: Changes, label: Callable[[str, str], str]) -> None:
        """Other labels for held-out messages."""
        for path in sorted(self._root.glob("data/heldout/*.csv")):
            text = changes.text(path)
            rows = list(csv.reader(io.StringIO(text)))
            fresh = [
                row if n == 0 or len(row) != 2 else [row[0], label(row[0], row[1])]
                for n, row in enumerate(rows)
            ]
            if fresh == rows:
                continue
            out = io.StringIO()
            csv.writer(out, lineterminator="\n").writerows(fresh)
            changes.write(path, out.getvalue())

    def _place(self, path: Path, line: int) -> str:
        return f"{path.relative_to(self._root).as_posix()}:{line}"


def _whole(changes: Changes) -> None:
    """Refuse what would leave a file that nobody can read, such as one whose anchor is gone."""
    for path in changes.pending():
        try:
            if path.suffix == ".yml":
                scalars(changes.text(path))
        except yaml.YAMLError as error:
            raise Refused("broken_yaml", path.name) from error


def _intents(domain: str) -> list[str]:
    return [one.value for one in scalars(domain) if one.path[:1] == ("intents",) and len(one.path) > 1]


def _names(one: Scalar, intent: str) -> bool:
    """Whether a scalar stands for an intent, or for a button that leads to it."""
    if one.is_key:
        return one.path[:1] == ("intents",) and one.value == intent
    if one.under == "payload":
        return one.value == f"/{intent}" or one.value.startswith(f"/{intent}{{")
    return one.value == intent and one.under in SINGLE | LISTS


def _says(one: Scalar, response: str) -> bool:
    if one.is_key:
        return one.path == ("responses", response)
    return one.value == response and one.under in DEEDS


def _titles(one: Scalar, intent: str) -> bool:
    return one.is_key and len(one.path) == 1 and one.value in (f"ask.{intent}", f"button.{intent}")
