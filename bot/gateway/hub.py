"""Who is connected to this process and has something to read. It carries news; the content is in the log."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from core.bell import Bell

EVERY = "*"  # an ear for all conversations; no conversation is called so


def at_desk(conversation_id: str) -> str:
    """What only people at the desk hear of a conversation: that its customer is typing."""
    return f"desk:{conversation_id}"


@dataclass(eq=False)
class Listener:
    """One connection's ear."""

    news: asyncio.Event = field(default_factory=asyncio.Event)
    log_grew: bool = True  # there may be something in the log that was not read yet
    typing: str | None = None  # who is typing at the moment
    changed: set[str] = field(default_factory=set)  # conversations, for an ear that hears all of them


class Hub:
    """Wakes the connections of a conversation, in this process and, through the bell, in the others."""

    def __init__(self, bell: Bell | None = None) -> None:
        self._ears: dict[str, set[Listener]] = defaultdict(set)
        self._bell = bell
        if bell:
            bell.on("log", self._log_grew)
            bell.on("typing", lambda word: self._typing(*_split(word)))

    @contextmanager
    def listen(self, conversation_id: str) -> Iterator[Listener]:
        """An ear that is closed when the block ends."""
        ear = Listener()
        self._ears[conversation_id].add(ear)
        try:
            yield ear
        finally:
            self._ears[conversation_id].discard(ear)
            if not self._ears[conversation_id]:
                del self._ears[conversation_id]

    def publish(self, conversation_id: str) -> None:
        """There is something new in the log."""
        self._log_grew(conversation_id)
        if self._bell:
            self._bell.ring("log", conversation_id)

    def _log_grew(self, conversation_id: str) -> None:
        for ear in self._ears.get(EVERY, ()):
            ear.changed.add(conversation_id)
        for ear in (*self._ears.get(conversation_id, ()), *self._ears.get(EVERY, ())):
            ear.log_grew = True
            ear.news.set()

    def typing(self, conversation_id: str, author: str | None) -> None:
        """Somebody began to type, or stopped."""
        self._typing(conversation_id, author)
        if self._bell:
            self._bell.ring("typing", f"{conversation_id} {author or ''}")

    def _typing(self, conversation_id: str, author: str | None) -> None:
        for ear in self._ears.get(conversation_id, ()):
            ear.typing = author
            ear.news.set()


def _split(word: str) -> tuple[str, str | None]:
    conversation_id, _, author = word.partition(" ")
    return conversation_id, author or None
