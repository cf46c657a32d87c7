"""Where program code names an intent: these places the studio cannot change."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from bot.studio.scalars import scalars
from core.settings import ROOT

CODE = ("actions", "bot", "core", "crm_bridge")
TITLES = Path("actions/texts.yml")  # how intents are called on buttons: data, where it is part of the project


def titles_under(root: Path) -> list[Path]:
    """The catalogue of titles, if the project has it."""
    return [path for path in (root / TITLES,) if path.exists()]


def code_places(name: str, project: Path) -> list[str]:
    """File and line of everything in the program that names an intent or its answer."""
    ours = {path.resolve() for path in titles_under(project)}
    found: list[str] = []
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in (".py", ".yml") or path.resolve() in ours:
                continue
            text = path.read_text(encoding="utf-8")
            if name in text:
                lines = _python(text, name) if path.suffix == ".py" else _yaml(text, name)
                found += [f"{path.relative_to(ROOT).as_posix()}:{line}" for line in sorted(set(lines))]
    return found


def _python(text: str, name: str) -> Iterator[int]:
    """Strings that are the name, an answer or a title of it, or a button's payload."""
    wanted = re.compile(rf"(?:/|utter_|(?:ask|button|topic)\.)?{re.escape(name)}(?:\{{.*)?")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and wanted.fullmatch(node.value):
            yield node.lineno


def _yaml(text: str, name: str) -> Iterator[int]:
    for one in scalars(text):
        if one.value == name or (one.is_key and one.value.endswith(f".{name}")):
            yield one.line
