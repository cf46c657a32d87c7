"""The outbox as delivery reads and writes it: many lines in one transaction.

A line is looked at twice. Before it goes out: does its epoch still hold, is it not too old, may this channel
carry it, is the chat ready? And after: what became of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, Table, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.channels.inbound import FileKind, Origin
from bot.channels.port import Channel, OutgoingButton, Template
from bot.gateway.pacing import ChatPace
from bot.gateway.policy import ChannelPolicy, Use
from bot.gateway.tables import Attachment, LineState, Outbox, Sending
from core.batching import Batch
from core.clock import Clock
from core.db import Database, on_sqlite
from core.jobs import ClaimableQueue, Job, JobQueue
from core.jobs.port import PROACTIVE
from core.many import InsertMany, UpdateMany, one_of
from crm_bridge.consent import may_send
from crm_bridge.models import Author, Conversation, Identity, Message, MessageState, Purpose

REPEATS = 2  # how often a line is said again in doubt, before people are asked to look
EXPIRED, FORBIDDEN, UNREACHABLE = "expired", "forbidden", "unreachable"  # failures, besides `port.Reason`


def kind_of(channel: str, account: str) -> str:
    """The kind of the jobs that deliver through an account: each account has workers of its own."""
    return f"deliver:{channel}:{account}"


async def enqueue_line(queue: JobQueue, session: AsyncSession, row: Outbox) -> None:
    """See to it that a line goes out, if the caller's transaction is committed. One chat, one order."""
    await queue.enqueue(
        kind_of(row.channel, row.account),
        {"outbox_id": row.id},
        partition_key=f"out:{row.conversation_id}",
        priority=row.priority,
        conn=session,
    )


@dataclass(frozen=True)
class HeldFile:
    """A file in the media store."""

    sha256: str
    kind: FileKind
    name: str


@dataclass(frozen=True)
class Line:
    """A line that may go out now, and everything that sending it needs."""

    outbox_id: int
    message_id: str
    conversation_id: str
    identity_id: int
    customer_id: int | None
    address: str
    text: str
    buttons: tuple[OutgoingButton, ...]
    files: tuple[HeldFile, ...]
    language: str
    reply_to: Origin | None
    last_inbound: datetime | None
    template: Template | None
    use: Use
    unasked: bool  # we begin: never said twice
    part: int
    repeats: int
    doubtful: bool  # an earlier attempt may have arrived
    opened_at: datetime | None = None  # when it was marked as going out
    chat_free_at: datetime | None = None  # as `ChatPace` keeps it, if it went out at that moment


class Closed(StrEnum):
    """Why nothing is to be sent."""

    DONE = "done"  # there is nothing to do here
    DROPPED = "dropped"  # the conversation changed hands
    FAILED = "failed"  # for good; `why` says what from
    UNCERTAIN = "uncertain"  # it may have arrived, and must not be said twice
    WAIT = "wait"  # the chat is not ready before `until`
    ELSEWHERE = "elsewhere"  # this way is closed


