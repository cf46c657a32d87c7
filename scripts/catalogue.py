"""Writes docs/dialogues.md: what the assistant does for each intent, read from the files that make it so.

Rules say which action serves an intent, training data how customers ask, the domain what is said; what an
action says, asks, reads and does is found in its source. `python -m scripts.catalogue --check` only compares.
"""

import argparse
import ast
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import yml
from core.settings import ROOT

PAGE = ROOT / "docs/dialogues.md"
EXAMPLES, LONGEST = 3, 90  # examples a language, and their length
ASKING = frozenset({"ask", "choose", "confirm", "wrong"})
PERSONAL = frozenset({"Dialogue", "PersonalAction"})  # unless they say that they are not
NOT_DATA = frozenset({"clock", "company", "time_zone", "timeout"})
HEAD = """# What the assistant does for each inquiry

Made from the files by `make catalogue`; do not edit it. *Personal* dialogues begin only when the customer
has proven who they are. *Reads* and *does* name services of `actions/services.py` with their methods; what
is done is done once for a message, whatever is repeated.
"""


@dataclass
class Found:
    """What stands in the source that serves an intent."""

    says: dict[str, None] = field(default_factory=dict)  # responses in their order
    asks: dict[str, None] = field(default_factory=dict)
    reads: set[str] = field(default_factory=set)
    does: set[str] = field(default_factory=set)
    asked_by: set[str] = field(default_factory=set)  # functions that choose the words of a question


Top = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign
Place = tuple[str, str]  # module and name


class Source:
    """All modules of `actions/`, and what is reached from a class in them."""

    def __init__(self, folder: Path, responses: Collection[str]) -> None:
        self._responses = responses
        self._top: dict[Place, Top] = {}
        self._imported: dict[Place, Place] = {}
        self._modules = {path.stem for path in folder.glob("*.py")}
        for path in sorted(folder.glob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                self._note(path.stem, node)
        self.actions = dict(self._actions())

    def _note(self, module: str, node: ast.stmt) -> None:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            self._top[module, node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            self._top[module, node.targets[0].id] = node
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("actions."):
            for name in node.names:
                origin = (node.module or "").removeprefix("actions."), name.name
                self._imported[module, name.asname or name.name] = origin

    def _actions(self) -> Iterator[tuple[str, Place]]:
        """Classes by the name of the action: a dialogue's own name is the intent."""
        for place, node in self._top.items():
            if isinstance(node, ast.ClassDef) and (name := _class_value(node, "name")):
                yield name if name.startswith(("action_", "validate_")) else f"action_{name}", place

    def of(self, action: str) -> Found:
        """What is reached from an action."""
        found, reached = Found(), self._reached(self.actions[action])
        for node in reached:
            _Reader(found, self._responses).visit(node)
        for node in reached:
            if isinstance(node, ast.FunctionDef) and node.name in found.asked_by:
                _Reader(found, self._responses, asking=True).visit(node)
        return found

    def is_personal(self, action: str) -> bool:
        """Whether the customer must be known."""
        for place in self._family(self.actions[action]):
            node = self._top[place]
            assert isinstance(node, ast.ClassDef)
            if (said := _class_value(node, "personal")) is not None:
                return said == "True"
            if {"Dialogue", "PersonalAction"} & {
                base.id for base in node.bases if isinstance(base, ast.Name)
            }:
                return True
        return False

    def _family(self, place: Place) -> list[Place]:
        """The class and what it is made of, but for the general ones."""
        node = self._top[place]
        assert isinstance(node, ast.ClassDef)
        bases = [self._resolve(place[0], base.id) for base in node.bases if isinstance(base, ast.Name)]
        return [place, *(one for base in bases if base for one in self._family(base))]

    def _reached(self, action: Place) -> list[Top]:
        """The class, its bases, and functions and constants that they name, directly or not."""
        reached: dict[Place, Top] = {}
        waiting = self._family(action)
        while waiting:
            place = waiting.pop(0)
            if place not in reached:
                reached[place] = self._top[place]
                waiting += self._used(place[0], self._top[place])
        return list(reached.values())

    def _used(self, module: str, node: ast.AST) -> Iterator[Place]:
        for one in ast.walk(node):
            found = None
            if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load):
                found = self._resolve(module, one.id)
            elif isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name):
                found = self._resolve(one.value.id, one.attr) if one.value.id in self._modules else None
            if found:
                yield found

    def _resolve(self, module: str, name: str) -> Place | None:
        """Where a name of a module comes from; None for what is general or not ours."""
        place = self._imported.get((module, name), (module, name))
        return place if place in self._top and name not in GENERAL else None


