"""What was said. Who may speak is the gateway's matter."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from core.db import Database
from crm_bridge.models import Author, Message, MessageState


@dataclass(frozen=True, slots=True)
class ButtonView:
    """A button under a message."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message that both sides can see."""

    id: str
    seq: int
    author: Author
    text: str
    buttons: tuple[ButtonView, ...]
    state: MessageState
    reply_to: str | None
    created_at: datetime
    sent_at: datetime | None


class Conversations:
    """The history of conversations."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def messages(self, conversation_id: str, after_seq: int = 0, limit: int = 100) -> list[MessageView]:
        """Up to `limit` messages after a place in the conversation, oldest first."""
        query = (
            select(Message)
            .where(Message.conversation_id == conversation_id, Message.seq > after_seq)
            .order_by(Message.seq)
            .limit(limit)
        )
        async with self._db.read() as session:
            return [_view(message) for message in await session.scalars(query)]


def _view(message: Message) -> MessageView:
    assert message.seq is not None
    return MessageView(
        id=message.id,
        seq=message.seq,
        author=message.author,
        text=message.text,
        buttons=tuple(ButtonView(button["id"], button["title"]) for button in message.buttons),
        state=message.state,
        reply_to=message.reply_to,
        created_at=message.created_at,
        sent_at=message.sent_at,
    )