@dataclass(frozen=True)
class Halt:
    """A line that does not go out now."""

    closed: Closed
    line: Line | None = None
    why: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a line, as it is written down."""

    line: Line
    state: LineState
    ref: str | None = None  # the provider's id of the part that went out
    part: int = 0  # the next one
    repeats: int = 0
    failure: str | None = None
    chat_silent_until: datetime | None = None
    job: Job | None = None  # finished along with it


class Ledger:
    """Opens and closes lines of one channel account."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        channel: Channel,
        policy: ChannelPolicy,
        queue: ClaimableQueue,
        requests: Callable[[], int],
        *,
        batch: int = 200,
    ) -> None:
        """`requests` tells how many are under way: their answers may be written down together."""
        self._db = db
        self._queue = queue
        self._clock = clock
        self._channel = channel
        self._can = channel.capabilities
        self._policy = policy
        self._chat = ChatPace.of(self._can.chat_rate) if self._can.chat_rate else None
        self._opened: Batch[int, Line | Halt] = Batch(self._open, batch)
        self._closed: Batch[Outcome, None] = Batch(self._close, batch, requests)

    async def open(self, outbox_id: int) -> Line | Halt:
        """Look at a line at the moment of sending. A `Line` is marked as going out; send it now."""
        return await self._opened.do(outbox_id)

    async def close(self, outcome: Outcome) -> None:
        """Write down what became of it."""
        await self._closed.do(outcome)

    async def _open(self, ids: Sequence[int]) -> Sequence[Line | Halt]:
        now = self._clock.now()
        async with self._db.write() as session:
            found = await session.execute(_FOUND[self._db.is_sqlite], {"ids": list(ids)})
            rows = {row.Outbox.id: row for row in found}
            files = await _files(session, [row.Outbox.message_id for row in rows.values()])
            answers: list[Line | Halt] = []
            writes = _Writes()
            for id_ in ids:
                row = rows.get(id_)
                if row is None:
                    answers.append(Halt(Closed.DONE))
                    continue
                line = _line(row, files.get(row.Outbox.message_id, ()))
                halt = self._halt(row, line, now) or await self._refused(session, line, now)
                answers.append(halt or self._go(row, line, now, writes))
                if halt and halt.closed in _FINAL:
                    writes.end(row, halt, now)
            await writes.run(session)
        return answers

    def _halt(self, row: Any, line: Line, now: datetime) -> Halt | None:
        """Why this line does not go out now; None when nothing speaks against it."""
        outbox: Outbox = row.Outbox
        if outbox.state not in (LineState.READY, LineState.SENDING):
            return Halt(Closed.DONE, line)
        if (outbox.channel, outbox.account) != (self._channel.name, self._channel.account):
            return Halt(Closed.DONE, line)  # it goes another way since
        under_way = outbox.state == LineState.SENDING
        if outbox.epoch != row.epoch and row.author is not Author.AGENT:
            return Halt(Closed.UNCERTAIN if under_way else Closed.DROPPED, line)
        in_doubt = under_way and not self._can.idempotent
        if in_doubt and (line.unasked or outbox.repeats >= REPEATS):
            return Halt(Closed.UNCERTAIN, line)
        if outbox.expires_at is not None and outbox.expires_at <= now:
            return Halt(Closed.UNCERTAIN if line.doubtful else Closed.FAILED, line, why=EXPIRED)
        if why := self._shut(row, line, now):
            return Halt(Closed.UNCERTAIN if line.doubtful else Closed.ELSEWHERE, line, why=why)
        if row.free_at and row.free_at > now and self._chat is None:  # the provider said so
            return Halt(Closed.WAIT, line, until=row.free_at)
        if self._chat and row.free_at and (ready := self._chat.ready_at(row.free_at)) > now:
            return Halt(Closed.WAIT, line, until=ready)
        return None

    def _shut(self, row: Any, line: Line, now: datetime) -> str:
        if not self._policy.allows(self._channel.name, line.use):
            return FORBIDDEN
        if row.dead_at is not None:
            return str(row.dead_why or UNREACHABLE)
        if self._can.window and not line.template:
            silent = line.last_inbound is None or now - line.last_inbound > self._can.window
            return "too_old" if silent else ""
        return ""

    async def _refused(self, session: AsyncSession, line: Line, now: datetime) -> Halt | None:
        """The customer's will, once more, at the last moment: only what we begin needs it."""
        if line.use is Use.REPLY or line.customer_id is None:
            return None
        purpose = Purpose.MARKETING if line.use is Use.MARKETING else Purpose.SERVICE
        may = await may_send(session, line.customer_id, purpose, self._channel.name, now)
        return None if may.allowed else Halt(Closed.FAILED, line, why=FORBIDDEN)

    def _go(self, row: Any, line: Line, now: datetime, writes: "_Writes") -> Line:
        repeats = line.repeats
        again = row.Outbox.state == LineState.SENDING and not self._can.idempotent
        if again:  # the process died while it was under way
            repeats += 1
        part = 0 if again else line.part
        free_at = self._chat.after(row.free_at, now) if self._chat else None
        writes.start(row, part, repeats, free_at, now)
        return replace(line, part=part, repeats=repeats, opened_at=now, chat_free_at=free_at)

    async def _close(self, outcomes: Sequence[Outcome]) -> Sequence[None]:
        now = self._clock.now()
        writes = _Writes()
        for outcome in outcomes:
            writes.outcome(outcome, self._channel, now, self._chat)
        finished = [outcome.job for outcome in outcomes if outcome.job]
        async with self._db.write() as session:
            await writes.run(session)
            if finished:
                await self._queue.finish_with(session, finished)
        return [None] * len(outcomes)