# What all dialogues are made of; following it would give every dialogue everything.
GENERAL = frozenset(
    {
        "Dialogue", "Talk", "Runner", "Begin", "GoOn", "PersonalAction", "ZabotaAction", "Turn", "Say",
        "Task", "Services", "Wording", "Agenda", "Request", "Phrases", "Texts", "Option", "Button",
        "ask_who_it_is", "phrases", "texts",
    }
)  # fmt: skip


class _Reader(ast.NodeVisitor):
    """Collects responses and calls of services."""

    def __init__(self, found: Found, responses: Collection[str], *, asking: bool = False) -> None:
        self._found = found
        self._responses = responses
        self._asking, self._doing = asking, False
        self._service: dict[str, str] = {}  # local names of services
        self._held: dict[str, list[str]] = {}  # local names of responses

    def visit_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        pairs = [(target, node.value)]
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(target.elts, node.value.elts, strict=False))
        for left, right in pairs:
            if isinstance(left, ast.Name) and (path := _service(right)) and len(path) == 1:
                self._service[left.id] = path[0]
            elif isinstance(left, ast.Name):
                self._held.setdefault(left.id, []).extend(_strings(right))
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if self._asking:
            for name in self._held.get(node.id, ()):
                self._hear(name)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and node.value.startswith("utter_"):
            self._hear(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """`f"utter_order_{state}"` stands for all responses that begin so."""
        first = node.values[0]
        if isinstance(first, ast.Constant) and str(first.value).startswith("utter_") and len(node.values) > 1:
            for name in self._responses:
                if name.startswith(str(first.value)):
                    self._hear(name)
            return
        self.generic_visit(node)

    def _hear(self, name: str) -> None:
        if name in self._responses:
            self._found.says.setdefault(name)
            if self._asking:
                self._found.asks.setdefault(name)

    def visit_Call(self, node: ast.Call) -> None:
        before = self._asking, self._doing
        called = node.func
        if isinstance(called, ast.Attribute):
            self._asking = self._asking or called.attr in ASKING
            self._doing = self._doing or (called.attr == "do" and _is_talk(called.value))
            self._note(called)
        elif isinstance(called, ast.Name) and self._asking:
            self._found.asked_by.add(called.id)
        self.generic_visit(node)
        self._asking, self._doing = before

    def _note(self, called: ast.Attribute) -> None:
        path = _service(called)
        if path is None and isinstance(called.value, ast.Name) and called.value.id in self._service:
            path = (self._service[called.value.id], called.attr)
        if path and len(path) == 2 and path[0] not in NOT_DATA:
            (self._found.does if self._doing else self._found.reads).add(".".join(path))


def _service(node: ast.AST) -> tuple[str, ...] | None:
    """`self.services.orders.find` → (orders, find)."""
    path: list[str] = []
    while isinstance(node, ast.Attribute):
        path.append(node.attr)
        node = node.value
    path = path[::-1]
    if isinstance(node, ast.Name) and node.id == "services":
        return tuple(path)
    return tuple(path[path.index("services") + 1 :]) if "services" in path else None


def _strings(node: ast.AST) -> list[str]:
    return [
        one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    ]


def _is_talk(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "talk"


def _class_value(node: ast.ClassDef, name: str) -> str | None:
    for one in node.body:
        if (
            isinstance(one, ast.Assign)
            and isinstance(one.targets[0], ast.Name)
            and one.targets[0].id == name
            and isinstance(one.value, ast.Constant)
        ):
            return str(one.value.value)
    return None


class Files:
    """Domain, rules and training data."""

    def __init__(self) -> None:
        self.domain = _read(ROOT / "domain.yml")
        self.texts = _read(ROOT / "actions/texts.yml")
        self.served = dict(self._rules())
        self.said = {language: dict(_examples(language)) for language in ("ru", "en")}

    def _rules(self) -> Iterator[tuple[str, str]]:
        """Intent and the action that a rule gives it."""
        for path in sorted((ROOT / "data/rules").glob("*.yml")):
            for rule in _read(path)["rules"]:
                first, *rest = rule["steps"]
                for one in first.get("or", [first]):
                    if "intent" in one and rest and "action" in rest[0]:
                        yield one["intent"], rest[0]["action"]

    def response(self, name: str) -> dict[str, str]:
        """Its text in both languages."""
        variants = self.domain["responses"][name]
        english = next((one for one in variants if one.get("condition")), variants[0])
        russian = next((one for one in variants if not one.get("condition")), variants[0])
        return {"ru": russian.get("text", ""), "en": english.get("text", "")}


def _read(path: Path) -> Any:
    return yml.parse(path.read_text(encoding="utf-8"))


def _examples(language: str) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "data/nlu" / language).glob("*.yml")):
        for entry in _read(path)["nlu"]:
            if "intent" in entry:
                lines = [line[2:].strip() for line in entry["examples"].splitlines()]
                found.setdefault(entry["intent"], []).extend(lines)
    yield from found.items()


