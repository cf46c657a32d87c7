"""What the dialogue has in hand: open matters, the newest last, and inquiries that wait their turn.

It lives in the slot `tasks`. It holds what was said, and it is no proof of anything.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self

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
    locked: bool = False  # the proof of who the customer is ran out: it waits for a new one

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

    @classmethod
    def of_slot(cls, stored: Any) -> Self:
        """Read the slot; anything else than what `as_slot` wrote is an empty agenda."""
        if not isinstance(stored, dict):
            return cls()
        return cls(
            [Task(**task) for task in stored["open"]], [Request(**request) for request in stored["waiting"]]
        )

    def as_slot(self) -> dict[str, Any] | None:
        return asdict(self) if self.open or self.waiting else None

    def begin(self, request: Request) -> Task:
        """Put a matter on top. The same matter begun again replaces the earlier one."""
        task = Task(request.dialogue, request.details, request.text)
        others = [one for one in self.open if one.dialogue != request.dialogue]
        self.open = [*others, task][-DEPTH:]
        return task

    def wait(self, request: Request) -> None:
        """Keep an inquiry for later, once."""
        known = {task.dialogue for task in self.open} | {one.dialogue for one in self.waiting}
        if request.dialogue not in known:
            self.waiting.append(request)
