"""One turn: a customer's message, and what the company says to it.

Three steps, each of which may be interrupted and run again. The message is put into the log; the engine is
asked, under the message's id; replies, memory, effects and the processed mark are committed together, under
the ownership that was seen at the start.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import structlog
from sqlalchemy import CursorResult, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.inbound import Text, content_of
from bot.gateway.conversations import Conversations
from bot.gateway.engine import EngineClient, EngineRefused, TurnAnswer, TurnRequest
from bot.gateway.hub import Hub
from bot.gateway.outbox import Button, Line, OutboxShelf
from bot.gateway.ownership import EpochPassed, Ownership
from bot.gateway.tables import Inbox, Press
from bot.gateway.watchdog import Watchdog
from core import logs
from core.clock import Clock
from core.db import Database
from core.jobs import Job, Park, RetryPolicy
from core.texts import Texts
from crm_bridge.identity import Identities
from crm_bridge.models import Author, Conversation, Message, Owner

log = logs.get("turn")

# An engine that was killed is back within ten seconds; a customer should not wait longer than a minute.
RETRY = RetryPolicy(attempts=14, first=timedelta(milliseconds=200), longest=timedelta(seconds=6))


@dataclass(frozen=True)
class Opened:
    """What was seen when the message was put into the log."""

    conversation_id: str
    message_id: str
    language: str
    owner: Owner
    epoch: int
    after: str | None
    memory: dict[str, Any] | None
    text: str | None
    press: dict[str, Any] | None


class Turns:
    """Handler of `turn` jobs."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        engine: EngineClient,
        hub: Hub,
        identities: Identities,
        conversations: Conversations,
        ownership: Ownership,
        outbox: OutboxShelf,
        watchdog: Watchdog,
        texts: Texts,
    ) -> None:
        self._db = db
        self._clock = clock
        self._engine = engine
        self._hub = hub
        self._identities = identities
        self._conversations = conversations
        self._ownership = ownership
        self._outbox = outbox
        self._watchdog = watchdog
        self._texts = texts

    async def run(self, job: Job) -> None:
        """Serve one inbox row."""
        inbox_id: int = job.payload["inbox_id"]
        opened = await self._open(inbox_id)
        if opened is None:
            return
        structlog.contextvars.bind_contextvars(conversation=opened.conversation_id, message=opened.message_id)
        self._hub.publish(opened.conversation_id)
        if opened.owner is not Owner.BOT:
            await self._leave_to_people(inbox_id)
            return
        self._hub.typing(opened.conversation_id, Author.ASSISTANT)
        try:
            answer = await self._engine.turn(_request(opened, self._clock), opened.memory)
        except EngineRefused as why:
            raise Park(f"the engine refused: {why}") from why
        finally:
            self._hub.typing(opened.conversation_id, None)
        await self._commit(inbox_id, opened, answer)

    async def apologise(self, job: Job) -> None:
        """The turn failed for good: tell the customer the truth and let people answer."""
        inbox_id: int = job.payload["inbox_id"]
        opened = await self._open(inbox_id)
        if opened is None:
            return
        async with self._db.write() as session:
            marked = await _processed(session, inbox_id, "apologised", self._clock)
            if not marked or opened.owner is not Owner.BOT:
                return
            epoch = await self._hand_off(session, opened.conversation_id, opened.epoch)
            await self._outbox.say(
                session,
                opened.conversation_id,
                [Line(self._texts("turn_failed", opened.language))],
                author=Author.SYSTEM,
                epoch=epoch,
                reply_to=opened.message_id,
            )

    async def _open(self, inbox_id: int) -> Opened | None:
        """Put the message into the log; None when it was served already."""
        async with self._db.write() as session:
            row = await session.get_one(Inbox, inbox_id)
            if row.processed_at is not None:
                return None
            language: str | None = row.content.get("language")
            identity = await self._identities.get_or_create(
                session, row.channel, row.account, row.sender, language
            )
            conversation = await self._conversations.current(
                session, identity.id, row.channel, row.account, language
            )
            text, press, details = await _said(session, row)
            message_id = f"m{inbox_id}"
            await self._conversations.write_down(
                session, conversation.id, message_id, text, row.received_at, details
            )
            return Opened(
                conversation_id=conversation.id,
                message_id=message_id,
                language=conversation.language,
                owner=conversation.owner,
                epoch=conversation.epoch,
                after=conversation.turn_id,
                memory=conversation.memory,
                text=None if press else text,
                press=press,
            )

    async def _leave_to_people(self, inbox_id: int) -> None:
        async with self._db.write() as session:
            await _processed(session, inbox_id, "silent", self._clock)

    async def _commit(self, inbox_id: int, opened: Opened, answer: TurnAnswer) -> None:
        try:
            async with self._db.write() as session:
                if not await _processed(session, inbox_id, "answered", self._clock):
                    return
                await self._answer(session, opened, answer)
        except EpochPassed:
            log.info("replies dropped: the conversation changed hands")
            async with self._db.write() as session:
                await _processed(session, inbox_id, "dropped", self._clock)

    async def _answer(self, session: AsyncSession, opened: Opened, answer: TurnAnswer) -> None:
        await _remember(session, opened, answer, self._clock)
        epoch = opened.epoch
        if any("handoff" in (reply.get("custom") or {}) for reply in answer.replies):
            epoch = await self._hand_off(session, opened.conversation_id, epoch)
        await self._outbox.say(
            session,
            opened.conversation_id,
            _lines(answer),
            author=Author.ASSISTANT,
            epoch=epoch,
            reply_to=opened.message_id,
        )
        await _note_understanding(session, opened.message_id, answer)

    async def _hand_off(self, session: AsyncSession, conversation_id: str, epoch: int) -> int:
        queued = await self._ownership.to_queue(session, conversation_id, epoch)
        await self._watchdog.watch(session, conversation_id, queued)
        return queued


