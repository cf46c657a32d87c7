"""The training data as files: plain Rasa YAML, changed in as few lines as possible.

Whoever edits a file by hand at the same moment is not overwritten: a file is put in place only if it is still
the one that was read. Every change is one step: all its files, or none of them.
"""

import fcntl
import hashlib
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LANGUAGES = ("ru", "en")
OWN = "studio.yml"  # where new intents are kept
OUT_OF_SCOPE = "out_of_scope"
NAME = re.compile(r"[a-z][a-z0-9_]{2,39}")
_WORD = re.compile(r"\w+")
_MARKUP = re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\{[^}]*\})")


class ChangedMeanwhile(Exception):
    """Somebody changed a file by hand since it was read; nothing was written."""


class Refused(Exception):
    """What was asked would break the data; the message is a key of `texts.yml`."""


@dataclass(frozen=True)
class Example:
    """One line of the training data."""

    language: str
    intent: str
    text: str


@dataclass(frozen=True)
class Conflict:
    """An example that stands under another intent already."""

    example: Example
    stands_under: str


@dataclass
class Written:
    """What became of a batch of examples."""

    added: list[Example] = field(default_factory=list)
    removed: list[Example] = field(default_factory=list)
    known: list[Example] = field(default_factory=list)  # stood there already, in these words
    conflicts: list[Conflict] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def key(text: str) -> str:
    """Two examples with the same key say the same."""
    words = _WORD.findall(_MARKUP.sub(r"\1", text).lower().replace("ё", "е"))
    return " ".join(words) or text.strip()


def digest(content: bytes) -> str:
    """Names a version of a file."""
    return hashlib.sha256(content).hexdigest()[:16]


