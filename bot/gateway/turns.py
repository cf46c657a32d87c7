"""One turn: a customer's message, and what the company says to it.

Three steps, each of which may be interrupted and run again. The message is put into the log; the engine is
asked, under the message's id; replies, memory, effects and the processed mark are committed together, under
the ownership that was seen at the start.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

import structlog
from sqlalchemy import BigInteger, CursorResult, String, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.channels.inbound import Files, content_of
from bot.gateway.conversations import Conversations
from bot.gateway.engine import EngineClient, EngineRefused, TurnAnswer, TurnRequest
from bot.gateway.files import FileKeeper, on_their_way, told_of_files
from bot.gateway.hearing import Heard, Hearing
from bot.gateway.hub import Hub
from bot.gateway.noting import kept_with
from bot.gateway.outbox import Button, GivenFile, Line, OutboxShelf
from bot.gateway.ownership import EpochPassed, Ownership
from bot.gateway.tables import Inbox
from bot.gateway.watchdog import Watchdog
from core import logs
from core.clock import Clock
from core.db import Database, UtcDateTime
from core.jobs import Job, Park, RetryAfter, RetryPolicy
from core.texts import Texts
from crm_bridge.identity import Identities
from crm_bridge.models import Author, Conversation, ConversationStatus, Message, Owner

log = logs.get("turn")

# A file is fetched by a job of its own; what the customer sent it for is answered when it is here, or was
# waited for long enough.
FILES_PATIENCE, FILES_LOOKED_FOR = timedelta(seconds=10), timedelta(milliseconds=100)

OTHER_TURN_LOOKED_FOR = timedelta(milliseconds=50)

# An engine that was killed is back within ten seconds; a customer should not wait longer than a minute.
RETRY = RetryPolicy(attempts=14, first=timedelta(milliseconds=200), longest=timedelta(seconds=6))


@dataclass(frozen=True)
class Opened:
    """What was seen when the message was put into the log."""

    conversation_id: str
    identity_id: int
    message_id: str
    channel: str
    language: str
    owner: Owner
    epoch: int
    after: str | None
    memory: dict[str, Any] | None
    heard: Heard
    received_at: datetime
    must_wait: bool = False  # a turn of another account of this customer is not committed yet

    @property
    def asks(self) -> bool:
        """Whether the engine is to answer."""
        return self.heard.for_engine and self.owner is Owner.BOT


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
        hearing: Hearing,
        files: FileKeeper,
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
        self._hearing = hearing
        self._files = files
        self._texts = texts

    async def run(self, job: Job) -> None:
        """Serve one inbox row."""
        inbox_id: int = job.payload["inbox_id"]
        opened = await self._open(inbox_id)
        if opened is None:
            return
        structlog.contextvars.bind_contextvars(conversation=opened.conversation_id, message=opened.message_id)
        self._hub.publish(opened.conversation_id)
        if not opened.asks:
            return
        if opened.must_wait:  # else both would follow the same turn, and the engine forget one of them
            raise RetryAfter(OTHER_TURN_LOOKED_FOR, keep_place=True)
        if on_their_way(opened.heard.details) and self._clock.now() - opened.received_at < FILES_PATIENCE:
            raise RetryAfter(FILES_LOOKED_FOR, keep_place=True)
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
        if opened is None or not opened.asks:
            return
        async with self._db.write() as session:
            if not await _processed(session, inbox_id, "apologised", self._clock):
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
        """Put the message into the log; None when it was served already.

        What needs no engine is served in the same transaction.
        """
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
            message_id = f"m{inbox_id}"
            begun = await session.get(Message, message_id)
            if begun is not None:
                heard = _again(begun)
            else:
                content = content_of(row.content)
                heard = await self._hearing.hear(session, row, content, identity, conversation)
                await self._write_down(session, row, conversation.id, identity.id, message_id, heard)
                if isinstance(content, Files):
                    kept = await self._files.order(session, message_id, row.channel, row.account)
                    heard = replace(heard, details=heard.details | {"files": kept}) if kept else heard
                await self._tell_people(session, conversation, heard)
            opened = Opened(
                conversation_id=conversation.id,
                identity_id=identity.id,
                message_id=message_id,
                channel=row.channel,
                language=conversation.language,
                owner=conversation.owner,
                epoch=conversation.epoch,
                after=conversation.turn_id,
                memory=conversation.memory,
                heard=heard,
                received_at=row.received_at,
            )
            if not opened.asks:
                await self._serve_here(session, inbox_id, opened)
            elif identity.customer_id is not None:  # only then may another account be in the conversation
                return replace(opened, must_wait=await _another_before(session, opened))
            return opened

    async def _write_down(
        self,
        session: AsyncSession,
        row: Inbox,
        conversation_id: str,
        identity_id: int,
        message_id: str,
        heard: Heard,
    ) -> None:
        if not heard.text:
            return
        details = kept_with(row.event_id, row.content) | heard.details
        await self._conversations.write_down(
            session, conversation_id, message_id, heard.text, row.received_at, details, identity_id
        )

    async def _tell_people(self, session: AsyncSession, conversation: Conversation, heard: Heard) -> None:
        """Who wrote to people is owed an answer; a settled matter that comes back is open again."""
        if conversation.status is ConversationStatus.RESOLVED:
            conversation.status = ConversationStatus.OPEN
        if heard.text and conversation.owner is not Owner.BOT:
            conversation.updated_at = self._clock.now()
            await session.flush()
            await self._ownership.handoffs.customer_wrote(session, conversation.id)

    async def _serve_here(self, session: AsyncSession, inbox_id: int, opened: Opened) -> None:
        """No engine: people read it, or it has an answer of ours, or it is only noted."""
        heard, epoch = opened.heard, opened.epoch
        answered = opened.owner is Owner.BOT and bool(heard.say)
        await _processed(session, inbox_id, "answered" if answered else "silent", self._clock)
        if not answered:
            return
        if heard.to_people:
            epoch = await self._hand_off(session, opened.conversation_id, epoch)
        await self._outbox.say(
            session,
            opened.conversation_id,
            [Line(self._texts(heard.say, opened.language, **heard.values))],
            author=Author.ASSISTANT,
            epoch=epoch,
            reply_to=opened.message_id if heard.text else None,
            to=None if heard.text else opened.identity_id,
        )

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
        await _note_understanding(session, opened.message_id, answer)  # the desk reads the matter from it
        epoch = opened.epoch
        if handoffs := _handoffs(answer):
            urgent = any(each.get("urgent") for each in handoffs)
            epoch = await self._hand_off(session, opened.conversation_id, epoch, urgent=urgent)
        await self._outbox.say(
            session,
            opened.conversation_id,
            _lines(answer),
            author=Author.ASSISTANT,
            epoch=epoch,
            reply_to=opened.message_id,
        )

    async def _hand_off(
        self, session: AsyncSession, conversation_id: str, epoch: int, *, urgent: bool = False
    ) -> int:
        queued = await self._ownership.to_queue(session, conversation_id, epoch, urgent=urgent)
        await self._watchdog.watch(session, conversation_id, queued)
        return queued


def _again(begun: Message) -> Heard:
    """A message that is in the log and was not served is one for the engine: the rest is served at once."""
    details = begun.details or {}
    return Heard(begun.text, details.get("press"), details, for_engine=True)


def _request(opened: Opened, clock: Clock) -> TurnRequest:
    return TurnRequest(
        conversation_id=opened.conversation_id,
        message_id=opened.message_id,
        after=opened.after,
        language=opened.language,
        metadata={
            "now": clock.now().isoformat(),
            "channel": opened.channel,
            **told_of_files(opened.heard.details),
        },
        text=None if opened.heard.press else opened.heard.text,
        press=opened.heard.press,
    )


def _handoffs(answer: TurnAnswer) -> list[dict[str, Any]]:
    """What actions say of giving the conversation to people: `{"handoff": {"reason", "urgent"?}}`."""
    effects = [reply.get("custom") or {} for reply in answer.replies]
    return [each["handoff"] for each in effects if "handoff" in each]


def _lines(answer: TurnAnswer) -> list[Line]:
    """The replies as lines; a button that several of them have stands under the last one only."""
    lines: list[Line] = []
    shown: set[str] = set()
    for reply in reversed([one for one in answer.replies if one.get("text")]):
        buttons = []
        for button in reply.get("buttons") or ():
            if button["payload"] not in shown:
                shown.add(button["payload"])
                buttons.append(Button.of_payload(button["title"], button["payload"]))
        lines.append(Line(reply["text"], buttons, _files(reply.get("custom") or {})))
    return lines[::-1]


def _files(custom: dict[str, Any]) -> list[GivenFile]:
    """The file that an action sends along: `{"attachment": {"key", "name", "type"}}`."""
    given = custom.get("attachment")
    return [GivenFile(given["key"], given["name"])] if given else []


async def _processed(session: AsyncSession, inbox_id: int, outcome: str, clock: Clock) -> bool:
    """Mark the row; False when somebody else has."""
    values = {"inbox": inbox_id, "at": clock.now(), "became": outcome}
    marked = await session.execute(_PROCESSED, values)
    return cast("CursorResult[Any]", marked).rowcount == 1


async def _another_before(session: AsyncSession, opened: Opened) -> bool:
    """Whether what the customer wrote earlier, from another account, is not answered yet.

    Messages of one account are served one after another anyway: their jobs are of one partition.
    """
    asked = {"of": opened.conversation_id, "account": opened.identity_id, "mine": opened.message_id}
    earlier = (await session.scalars(_FROM_OTHERS, asked)).all()
    numbers = [int(id_[1:]) for id_ in earlier if id_[1:].isdecimal()]
    if not numbers:
        return False
    unserved = select(Inbox.id).where(Inbox.id.in_(numbers), Inbox.processed_at.is_(None)).limit(1)
    return await session.scalar(unserved) is not None


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
    kept = select(Message.details).where(Message.id == message_id).with_for_update()
    details = await session.scalar(kept) or {}
    understood = {key: answer.nlu.get(key) for key in ("intent", "ranking", "language")}
    if (sounds := answer.nlu.get("sentiment")) is not None:  # -1 angry to 1 delighted
        understood["sentiment"] = sounds
    people = [one["value"] for one in answer.nlu.get("entities") or () if one.get("entity") == "person"]
    understood |= {"people": people} if people else {}  # the training inbox leaves names out
    noted = {"nlu": understood, "actions": answer.actions}
    if answer.model:  # which model it was, and how it did: the studio's guard compares models by this
        noted["model"] = answer.model | {"handoff": bool(_handoffs(answer))}
    await session.execute(
        update(Message)
        .where(Message.id == message_id)
        .values(details=details | noted)
        .execution_options(synchronize_session=False)
    )


_MINE = aliased(Message)
_OWN_PLACE = select(_MINE.seq).where(_MINE.id == bindparam("mine", type_=String()))
_FROM_OTHERS = (
    select(Message.id)
    .where(
        Message.conversation_id == bindparam("of", type_=String()),
        Message.author == Author.CUSTOMER,
        Message.identity_id != bindparam("account", type_=BigInteger()),
        Message.seq < _OWN_PLACE.scalar_subquery(),
    )
    .order_by(Message.created_at.desc())
    .limit(3)
)
_PROCESSED = (
    update(Inbox)
    .where(Inbox.id == bindparam("inbox"), Inbox.processed_at.is_(None))
    .values(processed_at=bindparam("at", type_=UtcDateTime()), outcome=bindparam("became"))
    .execution_options(synchronize_session=False)
)
