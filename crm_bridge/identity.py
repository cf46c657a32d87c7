"""Who is writing, and how sure we are."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import String, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from crm_bridge.models import Conversation, Customer, Identity, Proof
from crm_bridge.sql import insert_if_absent


class UnknownConversation(LookupError):
    """There is no conversation of that id."""


@dataclass(frozen=True, slots=True)
class Account:
    """An identity as the gateway needs it."""

    id: int
    customer_id: int | None
    language: str | None
    dead: bool = False  # nothing could be delivered there


@dataclass(frozen=True, slots=True)
class Caller:
    """Who speaks in a conversation. Personal data goes to `proven_customer_id` and nobody else."""

    conversation_id: str
    identity_id: int
    customer_id: int | None  # whom the identity belongs to, be the proof fresh or stale
    verified: bool  # the proof is there and fresh
    name: str | None  # given name; only while verified
    language: str
    time_zone: str

    @property
    def proven_customer_id(self) -> int | None:
        """The customer whose data may be shown now."""
        return self.customer_id if self.verified else None


class Identities:
    """Accounts in channels and the customers behind them."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        verification_lasts: timedelta,
        time_zone: str = "Europe/Moscow",
    ) -> None:
        """`time_zone` is assumed for people we do not know."""
        self._db = db
        self._clock = clock
        self._lasts = verification_lasts
        self._time_zone = time_zone

    async def get_or_create(
        self, session: AsyncSession, channel: str, account: str, external_id: str, language: str | None = None
    ) -> Account:
        """The identity behind an account in a channel; made at its first sight."""
        if (found := await _account(session, channel, account, external_id)) is not None:
            return found
        await insert_if_absent(
            session,
            Identity,
            {
                "channel": channel,
                "account": account,
                "external_id": external_id,
                "language": language,
                "created_at": self._clock.now(),
            },
        )
        made = await _account(session, channel, account, external_id)
        assert made is not None
        return made

    async def caller(self, conversation_id: str) -> Caller:
        """Who speaks in a conversation.

        Raises:
            UnknownConversation
        """
        query = (
            select(Conversation, Identity, Customer)
            .join(Identity, Conversation.identity_id == Identity.id)
            .outerjoin(Customer, Identity.customer_id == Customer.id)
            .where(Conversation.id == conversation_id)
        )
        async with self._db.read() as session:
            row = (await session.execute(query)).one_or_none()
        if row is None:
            raise UnknownConversation(conversation_id)
        conversation, identity, customer = row
        verified = customer is not None and self._fresh(identity.verified_at)
        return Caller(
            conversation_id=conversation.id,
            identity_id=identity.id,
            customer_id=identity.customer_id,
            verified=verified,
            name=customer.given_name if verified else None,
            language=conversation.language,
            time_zone=customer.time_zone if verified else self._time_zone,
        )

    def _fresh(self, verified_at: datetime | None) -> bool:
        return verified_at is not None and self._clock.now() < verified_at + self._lasts

    async def link(self, session: AsyncSession, identity_id: int, customer_id: int, method: Proof) -> None:
        """The identity has just proved that it belongs to the customer."""
        await session.execute(
            update(Identity)
            .where(Identity.id == identity_id)
            .values(customer_id=customer_id, method=method, verified_at=self._clock.now())
        )

    async def unlink(self, session: AsyncSession, identity_id: int) -> None:
        """Forget whom the identity belongs to."""
        await session.execute(
            update(Identity)
            .where(Identity.id == identity_id)
            .values(customer_id=None, method=None, verified_at=None)
        )

    async def link_signed_user(self, session: AsyncSession, identity_id: int, user_id: str) -> int | None:
        """Link to the customer whom the company's site calls `user_id`; check the hash first.

        Somebody whom we do not know is nobody: a browser that another customer used before is unlinked.

        Returns:
            The customer's id, or None.
        """
        meant = func.coalesce(Customer.merged_into_id, Customer.id)
        known = select(meant).where(Customer.external_ref == user_id)
        customer_id = (await session.execute(known)).scalar_one_or_none()
        if customer_id is None:
            await self.unlink(session, identity_id)
        else:
            await self.link(session, identity_id, customer_id, Proof.SIGNED_USER)
        return customer_id


_ACCOUNT = select(Identity.id, Identity.customer_id, Identity.language, Identity.dead_at).where(
    Identity.channel == bindparam("channel", type_=String()),
    Identity.account == bindparam("account", type_=String()),
    Identity.external_id == bindparam("external_id", type_=String()),
)


async def _account(session: AsyncSession, channel: str, account: str, external_id: str) -> Account | None:
    asked = {"channel": channel, "account": account, "external_id": external_id}
    row = (await session.execute(_ACCOUNT, asked)).one_or_none()
    return None if row is None else Account(row.id, row.customer_id, row.language, row.dead_at is not None)


def user_hash(site_key: bytes, user_id: str) -> str:
    """What the company's site computes on its server: hex HMAC-SHA256 of the user id."""
    return hmac.new(site_key, user_id.encode(), hashlib.sha256).hexdigest()


def check_user_hash(site_key: bytes, user_id: str, given: str) -> bool:
    """Whether the company's site signed this user id. Takes the same time right or wrong."""
    if not user_id:
        return False
    return hmac.compare_digest(user_hash(site_key, user_id).encode(), given.encode())
