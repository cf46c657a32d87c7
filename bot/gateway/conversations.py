"""Conversations as the gateway keeps them: found or opened, and what the customer said put into the log."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    ScalarSelect,
    Select,
    String,
    and_,
    bindparam,
    case,
    func,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.gateway.policy import OWN
from core.clock import Clock
from core.texts import DEFAULT_LANGUAGE
from crm_bridge.models import Author, Conversation, Identity, Message, MessageState, Owner

PAGE = 200  # messages read at once


class Conversations:
    """Finds, opens, and writes down."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def current(
        self, session: AsyncSession, identity_id: int, channel: str, account: str, language: str | None
    ) -> Conversation:
        """The conversation that a message from this account belongs to; a new one when there is none.

        A conversation follows its customer: from now on it is where they wrote last.
        """
        found = await conversation_of(session, identity_id, channel)
        if found is None:
            return await self._open(session, identity_id, channel, account, language)
        if found.identity_id != identity_id:
            found.identity_id, found.channel, found.account = identity_id, channel, account
            await session.flush()
        return found

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
        identity_id: int | None = None,
    ) -> None:
        """Put the customer's words into the log.

        Args:
            identity_id: the account they came from; the conversation's own, if not given.
        """
        session.add(
            Message(
                id=message_id,
                conversation_id=conversation_id,
                identity_id=identity_id or await _identity_of(session, conversation_id),
                seq=await next_seq(session, conversation_id),
                author=Author.CUSTOMER,
                text=text,
                details=details,
                state=MessageState.RECEIVED,
                created_at=at,
                sent_at=at,
            )
        )


async def conversation_of(session: AsyncSession, identity_id: int, channel: str) -> Conversation | None:
    """The conversation an account takes part in: `belonging_to` for one account."""
    found: Conversation | None = await session.scalar(_OF[channel in OWN], {"identity_id": identity_id})
    return found


def belonging_to(account: type[Identity], *, own: bool) -> ColumnElement[str]:
    """Whose conversation it is: an expression to be correlated with the statement's `account`.

    An account that proved whose it is joins the conversation of its customer: one that people own, or else
    the newest. An open page of the web chat (`own`) stays with the conversation it shows.
    """
    alone, theirs, part = aliased(Conversation), aliased(Conversation), aliased(Identity)
    single = select(alone.id).where(alone.identity_id == account.id).order_by(alone.created_at.desc())
    joint = (
        select(theirs.id)
        .join(part, part.id == theirs.identity_id)
        .where(part.customer_id == account.customer_id, part.method.is_not(None))
        .order_by(theirs.owner == Owner.BOT, theirs.updated_at.desc(), theirs.created_at.desc())
    )
    proven = and_(account.customer_id.is_not(None), account.method.is_not(None))
    found = case((proven, _first(joint, account)), else_=_first(single, account))
    if not own:
        return found
    said = Message.identity_id == account.id
    shown = select(Message.conversation_id).where(said).order_by(Message.created_at.desc())
    return func.coalesce(_first(shown, account), found)


def _first(query: Select[str], account: type[Identity]) -> ScalarSelect[str]:
    return query.limit(1).correlate(account).scalar_subquery()


async def _identity_of(session: AsyncSession, conversation_id: str) -> int | None:
    return await session.scalar(select(Conversation.identity_id).where(Conversation.id == conversation_id))


async def next_seq(session: AsyncSession, conversation_id: str) -> int:
    """The next sequence number of the conversation, taken for good when the transaction commits."""
    taken: int | None = await session.scalar(_NEXT_SEQ, {"conversation": conversation_id})
    if taken is None:
        raise LookupError(conversation_id)
    return taken


async def visible(
    session: AsyncSession, conversation_id: str, identity_id: int, after: int
) -> Sequence[Message]:
    """What one account may see after a sequence number, in order; at most a page of it.

    What the customer said in another channel is not shown here: others may sit before this page.
    """
    asked = {"conversation": conversation_id, "identity_id": identity_id, "after": after}
    return (await session.scalars(_VISIBLE, asked)).all()


# Built once: these are asked several times a turn, and building them cost as much as asking.

_CONVERSATION = bindparam("conversation", type_=String())
_IDENTITY = bindparam("identity_id", type_=BigInteger())
_OF = {
    own: select(Conversation)
    .join(Identity, Conversation.id == belonging_to(Identity, own=own))
    .where(Identity.id == _IDENTITY)
    for own in (True, False)
}
_NEXT_SEQ = (
    update(Conversation)
    .where(Conversation.id == _CONVERSATION)
    .values(last_seq=Conversation.last_seq + 1)
    .returning(Conversation.last_seq)
    .execution_options(synchronize_session=False)
)
_VISIBLE = (
    select(Message)
    .where(
        Message.conversation_id == _CONVERSATION,
        Message.identity_id == _IDENTITY,
        Message.seq > bindparam("after", type_=Integer()),
    )
    .order_by(Message.seq)
    .limit(PAGE)
)