def page() -> str:
    """The whole catalogue."""
    files = Files()
    source = Source(ROOT / "actions", files.domain["responses"])
    parts = [HEAD]
    parts += [_chapter(intent, files, source) for intent in files.domain["intents"] if intent in files.served]
    return "\n".join(parts)


def _chapter(intent: str, files: Files, source: Source) -> str:
    action = files.served[intent]
    title = files.texts.get(f"ask.{intent}")
    heading = f"## {intent}" + (f" · {title['ru']} · {title['en']}" if title else "")
    lines = [heading, ""]
    for language in ("ru", "en"):
        if examples := files.said[language].get(intent):
            shown = [one for one in examples if len(one) <= LONGEST][:EXAMPLES]
            lines.append(f"- {language}: " + " · ".join(f"«{_without_markup(one)}»" for one in shown))
    if action.startswith("utter_"):
        found = Found(says={action: None})
        lines.append(f"- `{action}`")
    else:
        found = source.of(action)
        lines.append(f"- `{action}`" + (", personal" if source.is_personal(action) else ""))
    if reads := found.reads - found.does:
        lines.append("- reads: " + ", ".join(f"`{one}`" for one in sorted(reads)))
    if found.does:
        lines.append("- does: " + ", ".join(f"`{one}`" for one in sorted(found.does)))
    return "\n".join([*lines, "", *_replies(found, files), ""])


def _replies(found: Found, files: Files) -> list[str]:
    asked = [name for name in found.says if name in found.asks or _is_question(files.response(name)["ru"])]
    said = [name for name in found.says if name not in asked]
    rows = [("asks", name) for name in asked] + [("says", name) for name in said]
    table = [
        f"| {kind} | {_cell(files.response(name)['ru'])} | {_cell(files.response(name)['en'])} |"
        for kind, name in rows
    ]
    return ["| | Russian | English |", "|---|---|---|", *table] if table else []


def _is_question(text: str) -> bool:
    return text.rstrip().endswith("?")


def _cell(text: str) -> str:
    return text.strip().replace("|", "\\|").replace("\n", "<br>")


def _without_markup(example: str) -> str:
    """`[Москва](city)` → Москва."""
    return re.sub(r"\[([^]]*)\](?:\([^)]*\)|\{[^}]*\})", r"\1", example)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write docs/dialogues.md.")
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    made = page()
    if not parser.parse_args().check:
        PAGE.write_text(made, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != made:
        sys.exit("docs/dialogues.md is out of date: run `make catalogue`.")


if __name__ == "__main__":
    main()
