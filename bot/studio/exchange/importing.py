"""What an import would do: every row cleaned and judged first, then all good ones at once, or none.

Nothing of a row that was not cleaned is kept or shown.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bot.studio.changes import Changes, Refused
from bot.studio.checking import problems
from bot.studio.exchange.formats import Foreign, plain
from bot.studio.files import LANGUAGES, OUT_OF_SCOPE, Example, TrainingFiles, Written, key
from bot.studio.grouping import Groups
from bot.studio.library import Snapshot
from core import yml
from crm_bridge.privacy.redaction import redact

SKIP = ""  # a foreign intent that is not wanted
FLOOD = 20  # variants of one phrase that are taken: more teach nothing
SURE = 0.5  # likeness of an example that speaks against what a row claims
SWAPPED = 0.5  # share of an intent's judged rows that speak against it, from which its labels look swapped
LEAST = 3  # judged rows without which nothing is said about an intent
_KNOWN = yml.parse(Path(__file__).with_name("known_intents.yml").read_text(encoding="utf-8"))

Mapping = dict[str, str]  # a foreign intent and ours; `SKIP` when it is not wanted


class State(StrEnum):
    """What becomes of a row. All but `NEW` and `CLEANED` stay outside."""

    NEW = "new"
    CLEANED = "cleaned"  # taken after personal data, links or markup were taken out
    KNOWN = "known"  # stands there already
    REPEATED = "repeated"  # the same words come twice in the file
    FLOOD = "flood"  # one more variant of a phrase that came often enough
    CONFLICT = "conflict"  # the same words stand under another intent of ours
    CONTRADICTS = "contradicts"  # the file itself has the words under two intents
    MEASURES = "measures"  # a held-out message: to learn it would spoil the exam
    REFUSED = "refused"  # nothing clean is left of it
    LANGUAGE = "language"  # neither Russian nor English
    SKIPPED = "skipped"  # its intent is not wanted


TAKEN = frozenset({State.NEW, State.CLEANED})


@dataclass(frozen=True)
class Row:
    """One row, clean. `against`: the intent of ours that its words stand under, when that is another."""

    state: State
    example: Example
    foreign: str
    against: str | None = None


@dataclass(frozen=True)
class Found:
    """A foreign intent: how many rows, what it is taken for, and whether its labels look swapped."""

    name: str
    rows: int
    into: str
    swapped_with: str | None


@dataclass(frozen=True)
class Import:
    """Everything that would happen."""

    rows: list[Row]
    intents: list[Found]

    @property
    def counted(self) -> Counter[State]:
        return Counter(row.state for row in self.rows)

    @property
    def taken(self) -> list[Example]:
        return [row.example for row in self.rows if row.state in TAKEN]

    @property
    def suspicious(self) -> list[Found]:
        return [one for one in self.intents if one.swapped_with]


def clean(rows: Sequence[Foreign]) -> list[tuple[Foreign, bool]]:
    """The rows without personal data, links and markup, and whether something was taken out."""
    found = []
    for one in rows:
        before = " ".join(plain(one.text).split())
        after = redact(before, (), one.language)
        if problems([Example(one.language, one.intent, after)]) or not key(after).strip():
            after = ""
        found.append((Foreign(after, one.intent.strip(), one.language), after != before))
    return found


def default_mapping(rows: Sequence[Foreign], now: Snapshot) -> Mapping:
    """What each foreign intent probably is here: by its name, by a list of known ones, by its examples."""
    texts: dict[str, list[str]] = defaultdict(list)
    for one in rows:
        texts[one.intent].append(one.text)
    return {name: _guess(name, own, now) for name, own in sorted(texts.items())}


def _guess(name: str, texts: Sequence[str], now: Snapshot) -> str:
    plain_name = "_".join(name.lower().replace("-", " ").replace(".", " ").split())
    known = {*now.intents, OUT_OF_SCOPE}
    for one in (plain_name, _KNOWN.get(plain_name, "")):
        if one in known:
            return one
    nearest = [near[0] for text in texts[:30] if (near := now.find(text, 1))]
    votes = Counter(near.example.intent for near in nearest if near.likeness >= SURE)
    best, count = votes.most_common(1)[0] if votes else (SKIP, 0)
    return best if count >= max(LEAST, 0.6 * len(texts[:30])) else SKIP


def look(
    rows: Sequence[tuple[Foreign, bool]], mapping: Mapping, now: Snapshot, held_out: Sequence[str]
) -> Import:
    """Judge every row of a cleaned file. Nothing is written."""
    measured = {key(text) for text in held_out}
    wanted: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one, _ in rows:
        if into := mapping.get(one.intent, SKIP):
            wanted[(one.language, key(one.text))].add(into)
    seen: set[tuple[str, str]] = set()
    groups: dict[str, Groups] = defaultdict(Groups)
    sizes: Counter[tuple[str, int]] = Counter()
    judged = []
    for n, (one, changed) in enumerate(rows, 1):
        into = mapping.get(one.intent, SKIP)
        example = Example(one.language, into, one.text)
        mark = (one.language, key(one.text))
        state, against = _judge(example, mark, now, measured, len(wanted[mark]), repeated=mark in seen)
        if state is State.NEW:
            group = (into, groups[into].place(n, one.text))
            sizes[group] += 1
            state = State.FLOOD if sizes[group] > FLOOD else State.CLEANED if changed else State.NEW
        seen.add(mark)
        judged.append(Row(state, example, one.intent, against))
    return Import(judged, _intents(judged, mapping, now))


def _judge(
    example: Example, mark: tuple[str, str], now: Snapshot, measured: set[str], wanted: int, *, repeated: bool
) -> tuple[State, str | None]:
    if example.intent == SKIP:
        return State.SKIPPED, None
    if example.language not in LANGUAGES:
        return State.LANGUAGE, None
    if not example.text:
        return State.REFUSED, None
    if wanted > 1:
        return State.CONTRADICTS, None
    under = now.standing.get(mark)
    if under is not None and under != example.intent:
        return State.CONFLICT, under
    if under is not None:
        return State.KNOWN, None
    if mark[1] in measured:
        return State.MEASURES, None
    return (State.REPEATED if repeated else State.NEW), None


def _intents(rows: Sequence[Row], mapping: Mapping, now: Snapshot) -> list[Found]:
    """What becomes of every foreign intent; labels look swapped when its own words speak against them."""
    by_name: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_name[row.foreign].append(row)
    return [
        Found(name, len(by_name[name]), mapping.get(name, SKIP), _swapped(by_name[name], now))
        for name in sorted(by_name)
    ]


def _swapped(rows: Sequence[Row], now: Snapshot) -> str | None:
    """The intent that most of the rows seem to mean, if that is not the one they are to stand under."""
    said: list[str] = []
    for row in [one for one in rows if one.state not in (State.SKIPPED, State.LANGUAGE, State.REFUSED)][:200]:
        near = now.find(row.example.text, 1)
        if row.against:
            said.append(row.against)
        elif near and near[0].likeness >= SURE:
            said.append(near[0].example.intent)
    if len(said) < LEAST:
        return None
    best, count = Counter(said).most_common(1)[0]
    return best if best != rows[0].example.intent and count > SWAPPED * len(said) else None


def save(files: TrainingFiles, changes: Changes, made: Import, *, swapped_too: bool = False) -> Written:
    """Write what is good, as a part of an edit.

    Args:
        swapped_too: somebody has looked at the intents whose labels look swapped, and wants them.

    Raises:
        Refused: labels look swapped; an intent is none of ours; nothing is left.
    """
    if made.suspicious and not swapped_too:
        raise Refused(
            "import.swapped", *(f"{one.name} → {one.into} ≈ {one.swapped_with}" for one in made.suspicious)
        )
    known = {*files.intents(), OUT_OF_SCOPE}
    if strange := sorted({one.into for one in made.intents if one.into and one.into not in known}):
        raise Refused("import.no_such_intent", *strange)
    if not made.taken:
        raise Refused("import.nothing")
    written = Written()
    files.changed(changes, written, made.taken, ())
    return written