class TrainingFiles:
    """`data/nlu`, `data/rules` and `domain.yml` under one folder."""

    def __init__(self, root: Path, lock: Path) -> None:
        """`lock`: a file that two studios on one machine hold in turn."""
        self.root = root
        self._nlu = root / "data/nlu"
        self._lock = lock

    # --- reading --------------------------------------------------------------------------------------------

    def examples(self) -> list[Example]:
        """All of them, in the order of the files."""
        return [
            Example(language, entry["intent"], line)
            for language, path in self._files()
            for entry in _glance(path)["nlu"]
            if "intent" in entry
            for line in _lines(entry)
        ]

    def intents(self) -> list[str]:
        """The intents of the domain, in its order."""
        domain = _glance(self._domain)
        return [one if isinstance(one, str) else next(iter(one)) for one in domain["intents"]]

    def version(self) -> str:
        """Names everything a model is made from but the code."""
        whole = hashlib.sha256()
        for path in sorted([path for _, path in self._files()] + self._others()):
            whole.update(f"{path.relative_to(self.root)}\0{digest(path.read_bytes())}\n".encode())
        return whole.hexdigest()[:16]

    def frame(self) -> str:
        """Names all a model is made from but the plain examples: a change here needs a whole training."""
        whole = hashlib.sha256()
        for path in self._others():
            whole.update(digest(path.read_bytes()).encode())
        for _, path in self._files():
            for entry in _glance(path)["nlu"]:
                if "intent" not in entry or set(entry) != {"intent", "examples"}:
                    whole.update(repr(dict(entry)).encode())
                else:
                    marked = [line for line in _lines(entry) if _MARKUP.search(line)]
                    whole.update(repr((entry["intent"], marked)).encode())
        return whole.hexdigest()[:16]

    def _others(self) -> list[Path]:
        """What a model is made from besides the examples."""
        stories = [path for name in ("rules", "stories") for path in self.root.glob(f"data/{name}/**/*.yml")]
        return sorted([*stories, self._domain, self.root / "config.yml"])

    @property
    def _domain(self) -> Path:
        return self.root / "domain.yml"

    def _files(self) -> Iterator[tuple[str, Path]]:
        for language in LANGUAGES:
            for path in sorted((self._nlu / language).glob("*.yml")):
                yield language, path

    @staticmethod
    def _read(content: bytes) -> Any:
        return _yaml().load(content.decode("utf-8"))

    # --- writing --------------------------------------------------------------------------------------------

    def change(self, add: Sequence[Example] = (), remove: Sequence[Example] = ()) -> Written:
        """Add and remove examples.

        What stands there in the same words is not written twice; what stands under another intent is
        reported and not written.

        Raises:
            ChangedMeanwhile
        """
        if not add and not remove:
            return Written()
        with self._held():
            changes = _Changes()
            loaded = {p: (language, self._read(changes.read(p))) for language, p in self._files()}
            written = Written()
            touched: set[Path] = set()
            for example in remove:
                if (path := _remove(loaded, example)) is not None:
                    touched.add(path)
                    written.removed.append(example)
            standing = _standing(loaded)
            for example in add:
                under = standing.get((example.language, key(example.text)))
                if under == example.intent:
                    written.known.append(example)
                elif under is not None:
                    written.conflicts.append(Conflict(example, under))
                elif key(example.text):
                    touched.add(self._add(loaded, example))
                    standing[(example.language, key(example.text))] = example.intent
                    written.added.append(example)
            for path in sorted(touched):
                changes.write(path, _dump(loaded[path][1]))
            written.files = changes.commit()
            return written

    def _add(self, loaded: dict[Path, tuple[str, Any]], example: Example) -> Path:
        """Put an example at the end of its intent; the file."""
        path, entry = next(
            (
                (path, entry)
                for path, (language, content) in loaded.items()
                if language == example.language
                for entry in content["nlu"]
                if entry.get("intent") == example.intent
            ),
            (None, None),
        )
        if path is None or entry is None:
            path = self._nlu / example.language / OWN
            if path not in loaded:
                loaded[path] = (example.language, _yaml().load('version: "3.1"\nnlu: []\n'))
                loaded[path][1]["nlu"].fa.set_block_style()
            entry = {"intent": example.intent, "examples": LiteralScalarString("")}
            loaded[path][1]["nlu"].append(entry)
        text = " ".join(example.text.split()).replace("[", "(").replace("]", ")")
        entry["examples"] = LiteralScalarString(f"{entry['examples']}- {text}\n")
        return path

    def new_intent(self, name: str, answers: dict[str, str], title: str = "") -> list[Path]:
        """Make an intent that is answered with a text: domain, response and rule together.

        Args:
            answers: by language, both of them.
            title: of the rule, in words; the name when empty.

        Raises:
            Refused, ChangedMeanwhile
        """
        answers = {language: " ".join(text.split()) for language, text in answers.items()}
        if not NAME.fullmatch(name):
            raise Refused("bad_name")
        if name in self.intents():
            raise Refused("name_taken")
        if not all(answers.get(language) for language in LANGUAGES):
            raise Refused("answer_missing")
        if any("{" in text or "}" in text for text in answers.values()):
            raise Refused("braces")
        with self._held():
            changes = _Changes()
            domain = changes.read(self._domain).decode("utf-8")
            changes.write(self._domain, _with_intent(domain, name, answers).encode())
            rules = self.root / "data/rules" / OWN
            known = changes.read(rules).decode("utf-8") or 'version: "3.1"\nrules:\n'
            rule = f"  - rule: {_quoted(title or name)}\n    steps:\n      - intent: {name}\n"
            changes.write(rules, f"{known.rstrip()}\n{rule}      - action: utter_{name}\n".encode())
            return changes.commit()

    @contextmanager
    def _held(self) -> Iterator[None]:
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class _Changes:
    """Files that are read, changed and put in place together."""

    def __init__(self) -> None:
        self._read: dict[Path, bytes] = {}
        self._new: dict[Path, bytes] = {}

    def read(self, path: Path) -> bytes:
        """The content; empty when there is no such file."""
        self._read[path] = path.read_bytes() if path.exists() else b""
        return self._read[path]

    def write(self, path: Path, content: bytes) -> None:
        if content != self._read.get(path, b""):
            self._new[path] = content

    def commit(self) -> list[Path]:
        """Put all in place. Raises: ChangedMeanwhile."""
        fresh = {path: path.with_name(f".{path.name}.new") for path in self._new}
        try:
            for path, beside in fresh.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                with beside.open("wb") as file:
                    file.write(self._new[path])
                    file.flush()
                    os.fsync(file.fileno())
            for path in self._new:
                if (path.read_bytes() if path.exists() else b"") != self._read.get(path, b""):
                    raise ChangedMeanwhile(path.name)
            for path, beside in fresh.items():
                beside.replace(path)
        finally:
            for beside in fresh.values():
                beside.unlink(missing_ok=True)
        return sorted(self._new)


