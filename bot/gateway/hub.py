"""Who is connected to this process and has something to read. It carries news; the content is in the log."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

EVERY = "*"  # an ear for all conversations; no conversation is called so


@dataclass(eq=False)
class Listener:
    """One connection's ear."""

    news: asyncio.Event = field(default_factory=asyncio.Event)
    log_grew: bool = True  # there may be something in the log that was not read yet
    typing: str | None = None  # who is typing at the moment


class Hub:
    """Wakes the connections of a conversation."""

    def __init__(self) -> None:
        self._ears: dict[str, set[Listener]] = defaultdict(set)

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
        for ear in (*self._ears.get(conversation_id, ()), *self._ears.get(EVERY, ())):
            ear.log_grew = True
            ear.news.set()

    def typing(self, conversation_id: str, author: str | None) -> None:
        """Somebody began to type, or stopped."""
        for ear in self._ears.get(conversation_id, ()):
            ear.typing = author
            ear.news.set()
