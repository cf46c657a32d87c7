"""The training data as it stands now, read again only when a file has changed."""

import threading
from dataclasses import dataclass, field
from functools import cached_property

from bot.studio.checking import Problem, problems
from bot.studio.files import Example, TrainingFiles, key
from bot.studio.nearest import Near, Nearest

REMEMBERED = 10_000  # answers of a snapshot


@dataclass
class Snapshot:
    """Everything of one moment. What costs time is worked out when it is first asked for."""

    examples: list[Example]
    intents: list[str]  # of the domain, in its order
    _found: dict[tuple[object, ...], list[Near]] = field(default_factory=dict)

    @cached_property
    def nearest(self) -> Nearest:
        return Nearest(self.examples)

    @cached_property
    def problems(self) -> list[Problem]:
        """What stops a training."""
        return problems(self.examples)

    @cached_property
    def standing(self) -> dict[tuple[str, str], str]:
        """The intent of every example, by language and key."""
        return {(one.language, key(one.text)): one.intent for one in self.examples}

    def find(
        self, text: str, count: int = 3, *, intent: str | None = None, but: str | None = None
    ) -> list[Near]:
        """As `Nearest.find`, remembered: the same card is drawn again after every decision."""
        asked = (text, count, intent, but)
        if len(self._found) > REMEMBERED:
            self._found.clear()
        if asked not in self._found:
            self._found[asked] = self.nearest.find(text, count, intent=intent, but=but)
        return self._found[asked]


class Library:
    """The newest snapshot."""

    def __init__(self, files: TrainingFiles) -> None:
        self._files = files
        self._lock = threading.Lock()  # pages ask from threads
        self._mark: object = None
        self._now: Snapshot | None = None

    def now(self) -> Snapshot:
        """What stands in the files. Call it from a thread: it reads files."""
        with self._lock:
            mark = self._files.mark()
            if self._now is None or mark != self._mark:
                self._now = Snapshot(self._files.examples(), self._files.intents())
                self._mark = mark
            return self._now
