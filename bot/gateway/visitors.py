"""Visitors of the web chat: a secret in the browser stands for an identity and its conversation."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import String, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.webchat import CHANNEL, sender_of
from bot.gateway.conversations import Conversations, belonging_to, conversation_of
from core.batching import Batch
from core.db import Database
from crm_bridge.identity import Identities, check_user_hash
from crm_bridge.models import Conversation, Customer, Identity, Proof

APART = 0.04  # seconds between looks for visitors; one who comes alone does not wait


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
        self._find = Batch(self._find_all, apart=APART)

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
        return await self._find.do(sender_of(visitor)) if visitor else None

    async def _find_all(self, senders: Sequence[str]) -> Sequence[Visitor | None]:
        found: dict[str, Visitor] = {}
        async with self._db.read() as session:
            asked = {"account": self.account, "senders": list(dict.fromkeys(senders))}
            for known in (await session.execute(_KNOWN, asked)).all():
                found[known.external_id] = Visitor(*known)
        return [found.get(sender) for sender in senders]

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


# Without the conversation's memory, which is long: this is asked for every line that a customer writes.
_KNOWN = (
    select(Identity.external_id, Identity.id, Conversation.id, Conversation.language)
    .join(Conversation, Conversation.id == belonging_to(Identity, own=True))
    .where(
        Identity.channel == CHANNEL,
        Identity.account == bindparam("account", type_=String()),
        Identity.external_id.in_(bindparam("senders", expanding=True)),
    )
)
