"""Conversations as the gateway keeps them: found or opened, and what the customer said put into the log."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.texts import DEFAULT_LANGUAGE
from crm_bridge.models import Author, Conversation, Message, MessageState

PAGE = 200  # messages read at once


class Conversations:
    """Finds, opens, and writes down."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def current(
        self, session: AsyncSession, identity_id: int, channel: str, account: str, language: str | None
    ) -> Conversation:
        """The identity's newest conversation; a new one when there is none."""
        found = await session.scalar(
            select(Conversation)
            .where(Conversation.identity_id == identity_id)
            .order_by(Conversation.created_at.desc())
            .limit(1)
        )
        return found or await self._open(session, identity_id, channel, account, language)

    async def _open(
        self, session: AsyncSession, identity_id: int, channel: str, account: str, language: str | None
    ) -> Conversation:
        now = self._clock.now()
        opened = Conversation(
            id=secrets.token_urlsafe(18),
            identity_id=identity_id,
            channel=channel,
            account=account,
            language=language or DEFAULT_LANGUAGE,
            created_at=now,
            updated_at=now,
        )
        session.add(opened)
        await session.flush()
        return opened

    async def write_down(
        self,
        session: AsyncSession,
        conversation_id: str,
        message_id: str,
        text: str,
        at: datetime,
        details: dict[str, Any],
    ) -> bool:
        """Put the customer's words into the log. False when they stand there already."""
        if await session.get(Message, message_id) is not None:
            return False
        session.add(
            Message(
                id=message_id,
                conversation_id=conversation_id,
                seq=await next_seq(session, conversation_id),
                author=Author.CUSTOMER,
                text=text,
                details=details,
                state=MessageState.RECEIVED,
                created_at=at,
                sent_at=at,
            )
        )
        return True


async def next_seq(session: AsyncSession, conversation_id: str) -> int:
    """The next sequence number of the conversation, taken for good when the transaction commits."""
    taken = await session.scalar(
        update(Conversation)
        .where(Conversation.id == conversation_id)
        .values(last_seq=Conversation.last_seq + 1)
        .returning(Conversation.last_seq)
        .execution_options(synchronize_session=False)
    )
    if taken is None:
        raise LookupError(conversation_id)
    return taken


async def visible(session: AsyncSession, conversation_id: str, after: int) -> Sequence[Message]:
    """What the customer may see after a sequence number, in order; at most a page of it."""
    return (
        await session.scalars(
            select(Message)
            .where(Message.conversation_id == conversation_id, Message.seq > after)
            .order_by(Message.seq)
            .limit(PAGE)
        )
    ).all()