async def _said(session: AsyncSession, row: Inbox) -> tuple[str, dict[str, Any] | None, dict[str, Any]]:
    """What stands in the log, what the engine gets for a press, and the details to keep."""
    content = content_of(row.content)
    details = {"client_id": row.event_id.rpartition(":")[2]}
    if isinstance(content, Text):
        return content.text, None, details
    press = await session.get_one(Press, content.press_id)
    meaning = {"intent": press.intent, "entities": press.entities}
    return press.title, meaning, details | {"press_id": press.id, "press": meaning}


def _request(opened: Opened, clock: Clock) -> TurnRequest:
    return TurnRequest(
        conversation_id=opened.conversation_id,
        message_id=opened.message_id,
        after=opened.after,
        language=opened.language,
        metadata={"now": clock.now().isoformat()},
        text=opened.text,
        press=opened.press,
    )


def _lines(answer: TurnAnswer) -> list[Line]:
    return [
        Line(
            reply["text"],
            [Button.of_payload(button["title"], button["payload"]) for button in reply.get("buttons") or ()],
        )
        for reply in answer.replies
        if reply.get("text")
    ]


async def _processed(session: AsyncSession, inbox_id: int, outcome: str, clock: Clock) -> bool:
    """Mark the row; False when somebody else has."""
    marked = await session.execute(
        update(Inbox)
        .where(Inbox.id == inbox_id, Inbox.processed_at.is_(None))
        .values(processed_at=clock.now(), outcome=outcome)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", marked).rowcount == 1


async def _remember(session: AsyncSession, opened: Opened, answer: TurnAnswer, clock: Clock) -> None:
    """Keep the engine's memory; only under the epoch and after the turn that were seen."""
    kept = await session.execute(
        update(Conversation)
        .where(Conversation.id == opened.conversation_id, Conversation.epoch == opened.epoch)
        .values(
            turn_id=opened.message_id,
            memory=answer.memory,
            language=answer.nlu.get("language") or opened.language,
            updated_at=clock.now(),
        )
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", kept).rowcount != 1:
        raise EpochPassed(opened.conversation_id)


async def _note_understanding(session: AsyncSession, message_id: str, answer: TurnAnswer) -> None:
    details = await session.scalar(select(Message.details).where(Message.id == message_id)) or {}
    understood = {"intent": answer.nlu.get("intent"), "ranking": answer.nlu.get("ranking")}
    await session.execute(
        update(Message)
        .where(Message.id == message_id)
        .values(details=details | {"nlu": understood, "actions": answer.actions})
        .execution_options(synchronize_session=False)
    )
