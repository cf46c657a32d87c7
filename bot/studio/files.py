"""The training data as files: plain Rasa YAML, changed in as few lines as possible.

Whoever edits a file by hand at the same moment is not overwritten: a file is put in place only if it is still
the one that was read. Every change is one step: all its files, or none of them.
"""

import hashlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from bot.studio.changes import ChangedMeanwhile, Changes, Editor, Refused

__all__ = ["ChangedMeanwhile", "Conflict", "Example", "Refused", "TrainingFiles", "Written", "key"]

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LANGUAGES = ("ru", "en")
OWN = "studio.yml"  # where new intents are kept
OUT_OF_SCOPE = "out_of_scope"
NAME = re.compile(r"[a-z][a-z0-9_]{2,39}")
_WORD = re.compile(r"\w+")
_MARKUP = re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\{[^}]*\})")


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
        self.editor = Editor(root, lock)

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
        return _names(_glance(self.domain))

    def mark(self) -> tuple[tuple[str, int, int], ...]:
        """Changes whenever a file of examples or the domain does; cheap."""
        stats = ((path, path.stat()) for path in (*(path for _, path in self._files()), self.domain))
        return tuple((str(path), stat.st_mtime_ns, stat.st_size) for path, stat in stats)

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
        names = self.root.glob("data/nlu/*.yml")
        return sorted([*stories, *names, self.domain, self.root / "config.yml"])

    @property
    def domain(self) -> Path:
        return self.root / "domain.yml"

    def _files(self) -> Iterator[tuple[str, Path]]:
        for language in LANGUAGES:
            for path in sorted((self._nlu / language).glob("*.yml")):
                yield language, path

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
        written = Written()
        written.files = self.editor.save(lambda changes: self.changed(changes, written, add, remove))
        return written

    def changed(
        self, changes: Changes, written: Written, add: Sequence[Example], remove: Sequence[Example]
    ) -> None:
        """Add and remove examples as a part of an edit; `written` is told what became of them."""
        loaded = {path: (language, load(changes.read(path))) for language, path in self._files()}
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
            changes.write(path, dump(loaded[path][1]))

    def regroup(self, changes: Changes, place: Callable[[Example], str | None]) -> int:
        """Put examples under other intents, as they are written, entities and all, as a part of an edit.

        What the new place has in the same words already is dropped. An intent that loses its last example
        loses its entry.

        Args:
            place: the intent that an example is to stand under; None when it is to go.

        Returns:
            how many examples moved or went.
        """
        loaded = {path: (language, load(changes.read(path))) for language, path in self._files()}
        moved: list[Example] = []
        touched: set[Path] = set()
        count = 0
        for path, (language, content) in loaded.items():
            for entry in [one for one in content["nlu"] if "intent" in one]:
                targets = [(line, place(Example(language, entry["intent"], line))) for line in _lines(entry)]
                stay = [line for line, target in targets if target == entry["intent"]]
                if len(stay) == len(targets):
                    continue
                count += len(targets) - len(stay)
                touched.add(path)
                moved += [
                    Example(language, target, line)
                    for line, target in targets
                    if target is not None and target != entry["intent"]
                ]
                if stay:
                    entry["examples"] = LiteralScalarString("".join(f"- {line}\n" for line in stay))
                else:
                    content["nlu"].remove(entry)
        standing = _standing(loaded)
        for example in moved:
            if standing.get((example.language, key(example.text))) != example.intent:
                touched.add(self._append(loaded, example.language, example.intent, example.text))
        for path in sorted(touched):
            changes.write(path, dump(loaded[path][1]))
        return count

    def _add(self, loaded: dict[Path, tuple[str, Any]], example: Example) -> Path:
        """Put an example at the end of its intent; the file."""
        text = " ".join(example.text.split()).replace("[", "(").replace("]", ")")
        return self._append(loaded, example.language, example.intent, text)

    def _append(self, loaded: dict[Path, tuple[str, Any]], language: str, intent: str, line: str) -> Path:
        path, entry = next(
            (
                (path, entry)
                for path, (own, content) in loaded.items()
                if language == own
                for entry in content["nlu"]
                if entry.get("intent") == intent
            ),
            (None, None),
        )
        if path is None or entry is None:
            path = self._nlu / language / OWN
            if path not in loaded:
                loaded[path] = (language, _yaml().load('version: "3.1"\nnlu: []\n'))
                loaded[path][1]["nlu"].fa.set_block_style()
            entry = {"intent": intent, "examples": LiteralScalarString("")}
            loaded[path][1]["nlu"].append(entry)
        entry["examples"] = LiteralScalarString(f"{entry['examples']}- {line}\n")
        return path

    def with_intent(self, changes: Changes, name: str, answers: dict[str, str], title: str = "") -> None:
        """Make an intent that is answered with a text, as a part of an edit: domain, response and rule.

        Args:
            answers: by language, both of them.
            title: of the rule, in words; the name when empty.

        Raises:
            Refused
        """
        answers = {language: " ".join(text.split()) for language, text in answers.items()}
        if not NAME.fullmatch(name):
            raise Refused("bad_name")
        domain = changes.text(self.domain)
        facts = _safe(domain)
        if name in _names(facts) or f"utter_{name}" in facts["responses"]:
            raise Refused("name_taken")
        if not all(answers.get(language) for language in LANGUAGES):
            raise Refused("answer_missing")
        if any("{" in text or "}" in text for text in answers.values()):
            raise Refused("braces")
        changes.write(self.domain, _with_intent(domain, name, answers))
        rules = self.root / "data/rules" / OWN
        known = changes.text(rules) or 'version: "3.1"\nrules:\n'
        rule = f"  - rule: {_quoted(title or name)}\n    steps:\n      - intent: {name}\n"
        changes.write(rules, f"{known.rstrip()}\n{rule}      - action: utter_{name}\n")


def _glance(path: Path) -> Any:
    """A file's content, to be read only: many times as fast as what keeps its style."""
    return _safe(path.read_bytes())


def _safe(content: str | bytes) -> Any:
    return yaml.load(content, Loader=_Loader)  # noqa: S506 - a safe loader


def _names(domain: Any) -> list[str]:
    return [one if isinstance(one, str) else next(iter(one)) for one in domain["intents"]]


def _yaml() -> YAML:
    styled = YAML()
    styled.preserve_quotes = True
    styled.width = 1_000_000
    return styled


def load(content: bytes) -> Any:
    """YAML with its style, to be changed and dumped."""
    return _yaml().load(content.decode("utf-8"))


def dump(content: Any) -> bytes:
    """What was loaded, in its style."""
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
