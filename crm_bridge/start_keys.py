"""Deep links: «continue in Telegram» on a page where the customer is signed in.

The link carries a random key that works once and not for long. Whoever opens it first is the customer, so it
is shown to nobody else and never sent to a contact that is not proven.
"""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from crm_bridge.identity import Identities
from crm_bridge.models import Customer, Proof, StartKey

KEY_LIVES = timedelta(minutes=30)
KEPT = timedelta(days=1)  # used and expired ones, then they are swept away


class StartKeys:
    """Gives out keys and takes them back."""

    def __init__(self, clock: Clock, identities: Identities) -> None:
        self._clock = clock
        self._identities = identities

    async def issue(self, session: AsyncSession, customer_id: int) -> str:
        """A new key: 32 characters of `A-Za-z0-9_-`, short enough for every messenger's link."""
        now = self._clock.now()
        await session.execute(delete(StartKey).where(StartKey.expires_at < now - KEPT))
        key = secrets.token_urlsafe(24)
        session.add(
            StartKey(key_hash=_hash(key), customer_id=customer_id, created_at=now, expires_at=now + KEY_LIVES)
        )
        await session.flush()
        return key

    async def use(self, session: AsyncSession, key: str, identity_id: int) -> bool:
        """Link the identity to the customer whom the key was given to. False when the key does not work."""
        now = self._clock.now()
        customer_id = await session.scalar(
            update(StartKey)
            .where(StartKey.key_hash == _hash(key), StartKey.used_at.is_(None), StartKey.expires_at > now)
            .values(used_at=now)
            .returning(StartKey.customer_id)
            .execution_options(synchronize_session=False)
        )
        if customer_id is None:
            return False
        meant = select(func.coalesce(Customer.merged_into_id, Customer.id)).where(Customer.id == customer_id)
        await self._identities.link(
            session, identity_id, (await session.execute(meant)).scalar_one(), Proof.SIGNED_USER
        )
        return True


def _hash(key: str) -> str:
    """The key is random and long, so a plain hash does."""
    return hashlib.sha256(key.encode()).hexdigest()
