"""The company's own names: goods, plans, cities, promo codes, and how else customers write them.

They stand in `data/nlu/names.yml` as Rasa's lookup tables and synonyms; the assistant finds them in messages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.studio.changes import Changes, Refused
from core import yml

PATH = Path("data/nlu/names.yml")
KINDS = ("product", "plan", "city", "promo_code")


@dataclass(frozen=True)
class Name:
    """One name and its other spellings."""

    value: str
    spellings: tuple[str, ...] = ()


def read(text: str) -> dict[str, list[Name]]:
    """The names of every kind, in the order of the file.

    Raises:
        Refused: something else stands there too, and would be lost.
    """
    entries: list[dict[str, Any]] = (yml.parse(text) or {}).get("nlu") or []
    if any(set(one) not in ({"lookup", "examples"}, {"synonym", "examples"}) for one in entries):
        raise Refused("names_unusual")
    others = {str(one["synonym"]): tuple(_lines(one["examples"])) for one in entries if "synonym" in one}
    found: dict[str, list[Name]] = {kind: [] for kind in KINDS}
    for one in entries:
        if "lookup" not in one:
            continue
        if one["lookup"] not in found:
            raise Refused("names_unusual")
        lines = _lines(one["examples"])
        spelt = {spelling for line in lines for spelling in others.get(line, ())}
        found[one["lookup"]] = [Name(line, others.get(line, ())) for line in lines if line not in spelt]
    return found


def shown(names: Sequence[Name]) -> str:
    """As it stands on the page: one name a line, other spellings after a colon."""
    return "\n".join(
        f"{one.value}: {', '.join(one.spellings)}" if one.spellings else one.value for one in names
    )


def parse(text: str) -> list[Name]:
    """What somebody wrote on the page.

    Raises:
        Refused: the same spelling stands for two names.
    """
    found: list[Name] = []
    for line in text.splitlines():
        value, _, rest = line.partition(":")
        spellings = dict.fromkeys(" ".join(one.split()) for one in rest.split(","))
        if value := " ".join(value.split()):
            found.append(Name(value, tuple(one for one in spellings if one and one != value)))
    seen: set[str] = set()
    for spelling in (one.lower() for name in found for one in (name.value, *name.spellings)):
        if spelling in seen:
            raise Refused("named_twice", spelling)
        seen.add(spelling)
    return found


def written(names: dict[str, list[Name]]) -> str:
    """The file. The same names always give the same file."""
    parts = ['version: "3.1"\nnlu:\n']
    for kind in KINDS:
        if own := names.get(kind):
            lines = [spelling for one in own for spelling in (one.value, *one.spellings)]
            parts.append(_entry("lookup", kind, lines))
            parts += [_entry("synonym", _quoted(one.value), one.spellings) for one in own if one.spellings]
    return "".join(parts) if len(parts) > 1 else 'version: "3.1"\nnlu: []\n'


def change(changes: Changes, names: dict[str, list[Name]]) -> None:
    """Write all names. Raises: Refused."""
    path = changes.root / PATH
    before = changes.text(path)
    if before:
        read(before)  # refuses what it would lose
    whole = written(names)
    if before or any(names.values()):
        changes.write(path, whole)


def _entry(kind: str, name: str, lines: Sequence[str]) -> str:
    return f"- {kind}: {name}\n  examples: |\n" + "".join(f"    - {line}\n" for line in lines)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _lines(examples: str) -> list[str]:
    return [line.strip()[2:].strip() for line in examples.splitlines() if line.strip().startswith("- ")]
