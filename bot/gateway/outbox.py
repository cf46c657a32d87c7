"""What is to be said. A line is stored only under the ownership its author saw.

In the web chat the log is the channel: a line is published by getting its sequence number, and that happens
in the very transaction that stores it. For other channels a delivery job carries it on.
"""

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String, bindparam, event, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels import webchat
from bot.channels.inbound import FileKind
from bot.gateway.conversations import next_seq
from bot.gateway.hub import Hub
from bot.gateway.inbox import BUTTON_LIVES
from bot.gateway.ownership import EpochPassed
from bot.gateway.policy import Use
from bot.gateway.sending import enqueue_line
from bot.gateway.tables import Attachment, LineState, Outbox, Press
from core import logs
from core.clock import Clock
from core.jobs import JobQueue
from core.jobs.port import REPLY
from core.media.tables import Media
from crm_bridge.models import Author, Conversation, Identity, Message, MessageState

log = logs.get("outbox")

LOG_CHANNELS = frozenset({webchat.CHANNEL})
_PAYLOAD = re.compile(r"/(?P<intent>\w+)(?P<entities>\{.*\})?", re.DOTALL)


@dataclass(frozen=True)
class Button:
    """A quick reply: what it shows and what it means."""

    title: str
    intent: str
    entities: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_payload(cls, title: str, payload: str) -> "Button":
        """Read Rasa's `/intent{"entity": "value"}`; payloads come from our own files only."""
        found = _PAYLOAD.fullmatch(payload.strip())
        if not found:
            raise ValueError(f"not a button payload: {payload!r}")
        return cls(title, found["intent"], json.loads(found["entities"] or "{}"))


@dataclass(frozen=True)
class GivenFile:
    """A file of ours that is in the media store."""

    sha256: str
    name: str


@dataclass(frozen=True)
class Line:
    """One message to the customer."""

    text: str
    buttons: Sequence[Button] = ()
    files: Sequence[GivenFile] = ()


@dataclass(frozen=True)
class ShownFile:
    """A file of a message, as its details keep it: the same shape as for files of customers."""

    id: str  # of the attachment: part of its address
    name: str
    type: str
    size: int
    kind: FileKind
    file: str  # SHA-256


@dataclass(frozen=True)
class _Held:
    """A conversation as its line finds it."""

    epoch: int
    place: Identity


class OutboxShelf:
    """Puts lines on their way."""

    def __init__(self, clock: Clock, queue: JobQueue, hub: Hub) -> None:
        self._clock = clock
        self._queue = queue
        self._hub = hub

    async def say(
        self,
        session: AsyncSession,
        conversation_id: str,
        lines: Sequence[Line],
        *,
        author: Author,
        epoch: int,
        reply_to: str | None = None,
        priority: int = REPLY,
        use: Use = Use.REPLY,
        to: int | None = None,
        expires_at: datetime | None = None,
    ) -> None:
        """Store lines in the caller's transaction.

        A reply goes where its question came from, any other line where the customer wrote last.

        Args:
            reply_to: id of the customer's message that is answered.
            use: what for; decides which channels may carry it.
            to: the identity to write to, if it must be this one.
            expires_at: what is not out by then is not said at all.

        Raises:
            EpochPassed: the conversation is not in the epoch that the author saw.
        """
        held = await self._held(session, conversation_id, to, reply_to)
        if held.epoch != epoch:
            raise EpochPassed(conversation_id)
        now = self._clock.now()
        shown = held.place.channel in LOG_CHANNELS
        for number, line in enumerate(lines):
            row = Outbox(
                message_id=f"{reply_to}.{number}" if reply_to else f"o{secrets.token_hex(10)}",
                conversation_id=conversation_id,
                epoch=epoch,
                state=LineState.SENT if shown else LineState.READY,
                channel=held.place.channel,
                account=held.place.account,
                identity_id=held.place.id,
                purpose=use,
                priority=priority,
                expires_at=expires_at,
                created_at=now,
                done_at=now if shown else None,
            )
            await self._put(session, row, line, author, reply_to)
            if not shown:
                await enqueue_line(self._queue, session, row)
        event.listen(
            session.sync_session, "after_commit", lambda _: self._hub.publish(conversation_id), once=True
        )

    async def _held(
        self, session: AsyncSession, conversation_id: str, to: int | None, reply_to: str | None
    ) -> _Held:
        """The conversation's epoch, held until the end of the transaction, and the account to write to."""
        asked = {"conversation": conversation_id, "reply_to": reply_to if to is None else None, "to": to}
        found = await session.execute(_HELD, asked)
        return _Held(*found.one())

    async def _put(
        self, session: AsyncSession, row: Outbox, line: Line, author: Author, reply_to: str | None
    ) -> None:
        """Store one line; where the log is the channel, it gets its place in the conversation at once."""
        presses = [self._press(row.conversation_id, row.message_id, button) for button in line.buttons]
        files = [shown for file in line.files if (shown := await self._file(session, row, file))]
        said = row.done_at is not None
        session.add(
            Message(
                id=row.message_id,
                conversation_id=row.conversation_id,
                identity_id=row.identity_id,
                seq=await next_seq(session, row.conversation_id) if said else None,
                author=author,
                text=line.text,
                buttons=[{"id": press.id, "title": press.title} for press in presses],
                details={"files": [asdict(file) for file in files]} if files else None,
                state=MessageState.SENT if said else MessageState.PENDING,
                reply_to=reply_to,
                created_at=row.created_at,
                sent_at=row.done_at,
            )
        )
        await session.flush()
        session.add_all(presses)
        session.add_all(self._attachment(row, file) for file in files)
        session.add(row)
        await session.flush()

    async def _file(self, session: AsyncSession, row: Outbox, file: GivenFile) -> ShownFile | None:
        media = await session.get(Media, file.sha256)
        if media is None:
            log.error("a file to be sent is not in the media store", message=row.message_id)
            return None
        kind = FileKind.PHOTO if media.type.startswith("image/") else FileKind.DOCUMENT
        return ShownFile(secrets.token_urlsafe(16), file.name, media.type, media.size, kind, media.sha256)

    def _attachment(self, row: Outbox, file: ShownFile) -> Attachment:
        return Attachment(
            id=file.id,
            message_id=row.message_id,
            sha256=file.file,
            kind=file.kind,
            name=file.name,
            created_at=row.created_at,
        )

    def _press(self, conversation_id: str, message_id: str, button: Button) -> Press:
        return Press(
            id=secrets.token_urlsafe(16),
            conversation_id=conversation_id,
            message_id=message_id,
            title=button.title,
            intent=button.intent,
            entities=button.entities,
            expires_at=self._clock.now() + BUTTON_LIVES,
        )


_HELD = (
    select(Conversation.epoch, Identity)
    .join(
        Identity,
        Identity.id
        == func.coalesce(
            bindparam("to", type_=BigInteger()),
            select(Message.identity_id)
            .where(Message.id == bindparam("reply_to", type_=String()))
            .scalar_subquery(),
            Conversation.identity_id,
        ),
    )
    .where(Conversation.id == bindparam("conversation", type_=String()))
    .with_for_update(of=Conversation)
)
