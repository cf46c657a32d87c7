"""What customers write to people: in the log as it arrives, for many of them in one transaction.

A turn would add nothing here: the engine is not asked, and nobody says anything. So plain words that go into
a dialogue of people's do not wait for one, unless something of the same sender waits there already. All else
takes the way of a turn (`turns.py`), which comes to the same, one by one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, cast

from sqlalchemy import Select, String, Table, bindparam, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.inbound import Content, Inbound, Receipt, Text
from bot.gateway.conversations import belonging_to
from bot.gateway.handoffs import Handoffs
from bot.gateway.policy import OWN
from core.clock import Clock
from core.db import on_sqlite
from core.jobs import JobQueue
from core.many import UpdateMany, one_of
from crm_bridge.models import Author, Conversation, ConversationStatus, Identity, Message, MessageState, Owner

Sender = tuple[str, str, str]  # channel, account, the sender's id there


@dataclass(frozen=True, slots=True)
class Chat:
    """A dialogue that people own. Nobody changes that before the transaction ends."""

    id: str
    identity_id: int
    last_seq: int


def sender_of(event: Inbound) -> Sender:
    return event.channel, event.account, event.sender


def partition_of(sender: Sender) -> str:
    """Turns of one account are served one after another."""
    return f"in:{':'.join(sender)}"


def kept_with(event_id: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """What the log keeps of an event besides its words."""
    kept = {"client_id": event_id.rpartition(":")[2]}
    return kept | {key: content[key] for key in ("origin", "name") if content.get(key)}


class Noting:
    """Works in the transaction in which events arrive."""

    def __init__(self, clock: Clock, handoffs: Handoffs, queue: JobQueue) -> None:
        self._clock = clock
        self._handoffs = handoffs
        self._queue = queue

    async def chats(self, session: AsyncSession, events: Sequence[Inbound]) -> dict[Sender, Chat]:
        """Whose events can be noted at once, and where. Who sends anything but words is served in turns."""
        acts = [event for event in events if not isinstance(event.content, Receipt)]
        others = {sender_of(event) for event in acts if not _words(event.content)}
        senders = sorted({sender_of(event) for event in acts} - others)
        found: dict[Sender, Chat] = {}
        for (channel, account), some in groupby(senders, key=lambda sender: sender[:2]):
            asked = {"channel": channel, "account": account, "senders": [sender for *_, sender in some]}
            rows = await session.execute(_CHATS[channel in OWN, on_sqlite(session)], asked)
            found |= {(channel, account, name): Chat(id_, whose, seq) for name, id_, whose, seq in rows}
        if not found:
            return {}
        waits = await self._queue.busy(session, [partition_of(sender) for sender in found])
        return {sender: chat for sender, chat in found.items() if partition_of(sender) not in waits}

    async def note(self, session: AsyncSession, said: Sequence[tuple[Chat, Inbound, int]]) -> Collection[str]:
        """Put the words into the log; people owe their writers an answer.

        Args:
            said: where, what, and the number of its inbox row; in the order in which it arrived.

        Returns:
            The conversations that grew.
        """
        now, grown, rows = self._clock.now(), dict[str, int](), []
        for chat, event, inbox_id in said:
            grown[chat.id] = grown.get(chat.id, chat.last_seq) + 1
            assert isinstance(event.content, Text)
            rows.append(
                {
                    "id": f"m{inbox_id}",
                    "conversation_id": chat.id,
                    "seq": grown[chat.id],
                    "identity_id": chat.identity_id,
                    "author": Author.CUSTOMER,
                    "text": event.content.text,
                    "buttons": [],
                    "details": kept_with(event.event_id, event.as_json()),
                    "state": MessageState.RECEIVED,
                    "created_at": now,
                    "sent_at": now,
                }
            )
        if not rows:
            return ()
        await session.execute(_WRITE, rows)
        places = [{"id": id_, "last_seq": seq, "updated_at": now} for id_, seq in grown.items()]
        await _GREW.run(session, places)
        await self._handoffs.customers_wrote(session, list(grown))
        return grown


def _words(content: Content) -> bool:
    """Whether it can be nothing but words: a number may be the choice of a list, or a rating."""
    return isinstance(content, Text) and any(map(str.isalpha, content.text))


_IDENTITY = cast("Table", Identity.__table__)
_CONVERSATION = cast("Table", Conversation.__table__)


def _chats(*, own: bool, sqlite: bool) -> Select[str, str, int, int]:
    query = select(Identity.external_id, Conversation.id, Identity.id, Conversation.last_seq).where(
        Identity.channel == bindparam("channel", type_=String()),
        Identity.account == bindparam("account", type_=String()),
        one_of(_IDENTITY.c.external_id, "senders", sqlite=sqlite),
        Identity.dead_at.is_(None),
        Conversation.id == belonging_to(Identity, own=own),
        Conversation.identity_id == Identity.id,  # otherwise it follows its customer there
        Conversation.owner != Owner.BOT,
        Conversation.status != ConversationStatus.RESOLVED,
    )
    return query.order_by(Conversation.id).with_for_update(of=Conversation, key_share=True)


# Built once: this is asked at every message.
_CHATS = {(own, sqlite): _chats(own=own, sqlite=sqlite) for own in (True, False) for sqlite in (True, False)}
_WRITE = insert(cast("Table", Message.__table__))
_GREW = UpdateMany(_CONVERSATION.c.id, [_CONVERSATION.c.last_seq, _CONVERSATION.c.updated_at])
