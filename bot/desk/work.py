"""What an agent does with a dialogue. Each deed names the epoch that the agent's page showed."""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.gateway.outbox import Line, OutboxShelf
from bot.gateway.ownership import EpochPassed, Ownership
from bot.web.staff.accounts import Staff
from core.audit import Audit
from core.clock import Clock
from core.db import Database
from core.texts import Texts
from crm_bridge.models import Author, Conversation, ConversationStatus, Owner
from crm_bridge.operations.once import Result, once

TEXT_LIMIT = 4000  # characters of one answer


class NotYours(Exception):
    """Somebody else answers in this dialogue."""


class Work:
    """Takeover, answers, handing back."""

    def __init__(
        self, db: Database, clock: Clock, ownership: Ownership, outbox: OutboxShelf, texts: Texts
    ) -> None:
        self._db = db
        self._clock = clock
        self._ownership = ownership
        self._outbox = outbox
        self._texts = texts
        self._audit = Audit(clock)

    async def take(self, staff: Staff, conversation_id: str, epoch: int) -> None:
        """Claim a dialogue: the bot is silent from now on, and the customer hears who answers.

        Raises:
            EpochPassed: it changed hands since the page was shown.
        """
        async with self._db.write() as session:
            mine = await self._ownership.take(session, conversation_id, epoch, staff.id)
            await self._tell(session, conversation_id, "taken", mine, name=staff.name)
            await self._note(session, staff, "dialogue taken", conversation_id)

    async def answer(self, staff: Staff, conversation_id: str, epoch: int, text: str, client_id: str) -> None:
        """Say something to the customer; the same `client_id` again says nothing twice.

        Raises:
            EpochPassed, NotYours
        """
        async with self._db.write() as session:
            await self._own(session, staff, conversation_id, epoch)

            async def say() -> Result:
                lines = [Line(text[:TEXT_LIMIT])]
                await self._outbox.say(session, conversation_id, lines, author=Author.AGENT, epoch=epoch)
                await _touch(session, conversation_id, self._clock)
                return {}

            await once(session, f"desk:{conversation_id}:{client_id}", "answer", self._clock.now(), say)

    async def hand_back(self, staff: Staff, conversation_id: str, epoch: int) -> None:
        """The bot goes on, and the customer hears so.

        Raises:
            EpochPassed, NotYours
        """
        await self._leave(staff, conversation_id, epoch, "handed_back", "dialogue handed back")

    async def resolve(self, staff: Staff, conversation_id: str, epoch: int) -> None:
        """The matter is settled; whatever the customer writes next, the bot answers first.

        Raises:
            EpochPassed, NotYours
        """
        async with self._db.write() as session:
            now_bot = await self._left(session, staff, conversation_id, epoch)
            await session.execute(
                update(Conversation)
                .where(Conversation.id == conversation_id)
                .values(status=ConversationStatus.RESOLVED)
                .execution_options(synchronize_session=False)
            )
            await self._tell(session, conversation_id, "resolved", now_bot)
            await self._note(session, staff, "dialogue resolved", conversation_id)

    async def _leave(self, staff: Staff, conversation_id: str, epoch: int, words: str, action: str) -> None:
        async with self._db.write() as session:
            now_bot = await self._left(session, staff, conversation_id, epoch)
            await self._tell(session, conversation_id, words, now_bot)
            await self._note(session, staff, action, conversation_id)

    async def _left(self, session: AsyncSession, staff: Staff, conversation_id: str, epoch: int) -> int:
        await self._own(session, staff, conversation_id, epoch)
        return await self._ownership.hand_back(session, conversation_id, epoch)

    async def _own(self, session: AsyncSession, staff: Staff, conversation_id: str, epoch: int) -> None:
        conversation = await session.get_one(Conversation, conversation_id, with_for_update=True)
        if conversation.epoch != epoch:
            raise EpochPassed(conversation_id)
        if conversation.owner is not Owner.AGENT or conversation.agent_id != staff.id:
            raise NotYours(conversation_id)

    async def _tell(
        self, session: AsyncSession, conversation_id: str, words: str, epoch: int, **values: str
    ) -> None:
        conversation = await session.get_one(Conversation, conversation_id)
        line = Line(self._texts(f"customer.{words}", conversation.language, **values))
        await self._outbox.say(session, conversation_id, [line], author=Author.SYSTEM, epoch=epoch)

    async def _note(self, session: AsyncSession, staff: Staff, action: str, conversation_id: str) -> None:
        await self._audit.record(session, staff.actor, action, f"conversation:{conversation_id}")


async def _touch(session: AsyncSession, conversation_id: str, clock: Clock) -> None:
    await session.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id)
        .values(updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )
