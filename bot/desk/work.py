"""What an agent does with a dialogue. Each deed names the epoch that the agent's page showed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.notes import add_note
from bot.desk.presence import seen
from bot.gateway.outbox import Line, OutboxShelf
from bot.gateway.ownership import EpochPassed, Ownership
from bot.gateway.rating import ask_for_rating
from bot.gateway.watchdog import Watchdog
from bot.web.staff.accounts import Staff
from bot.web.staff.roles import Right
from core.audit import Audit
from core.clock import Clock
from core.db import Database
from core.texts import Texts
from crm_bridge.models import Author, Conversation, ConversationStatus, Message, MessageState, Owner
from crm_bridge.operations.once import Result, once

TEXT_LIMIT = 4000  # characters of one answer


RETRIED = frozenset({MessageState.FAILED, MessageState.UNCERTAIN, MessageState.DROPPED})


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is to go on: a colleague, or whoever of a team is free."""

    staff_id: int | None = None
    team: str | None = None


class NotYours(Exception):
    """Somebody else answers in this dialogue."""


class Work:
    """Takeover, answers, putting aside, passing on, handing back."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        ownership: Ownership,
        outbox: OutboxShelf,
        watchdog: Watchdog,
        texts: Texts,
    ) -> None:
        self._db = db
        self._clock = clock
        self._ownership = ownership
        self._outbox = outbox
        self._watchdog = watchdog
        self._texts = texts
        self._audit = Audit(clock)

    async def take(self, staff: Staff, conversation_id: str, epoch: int) -> None:
        """Claim a dialogue: the bot is silent from now on, and the customer hears who answers.

        Raises:
            EpochPassed: it changed hands since the page was shown.
        """
        async with self._db.write() as session:
            mine = await self._ownership.take(session, conversation_id, epoch, staff.id)
            await seen(session, {staff.id}, self._clock.now(), self._ownership.handoffs.rules.capacity)
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
                await self._ownership.handoffs.answered(session, conversation_id, staff.id)
                await _touch(session, conversation_id, self._clock)
                return {}

            await once(session, f"{conversation_id}:desk:{client_id}", "answer", self._clock.now(), say)

    async def hand_back(self, staff: Staff, conversation_id: str, epoch: int) -> None:
        """The bot goes on, and the customer hears so.

        Raises:
            EpochPassed, NotYours
        """
        async with self._db.write() as session:
            await self._own(session, staff, conversation_id, epoch)
            now_bot = await self._ownership.hand_back(session, conversation_id, epoch)
            await self._tell(session, conversation_id, "handed_back", now_bot)
            await self._note(session, staff, "dialogue handed back", conversation_id)

    async def resolve(self, staff: Staff, conversation_id: str, epoch: int) -> None:
        """The matter is settled, and the customer is asked how it went; the bot answers what comes next.

        Raises:
            EpochPassed, NotYours
        """
        async with self._db.write() as session:
            await self._own(session, staff, conversation_id, epoch)
            await self._ownership.handoffs.resolved(session, conversation_id, staff.id)
            now_bot = await self._ownership.hand_back(session, conversation_id, epoch)
            await session.execute(
                update(Conversation)
                .where(Conversation.id == conversation_id)
                .values(status=ConversationStatus.RESOLVED)
                .execution_options(synchronize_session=False)
            )
            await self._tell(session, conversation_id, "resolved", now_bot)
            await ask_for_rating(session, self._outbox, conversation_id, now_bot, self._clock.now())
            await self._note(session, staff, "dialogue resolved", conversation_id)

    async def snooze(self, staff: Staff, conversation_id: str, epoch: int, until: datetime) -> None:
        """Put it aside until a moment; it comes back at once when the customer writes.

        Raises:
            EpochPassed, NotYours
        """
        async with self._db.write() as session:
            await self._own(session, staff, conversation_id, epoch)
            await self._ownership.handoffs.snoozed(session, conversation_id, until)
            await self._note(session, staff, "dialogue snoozed", conversation_id)

    async def transfer(
        self, staff: Staff, conversation_id: str, epoch: int, to: Recipient, note: str
    ) -> None:
        """Give it to a colleague or a team, with a word about it, and tell the customer.

        A supervisor may do so with any dialogue. A colleague is asked first, like by the routing: when they
        do not take it, somebody else is asked.

        Raises:
            EpochPassed, NotYours
        """
        async with self._db.write() as session:
            if Right.SUPERVISE not in staff.rights:
                await self._own(session, staff, conversation_id, epoch)
            queued = await self._ownership.to_queue(session, conversation_id, epoch)
            if to.team is not None:
                await self._ownership.handoffs.moved(session, conversation_id, to.team)
            if to.staff_id is not None:
                await self._ownership.handoffs.offered(session, conversation_id, to.staff_id)
            await self._watchdog.watch(session, conversation_id, queued)
            if note:
                called = {to.staff_id} if to.staff_id else set()
                await add_note(session, conversation_id, staff.id, note, called, self._clock.now())
            await self._tell(session, conversation_id, "transferred", queued)
            await self._note(session, staff, "dialogue transferred", conversation_id)

    async def retry(self, staff: Staff, conversation_id: str, epoch: int, message_id: str) -> None:
        """Say once more what did not arrive, as a new line; once, however often the button is pressed.

        Raises:
            EpochPassed, NotYours
        """
        async with self._db.write() as session:
            await self._own(session, staff, conversation_id, epoch)
            failed = await session.get(Message, message_id)
            if failed is None or failed.conversation_id != conversation_id or failed.state not in RETRIED:
                raise EpochPassed(conversation_id)

            async def say() -> Result:
                lines = [Line(failed.text)]
                await self._outbox.say(session, conversation_id, lines, author=failed.author, epoch=epoch)
                return {}

            key = f"{conversation_id}:desk:again:{message_id}"
            await once(session, key, "retry", self._clock.now(), say)
            await self._note(session, staff, "line sent again", conversation_id)

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
