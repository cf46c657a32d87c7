"""Ready answers of the desk as they stand in `data/canned/*.yml`."""

import re
from pathlib import Path

from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from bot.desk.canned import SHORTCUT, TEXT_LIMIT, TITLE_LIMIT, VARIABLES, Answer
from bot.studio.changes import Changes, Refused
from bot.studio.files import LANGUAGES, dump, load
from core import yml

FOLDER = Path("data/canned")
_VARIABLE = re.compile(r"\{(\w*)\}?")


def read(root: Path) -> list[Answer]:
    """All of them, language by language, in the order of the files."""
    return [
        Answer(one["shortcut"], language, one["title"], one["text"].strip())
        for language in LANGUAGES
        if (path := root / FOLDER / f"{language}.yml").exists()
        for one in yml.parse(path.read_text(encoding="utf-8")) or []
    ]


def put(changes: Changes, answer: Answer) -> None:
    """Write one, a new one too. Raises: Refused."""
    _check(answer)
    path = changes.root / FOLDER / f"{answer.language}.yml"
    entries = load(changes.read(path)) or load(b"[]")
    entry = next((one for one in entries if one["shortcut"] == answer.shortcut), None)
    if entry is None:
        entry = CommentedMap(shortcut=answer.shortcut)
        entries.append(entry)
    if entry.get("title") != answer.title:
        entry["title"] = answer.title
    if str(entry.get("text", "")).strip() != answer.text:
        entry["text"] = DoubleQuotedScalarString(answer.text)
    changes.write(path, dump(entries))


def drop(changes: Changes, language: str, shortcut: str) -> None:
    """Take one away. Raises: Refused: it is not there."""
    path = changes.root / FOLDER / f"{language}.yml"
    entries = load(changes.read(path)) or []
    kept = [one for one in entries if one["shortcut"] != shortcut]
    if len(kept) == len(entries):
        raise Refused("no_answer")
    for one in [one for one in entries if one["shortcut"] == shortcut]:
        entries.remove(one)
    changes.write(path, dump(entries))


def _check(answer: Answer) -> None:
    if not SHORTCUT.fullmatch(answer.shortcut) or answer.language not in LANGUAGES:
        raise Refused("bad_shortcut")
    if not answer.title or not answer.text:
        raise Refused("answer_missing")
    if len(answer.title) > TITLE_LIMIT or len(answer.text) > TEXT_LIMIT:
        raise Refused("answer_long", str(TEXT_LIMIT))
    unknown = [
        one[0] for one in _VARIABLE.finditer(answer.text) if one[1] not in VARIABLES or one[0][-1] != "}"
    ]
    if unknown:
        raise Refused("unknown_variable", *unknown, "✓ " + ", ".join(f"{{{one}}}" for one in VARIABLES))