@dataclass
class _Writes:
    """What a batch changes, a statement a table."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    places: list[dict[str, Any]] = field(default_factory=list)  # of messages in their conversations
    sequences: dict[str, int] = field(default_factory=dict)  # last_seq by conversation
    chats: dict[int, datetime] = field(default_factory=dict)  # free_at by identity
    sendings: list[dict[str, Any]] = field(default_factory=list)

    def start(self, row: Any, part: int, repeats: int, free_at: datetime | None, now: datetime) -> None:
        outbox: Outbox = row.Outbox
        self._line(outbox.id, LineState.SENDING, part, repeats, None, None)
        if free_at:
            self.chats[outbox.identity_id] = free_at
        if row.seq is None:  # its place in the conversation: from now on the customer may see it
            seq = self.sequences.get(outbox.conversation_id, row.last_seq) + 1
            self.sequences[outbox.conversation_id] = seq
            self.places.append({"id": outbox.message_id, "seq": seq, "sent_at": now})

    def end(self, row: Any, halt: Halt, now: datetime) -> None:
        """It does not go out at all."""
        outbox: Outbox = row.Outbox
        state = LineState(halt.closed)
        self._line(outbox.id, state, outbox.part, outbox.repeats, halt.why or None, now)
        self.messages.append({"id": outbox.message_id, "state": MessageState(state)})

    def outcome(self, outcome: Outcome, channel: Channel, now: datetime, chat: ChatPace | None) -> None:
        line, state = outcome.line, outcome.state
        done = None if state in (LineState.READY, LineState.SENDING) else now
        self._line(line.outbox_id, state, outcome.part, outcome.repeats, outcome.failure, done)
        if done:
            self.messages.append({"id": line.message_id, "state": MessageState(state)})
        if until := outcome.chat_silent_until:
            kept = chat.silent_until(until) if chat else until
            self.chats[line.identity_id] = kept
        elif line.chat_free_at and line.opened_at:
            # It reached the provider somewhere between then and now; to be sure, now.
            self.chats[line.identity_id] = line.chat_free_at + (now - line.opened_at)
        if outcome.ref is not None:
            self.sendings.append(
                {
                    "outbox_id": line.outbox_id,
                    "part": line.part,
                    "channel": channel.name,
                    "account": channel.account,
                    "ref": outcome.ref,
                    "state": LineState.SENT,
                    "sent_at": now,
                }
            )

    def _line(
        self, id_: int, state: LineState, part: int, repeats: int, why: str | None, done: datetime | None
    ) -> None:
        values = {"state": state, "part": part, "repeats": repeats, "failure": why, "done_at": done}
        self.lines.append({"id": id_} | values)

    async def run(self, session: AsyncSession) -> None:
        await _LINES.run(session, self.lines)
        await _MESSAGES.run(session, self.messages)
        await _PLACES.run(session, self.places)
        sequences = [{"id": id_, "last_seq": seq} for id_, seq in self.sequences.items()]
        await _SEQUENCES.run(session, sequences)
        chats = [{"id": id_, "free_at": free_at} for id_, free_at in self.chats.items()]
        await _CHATS.run(session, chats)
        await _SENDINGS.run(session, self.sendings)


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table


_OUTBOX, _MESSAGE, _SENDING = _table(Outbox), _table(Message), _table(Sending)
_CONVERSATION, _IDENTITY = _table(Conversation), _table(Identity)
_FINAL = frozenset({Closed.DROPPED, Closed.FAILED, Closed.UNCERTAIN})
_LINES = UpdateMany(
    _OUTBOX.c.id,
    [_OUTBOX.c[name] for name in ("state", "part", "repeats", "failure", "done_at")],
    # What a receipt said meanwhile stands. An IN could not be executed for many rows at once.
    or_(_OUTBOX.c.state == LineState.READY, _OUTBOX.c.state == LineState.SENDING),
)
_MESSAGES = UpdateMany(_MESSAGE.c.id, [_MESSAGE.c.state], _MESSAGE.c.state == MessageState.PENDING)
_PLACES = UpdateMany(_MESSAGE.c.id, [_MESSAGE.c.seq, _MESSAGE.c.sent_at])
_SEQUENCES = UpdateMany(_CONVERSATION.c.id, [_CONVERSATION.c.last_seq])
_CHATS = UpdateMany(_IDENTITY.c.id, [_IDENTITY.c.free_at])
_SENDINGS = InsertMany(
    [_SENDING.c[name] for name in ("outbox_id", "part", "channel", "account", "ref", "state", "sent_at")]
)


def _found(*, sqlite: bool) -> Select[Any]:
    """Everything about lines, the rows of their conversations held until the end of the transaction."""
    asked, last = aliased(Message), aliased(Message)
    newest = (
        select(last.id)
        .where(
            last.conversation_id == Outbox.conversation_id,
            last.identity_id == Outbox.identity_id,
            last.author == Author.CUSTOMER,
        )
        .order_by(last.created_at.desc(), last.id.desc())
        .limit(1)
        .correlate(Outbox)
        .scalar_subquery()
    )
    heard = aliased(Message)
    return (
        select(
            Outbox,
            Message.text,
            Message.buttons,
            Message.author,
            Message.seq,
            Message.details,
            Conversation.epoch,
            Conversation.last_seq,
            Conversation.language,
            Identity.external_id,
            Identity.customer_id,
            Identity.dead_at,
            Identity.dead_why,
            Identity.free_at,
            asked.details.label("asked"),
            heard.details.label("heard"),
            heard.created_at.label("last_inbound"),
        )
        .join(Message, Message.id == Outbox.message_id)
        .join(Conversation, Conversation.id == Outbox.conversation_id)
        .join(Identity, Identity.id == Outbox.identity_id)
        .outerjoin(asked, asked.id == Message.reply_to)
        .outerjoin(heard, heard.id == newest)
        .where(one_of(_OUTBOX.c.id, "ids", sqlite=sqlite))
        .order_by(Conversation.id)  # everybody takes hold of them in the same order
        .with_for_update(of=Conversation)
    )


_FOUND = {sqlite: _found(sqlite=sqlite) for sqlite in (True, False)}


async def line_of(session: AsyncSession, row: Outbox) -> Line:
    """A line as it would be sent."""
    found = (await session.execute(_FOUND[on_sqlite(session)], {"ids": [row.id]})).one()
    files = await _files(session, [row.message_id])
    return _line(found, files.get(row.message_id, ()))


async def _files(session: AsyncSession, messages: list[str]) -> dict[str, tuple[HeldFile, ...]]:
    query = _FILES[on_sqlite(session)]
    found: dict[str, tuple[HeldFile, ...]] = {}
    for message_id, sha256, kind, name in await session.execute(query, {"messages": messages}):
        found[message_id] = (*found.get(message_id, ()), HeldFile(sha256, FileKind(kind), name))
    return found


_FILES = {
    sqlite: select(Attachment.message_id, Attachment.sha256, Attachment.kind, Attachment.name)
    .where(one_of(_table(Attachment).c.message_id, "messages", sqlite=sqlite))
    .order_by(Attachment.created_at, Attachment.id)
    for sqlite in (True, False)
}


def _line(row: Any, files: tuple[HeldFile, ...]) -> Line:
    outbox: Outbox = row.Outbox
    details = row.details or {}
    template = details.get("template")
    origin = (row.asked or {}).get("origin") or (row.heard or {}).get("origin")
    return Line(
        outbox_id=outbox.id,
        message_id=outbox.message_id,
        conversation_id=outbox.conversation_id,
        identity_id=outbox.identity_id,
        customer_id=row.customer_id,
        address=row.external_id,
        text=row.text,
        buttons=tuple(OutgoingButton(button["id"], button["title"]) for button in row.buttons),
        files=files,
        language=row.language,
        reply_to=Origin.of(origin),
        last_inbound=row.last_inbound,
        template=Template(**template | {"values": tuple(template["values"])}) if template else None,
        use=Use(outbox.purpose),
        unasked=outbox.priority >= PROACTIVE,
        part=outbox.part,
        repeats=outbox.repeats,
        doubtful=outbox.state == LineState.SENDING or outbox.repeats > 0,
    )


def later(now: datetime, until: datetime | None) -> timedelta:
    """How long until then; nothing when it has passed."""
    return max((until or now) - now, timedelta(0))
