"""The assistant's answers in `domain.yml`: read, and changed to the word; the rest stays as it stands."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from bot.studio.changes import Changes, Refused
from bot.studio.files import TrainingFiles
from bot.studio.scalars import Scalar, replaced, scalars

VARIABLE = re.compile(r"\{(\w+)\}")
LIMIT = 4000  # characters; the longest that most messengers take in one message
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Said:
    """One wording of an answer. `at`: its place in the answer's list."""

    at: int
    language: str
    text: str
    buttons: list[tuple[str, str]]  # title and where it leads
    variables: list[str]


@dataclass(frozen=True)
class Response:
    """Everything that stands under one name."""

    name: str
    said: list[Said] = field(default_factory=list)

    @property
    def variables(self) -> frozenset[str]:
        """What the program fills in; nothing else may stand in braces."""
        return frozenset(name for one in self.said for name in one.variables)


def read(domain: str) -> list[Response]:
    """All answers that have a text, in the order of the file."""
    found = yaml.load(domain, Loader=_Loader)["responses"]  # noqa: S506 - a safe loader
    return [
        Response(
            name,
            [
                Said(
                    at,
                    _language(one),
                    one["text"],
                    _buttons(one),
                    list(dict.fromkeys(VARIABLE.findall(one["text"]))),
                )
                for at, one in enumerate(entries)
                if one.get("text")
            ],
        )
        for name, entries in found.items()
    ]


class Responses:
    """Edits of answers in a project."""

    def __init__(self, files: TrainingFiles) -> None:
        self._domain = files.domain

    def all(self) -> list[Response]:
        return read(self._domain.read_text(encoding="utf-8"))

    def find(self, name: str) -> Response | None:
        return next((one for one in self.all() if one.name == name), None)

    def change(self, changes: Changes, name: str, texts: Mapping[int, str]) -> None:
        """Other words.

        Args:
            texts: by place in the answer's list.

        Raises:
            Refused: a variable that nobody fills in, a brace that is none, no text, or too much of it.
        """
        domain = changes.text(self._domain)
        response = next((one for one in read(domain) if one.name == name), None)
        if response is None:
            raise Refused("no_answer")
        for at, raw in texts.items():
            text = tidy(raw)
            check(response, text)
            if all(one.at != at for one in response.said):
                raise Refused("no_answer")
            domain = _with_text(domain, name, at, text)
        changes.write(self._domain, domain)


def tidy(text: str) -> str:
    """As it is stored: one kind of line end, no blanks at the ends of lines."""
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").strip().split("\n"))


def check(response: Response, text: str) -> None:
    """Whether a text can be the answer. Raises: Refused."""
    if not text:
        raise Refused("answer_missing")
    if len(text) > LIMIT:
        raise Refused("answer_long", str(LIMIT))
    unknown = [one for one in VARIABLE.findall(text) if one not in response.variables]
    if unknown:
        known = ", ".join(f"{{{one}}}" for one in sorted(response.variables)) or "–"
        raise Refused("unknown_variable", *(f"{{{one}}}" for one in dict.fromkeys(unknown)), f"✓ {known}")
    if re.search(r"[{}]", VARIABLE.sub("", text)):
        raise Refused("stray_brace")


def lost_variables(response: Response, texts: Mapping[int, str]) -> list[str]:
    """Variables that stood in a wording and no longer do: what they told is no longer told."""
    return [
        name
        for one in response.said
        for name in one.variables
        if one.at in texts and name not in VARIABLE.findall(texts[one.at])
    ]


def _language(entry: Mapping[str, Any]) -> str:
    for one in entry.get("condition") or ():
        if one.get("name") == "language":
            return str(one.get("value"))
    return "ru"


def _buttons(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(one["title"]), str(one["payload"]).lstrip("/")) for one in entry.get("buttons") or ()]


def _with_text(domain: str, name: str, at: int, text: str) -> str:
    path = ("responses", name, at, "text")
    found = scalars(domain)
    (spot,) = [one for one in found if one.path == path and not one.is_key]
    (key,) = [one for one in found if one.path == path and one.is_key]
    if spot.value == text:
        return domain
    expected = yaml.load(domain, Loader=_Loader)  # noqa: S506 - a safe loader
    expected["responses"][name][at]["text"] = text
    for written in _ways(domain, spot, key, text):
        whole = replaced(domain, [(spot.start, spot.end, written)])
        try:
            if yaml.load(whole, Loader=_Loader) == expected:  # noqa: S506 - a safe loader
                return whole
        except yaml.YAMLError:
            continue
    raise Refused("domain_unusual")


def _ways(domain: str, spot: Scalar, key: Scalar, text: str) -> list[str]:
    """How a text can be written, the plainest first; not every one says the same everywhere."""
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if "\n" not in text:
        return [quoted] if spot.style else [text, quoted]
    indent = " " * (key.start - domain.rfind("\n", 0, key.start) - 1 + 2)
    block = "".join(f"\n{indent}{line}" if line else "\n" for line in text.split("\n"))
    return [f"|-{block}", quoted]