def _glance(path: Path) -> Any:
    """A file's content, to be read only: many times as fast as what keeps its style."""
    return yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506 - a safe loader


def _yaml() -> YAML:
    styled = YAML()
    styled.preserve_quotes = True
    styled.width = 1_000_000
    return styled


def _dump(content: Any) -> bytes:
    out = io.StringIO()
    _yaml().dump(content, out)
    return out.getvalue().encode()


def _lines(entry: Any) -> list[str]:
    examples = str(entry.get("examples", "")).splitlines()
    return [line.strip()[2:].strip() for line in examples if line.strip().startswith("- ")]


def _standing(loaded: dict[Path, tuple[str, Any]]) -> dict[tuple[str, str], str]:
    return {
        (language, key(line)): entry["intent"]
        for language, content in loaded.values()
        for entry in content["nlu"]
        if "intent" in entry
        for line in _lines(entry)
    }


def _remove(loaded: dict[Path, tuple[str, Any]], example: Example) -> Path | None:
    """Take an example out; the file it stood in. An intent keeps at least one."""
    for path, (language, content) in loaded.items():
        for entry in content["nlu"]:
            if language != example.language or entry.get("intent") != example.intent:
                continue
            lines = str(entry["examples"]).splitlines(keepends=True)
            kept = [line for line in lines if key(line) != key(example.text)]
            if kept and len(kept) < len(lines):
                entry["examples"] = LiteralScalarString("".join(kept))
                return path
    return None


def _with_intent(domain: str, name: str, answers: dict[str, str]) -> str:
    """The domain with an intent at the end of its list and a response at the end of the responses."""
    lines = domain.rstrip("\n").split("\n")
    starts = {line.split(":")[0]: n for n, line in enumerate(lines) if re.match(r"[a-z_]+:", line)}
    if "responses" not in starts or "&english" not in domain:
        raise Refused("domain_unusual")

    def end_of(section: str) -> int:
        later = [n for n in starts.values() if n > starts[section]]
        end = min(later, default=len(lines))
        while not lines[end - 1].strip() or lines[end - 1].startswith("#"):
            end -= 1
        return end

    response = [
        f"  utter_{name}:",
        f"    - text: {_quoted(answers['ru'])}",
        "    - condition: *english",
        f"      text: {_quoted(answers['en'])}",
    ]
    for section, added in sorted(
        (("intents", [f"  - {name}"]), ("responses", response)), key=lambda one: -starts[one[0]]
    ):
        lines[end_of(section) : end_of(section)] = added
    whole = "\n".join([*lines, ""])
    before, after = (YAML(typ="safe", pure=True).load(text) for text in (domain, whole))
    before["intents"].append(name)
    english = [{"type": "slot", "name": "language", "value": "en"}]
    before["responses"][f"utter_{name}"] = [
        {"text": answers["ru"]},
        {"condition": english, "text": answers["en"]},
    ]
    if before != after:
        raise Refused("domain_unusual")
    return whole


def _quoted(text: str) -> str:
    """A YAML scalar in double quotes: JSON is YAML."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def texts_of(examples: Iterable[Example], language: str, intent: str) -> list[str]:
    """The examples of one intent in one language."""
    return [one.text for one in examples if (one.language, one.intent) == (language, intent)]
