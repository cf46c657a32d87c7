"""Who speaks for the company in a conversation: the bot, the queue, or one agent.

`epoch` grows at every change of owner. Whoever changes the owner names the epoch it saw, and only one can be
right; whatever was to be said under an epoch that has passed is not said.
"""

from typing import Any, cast

from sqlalchemy import CursorResult, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.gateway.handoffs import Handoffs
from core.clock import Clock
from crm_bridge.company.desk import DeskRules
from crm_bridge.models import Conversation, ConversationStatus, Owner


class EpochPassed(Exception):
    """The conversation changed hands since the caller looked."""


class Ownership:
    """Changes of owner, in the caller's transaction. All return the new epoch and raise `EpochPassed`."""

    def __init__(self, clock: Clock, handoffs: Handoffs | None = None) -> None:
        """`handoffs`: what people owe their customers; by the ordinary rules, if not given."""
        self._clock = clock
        self.handoffs = handoffs or Handoffs(clock, DeskRules())

    async def to_queue(
        self, session: AsyncSession, conversation_id: str, epoch: int, *, urgent: bool = False
    ) -> int:
        """Handoff: the bot, or an agent, leaves the conversation to whoever is free.

        Args:
            urgent: it goes before others; what is urgent already stays so.
        """
        queued = await self._pass(
            session,
            conversation_id,
            epoch,
            owner=Owner.QUEUE,
            status=ConversationStatus.WAITING,
            queued_at=self._clock.now(),
            **({"urgent": True} if urgent else {}),
        )
        await self.handoffs.queued(session, conversation_id, urgent=urgent)
        return queued

    async def take(self, session: AsyncSession, conversation_id: str, epoch: int, agent_id: int) -> int:
        """Takeover: one agent claims the conversation."""
        taken = await self._pass(
            session, conversation_id, epoch, owner=Owner.AGENT, agent_id=agent_id, queued_at=None
        )
        await self.handoffs.taken(session, conversation_id, agent_id)
        return taken

    async def hand_back(self, session: AsyncSession, conversation_id: str, epoch: int) -> int:
        """The bot goes on."""
        left = await self._pass(
            session,
            conversation_id,
            epoch,
            owner=Owner.BOT,
            status=ConversationStatus.OPEN,
            queued_at=None,
            urgent=False,
        )
        await self.handoffs.left(session, conversation_id)
        return left

    async def _pass(self, session: AsyncSession, conversation_id: str, epoch: int, **values: Any) -> int:
        changed = await session.execute(
            update(Conversation)
            .where(Conversation.id == conversation_id, Conversation.epoch == epoch)
            .values({"agent_id": None, "updated_at": self._clock.now(), "epoch": epoch + 1} | values)
            .execution_options(synchronize_session=False)
        )
        if cast("CursorResult[Any]", changed).rowcount != 1:
            raise EpochPassed(conversation_id)
        return epoch + 1
