"""Visitors of the web chat: a secret in the browser stands for an identity and its conversation."""

import secrets
from dataclasses import dataclass

from sqlalchemy import String, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.webchat import CHANNEL, sender_of
from bot.gateway.conversations import Conversations, conversation_of
from core.db import Database
from crm_bridge.identity import Identities, check_user_hash
from crm_bridge.models import Conversation, Customer, Identity, Message, Proof


@dataclass(frozen=True)
class Visitor:
    """Who is at the other end."""

    sender: str
    identity_id: int
    conversation_id: str
    language: str


@dataclass(frozen=True)
class OpenedSession:
    """What the browser gets to keep."""

    visitor: str
    conversation_id: str
    language: str
    last_seq: int


class Visitors:
    """Opens chat sessions and recognises them later."""

    def __init__(
        self,
        db: Database,
        identities: Identities,
        conversations: Conversations,
        site_key: bytes,
        account: str,
    ) -> None:
        self._db = db
        self._identities = identities
        self._conversations = conversations
        self._site_key = site_key
        self.account = account

    async def open(
        self, visitor: str | None, language: str, user_id: str | None, user_hash: str | None
    ) -> OpenedSession:
        """Find the visitor's conversation, or begin a new one.

        A browser that was signed in as one customer and now is not, or as another, gets a new visitor: what
        was said before is not for the person who sits there now.
        """
        signed = user_id if user_id and check_user_hash(self._site_key, user_id, user_hash or "") else None
        async with self._db.write() as session:
            if visitor is None or await self._belongs_to_another(session, visitor, signed):
                visitor = secrets.token_urlsafe(32)
            identity = await self._identities.get_or_create(
                session, CHANNEL, self.account, sender_of(visitor), language
            )
            if signed:
                await self._identities.link_signed_user(session, identity.id, signed)
            conversation = await conversation_of(session, identity.id, CHANNEL)
            conversation = conversation or await self._conversations.current(
                session, identity.id, CHANNEL, self.account, language
            )
            return OpenedSession(visitor, conversation.id, conversation.language, conversation.last_seq)

    async def find(self, visitor: str | None) -> Visitor | None:
        """The visitor of a secret that `open` gave out."""
        if not visitor:
            return None
        sender = sender_of(visitor)
        async with self._db.read() as session:
            known = (await session.execute(_KNOWN, {"account": self.account, "sender": sender})).first()
            if known is None:
                return None
            if known.shown is not None:
                return Visitor(sender, known.id, known.shown, known.language)
            found = await conversation_of(session, known.id, CHANNEL)  # nothing was said yet
        return Visitor(sender, known.id, found.id, found.language) if found else None

    async def _belongs_to_another(self, session: AsyncSession, visitor: str, signed: str | None) -> bool:
        known = (
            await session.execute(
                select(Identity.method, Customer.external_ref)
                .outerjoin(Customer, Customer.id == Identity.customer_id)
                .where(
                    Identity.channel == CHANNEL,
                    Identity.account == self.account,
                    Identity.external_id == sender_of(visitor),
                )
            )
        ).first()
        if known is None or known.method is None:
            return False
        if signed:
            return bool(known.external_ref != signed)
        return bool(known.method is Proof.SIGNED_USER)


# The conversation of a visitor as `conversation_of` finds it, without its memory, which is long: this is
# asked for every line that a customer writes.
_KNOWN = (
    select(Identity.id, Conversation.id.label("shown"), Conversation.language)
    .outerjoin(
        Conversation,
        Conversation.id
        == select(Message.conversation_id)
        .where(Message.identity_id == Identity.id)
        .order_by(Message.created_at.desc())
        .limit(1)
        .correlate(Identity)
        .scalar_subquery(),
    )
    .where(
        Identity.channel == CHANNEL,
        Identity.account == bindparam("account", type_=String()),
        Identity.external_id == bindparam("sender", type_=String()),
    )
)
