"""The conversations this process holds: for each one, its last few turns as they were answered.

State is kept as immutable bytes (the `memory` of `bot.engine.memory`), so a failed turn leaves nothing to
undo and a model swap changes nothing: the next turn rebuilds the tracker with the new model's domain. Holding
a conversation is an economy, not a duty: what is not here any more is asked of the gateway again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakValueDictionary

__all__ = ["Conversations", "RecordedTurn", "process_wide"]

CAPACITY = 2_000  # conversations; about 10 kB each
TURNS_RECORDED = 3  # the last committed turn, one that may still be uncommitted, and one to spare


@dataclass(frozen=True)
class RecordedTurn:
    """One finished turn.

    Attributes:
        message_id: the customer's message; None where Rasa's own HTTP interface changed the conversation.
        memory: the state after the turn, as JSON.
        answer: what the gateway was told; None when the turn is known from the gateway's memory only.
    """

    message_id: str | None
    memory: bytes
    answer: dict[str, Any] | None = None


class Conversations:
    """Bounded store of recorded turns; the conversation that was silent longest is forgotten first."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._turns: OrderedDict[str, tuple[RecordedTurn, ...]] = OrderedDict()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._turns)

    def lock(self, conversation_id: str) -> asyncio.Lock:
        """The lock of one conversation; it exists as long as somebody holds or awaits it."""
        lock = self._locks.get(conversation_id)
        if lock is None:
            lock = self._locks[conversation_id] = asyncio.Lock()
        return lock

    def turn(self, conversation_id: str, message_id: str) -> RecordedTurn | None:
        """The recorded turn of that message, if it is still held."""
        return next((t for t in self._turns.get(conversation_id, ()) if t.message_id == message_id), None)

    def latest(self, conversation_id: str) -> RecordedTurn | None:
        """The newest turn, committed or not."""
        turns = self._turns.get(conversation_id)
        return turns[-1] if turns else None

    def record(self, conversation_id: str, after: str | None, turn: RecordedTurn) -> None:
        """Add a turn that continues the turn `after`; newer ones than `after` were never committed and go."""
        turns = self._turns.get(conversation_id, ())
        known = [index for index, old in enumerate(turns) if old.message_id == after]
        kept = turns[: known[-1] + 1] if known and after is not None else ()
        self._put(conversation_id, (*kept, turn))

    def replace(self, conversation_id: str, memory: bytes) -> None:
        """Change the state after the newest turn."""
        latest = self.latest(conversation_id)
        older = self._turns.get(conversation_id, ())[:-1]
        changed = RecordedTurn(
            latest.message_id if latest else None, memory, latest.answer if latest else None
        )
        self._put(conversation_id, (*older, changed))

    def ids(self) -> list[str]:
        """The conversations held, longest silent first."""
        return list(self._turns)

    def _put(self, conversation_id: str, turns: tuple[RecordedTurn, ...]) -> None:
        self._turns[conversation_id] = turns[-TURNS_RECORDED:]
        self._turns.move_to_end(conversation_id)
        while len(self._turns) > self._capacity:
            self._turns.popitem(last=False)


@lru_cache(maxsize=1)
def process_wide() -> Conversations:
    """The one store of this process: the channel and Rasa's tracker store meet here, also after a swap."""
    return Conversations()
