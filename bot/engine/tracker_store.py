"""Rasa's view of the conversations: its HTTP interface and `rasa shell` read and write them here.

The turns of the gateway do not pass through this class (`bot.engine.turn` works on the conversations
directly): Rasa wraps every tracker store in one that hides failures.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker

from bot.engine import memory
from bot.engine.conversations import process_wide

__all__ = ["ConversationStore"]


class ConversationStore(TrackerStore):
    """`tracker_store: {type: bot.engine.tracker_store.ConversationStore}` in endpoints.yml."""

    def __init__(
        self,
        domain: Domain | None = None,
        event_broker: EventBroker | None = None,
        host: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(domain, event_broker)
        self._conversations = process_wide()

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Keep the state of `tracker` in place of the newest one."""
        self._conversations.replace(tracker.sender_id, memory.dump(tracker, self.domain))

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """The conversation as it stands after its newest turn, cut to the last turns."""
        latest = self._conversations.latest(sender_id)
        return None if latest is None else memory.restore(latest.memory, sender_id, self.domain)

    async def keys(self) -> Iterable[str]:
        """Ids of the conversations held in this process."""
        return self._conversations.ids()
