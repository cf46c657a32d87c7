"""What one browser tab is owed: messages after the last it has, who owns the dialogue, who is typing."""

from typing import Any

from sqlalchemy import select

from bot.channels import webchat as wire
from bot.gateway.conversations import PAGE, visible
from bot.gateway.hub import Listener
from bot.gateway.visitors import Visitor
from core.db import Database
from crm_bridge.models import Conversation, Message, Owner

Frame = dict[str, Any]


class Feed:
    """Reads the log for one connection; remembers what it has told."""

    def __init__(self, db: Database, visitor: Visitor, after: int, ear: Listener) -> None:
        self._db = db
        self._conversation_id = visitor.conversation_id
        self._identity_id = visitor.identity_id
        self._after = after
        self._ear = ear
        self._owner: Owner | None = None
        self._typing: str | None = None

    async def welcome(self) -> Frame:
        """The first frame."""
        async with self._db.read() as session:
            conversation = await session.get_one(Conversation, self._conversation_id)
        self._owner = conversation.owner
        return {
            "type": "welcome",
            "conversation_id": conversation.id,
            "last_seq": conversation.last_seq,
            "owner": conversation.owner,
        }

    async def news(self) -> list[Frame]:
        """What happened since the last call, in order; nothing when all is told."""
        frames = await self._from_log() if self._ear.log_grew else []
        if self._ear.typing != self._typing:
            author = self._ear.typing or self._typing
            self._typing = self._ear.typing
            frames.append({"type": "typing", "author": author, "on": self._typing is not None})
        return frames

    async def _from_log(self) -> list[Frame]:
        self._ear.log_grew = False
        async with self._db.read() as session:
            messages = await visible(session, self._conversation_id, self._identity_id, self._after)
            owner = await session.scalar(
                select(Conversation.owner).where(Conversation.id == self._conversation_id)
            )
        frames = [self._message(message) for message in messages]
        if len(messages) == PAGE:
            self._ear.log_grew = True
        if owner != self._owner:
            self._owner = owner
            frames.append({"type": "owner", "owner": owner})
        return frames

    def _message(self, message: Message) -> Frame:
        assert message.seq is not None
        self._after = message.seq
        return wire.message_frame(
            seq=message.seq,
            id=message.id,
            author=message.author,
            text=message.text,
            buttons=message.buttons,
            at=message.created_at,
            details=message.details or {},
        )
