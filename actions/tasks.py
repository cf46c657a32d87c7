"""What the dialogue has in hand: open matters, the newest last, and inquiries that wait their turn.

It lives in the slot `tasks`. It holds what was said, and it is no proof of anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

FILES_WAIT = timedelta(hours=1)  # for a matter to begin that they belong to
DEPTH = 3  # matters open at once; the oldest is dropped


@dataclass(slots=True)
class Task:
    """One matter: which dialogue, and what was answered so far."""

    dialogue: str
    details: dict[str, str]  # entities of the message that began it
    text: str = ""  # that message
    facts: dict[str, Any] = field(default_factory=dict)  # question or deed → answer or result, as they came
    bound: dict[str, str] = field(default_factory=dict)  # question → the entity that answers it
    said: dict[str, int] = field(default_factory=dict)  # line → number of facts when it was said
    reopened: list[str] = field(default_factory=list)  # questions that the customer wants to answer anew
    asked: str | None = None  # the open question
    asked_at: str | None = None
    tries: int = 0  # answers to the open question that were not understood
    resuming: bool = False  # asked whether to continue after a pause
    files: list[dict[str, str]] = field(default_factory=list)  # that came with it: `key`, `name`, `type`
    locked: bool = False  # the proof of who the customer is ran out: it waits for a new one
    early: dict[str, Any] = field(default_factory=dict)  # answers to questions that were not asked yet
    leaving: bool = False  # asked what «отмените» means: the thing itself, or the change of it

    def take(self, files: Sequence[Mapping[str, str]]) -> None:
        """Keep files of the customer with this matter, each once."""
        known = {file["key"] for file in self.files}
        self.files += [dict(file) for file in files if file["key"] not in known]

    def answer(self, question: str, value: Any) -> None:
        self.facts[question] = value
        self.asked, self.tries = None, 0

    def pose(self, question: str, now: datetime) -> None:
        if self.asked != question:
            self.tries = 0
        self.asked, self.asked_at = question, now.isoformat()

    def forget(self, question: str) -> None:
        """Open a question anew, and everything that came after it."""
        kept = list(self.facts).index(question)
        self.facts = dict(list(self.facts.items())[:kept])
        self.said = {line: count for line, count in self.said.items() if count <= kept}
        self.reopened.append(question)
        self.early.pop(question, None)
        self.asked, self.tries = question, 0

    def idle_since(self) -> datetime | None:
        return datetime.fromisoformat(self.asked_at) if self.asked_at else None


@dataclass(frozen=True, slots=True)
class Request:
    """An inquiry: the dialogue that serves it, and what was said with it."""

    dialogue: str
    details: dict[str, str]
    text: str = ""


@dataclass(slots=True)
class Agenda:
    """All open matters of a conversation."""

    open: list[Task] = field(default_factory=list)
    waiting: list[Request] = field(default_factory=list)
    files: list[dict[str, str]] = field(default_factory=list)  # that came before anybody knew what for

    @classmethod
    def of_slot(cls, stored: Any) -> Self:
        """Read the slot; anything else than what `as_slot` wrote is an empty agenda."""
        if not isinstance(stored, dict):
            return cls()
        return cls(
            [Task(**task) for task in stored["open"]],
            [Request(**request) for request in stored["waiting"]],
            list(stored.get("files", ())),
        )

    def as_slot(self) -> dict[str, Any] | None:
        return asdict(self) if self.open or self.waiting or self.files else None

    def begin(self, request: Request, ends: frozenset[str] = frozenset()) -> Task:
        """Put a matter on top, with the files that wait for it. The same one begun again replaces itself.

        Args:
            ends: dialogues that have no sense any more: the visit is cancelled, so it is not moved.
        """
        task = Task(request.dialogue, request.details, request.text)
        self.open = [one for one in self.open if one.dialogue not in ends]
        for earlier in self.open:
            task.take(earlier.files if earlier.dialogue == request.dialogue else ())
        task.take(self.files)
        self.files = []
        others = [one for one in self.open if one.dialogue != request.dialogue]
        self.open = [*others, task][-DEPTH:]
        return task

    def keep(self, files: Sequence[Mapping[str, str]], at: datetime) -> None:
        """Keep files for the matter that begins next."""
        fresh = at - FILES_WAIT
        kept = {file["key"]: file for file in self.files if datetime.fromisoformat(file["at"]) > fresh}
        self.files = [*(kept | {file["key"]: {**file, "at": at.isoformat()} for file in files}).values()]

    def wait(self, request: Request) -> None:
        """Keep an inquiry for later, once."""
        known = {task.dialogue for task in self.open} | {one.dialogue for one in self.waiting}
        if request.dialogue not in known:
            self.waiting.append(request)
