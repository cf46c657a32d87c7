"""A known customer gets a new phone or e-mail, once a code sent there shows that it is theirs.

The same limits as for identification, counted together with it; a code of one kind never serves the other.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core import logs
from core.texts import Texts
from crm_bridge.contacts import Contact
from crm_bridge.customers import Customers
from crm_bridge.models import CodePurpose, ContactPoint, Customer, VerificationCode
from crm_bridge.notices import Notifier
from crm_bridge.operations.once import Result
from crm_bridge.operations.running import Operations
from crm_bridge.throttle import GUESSES, Guesses
from crm_bridge.verification import (
    CODE_LIVES,
    codes_used_up,
    contact_subject,
    identity_subject,
    keyed_hash,
    newest_code,
    read_code,
)

_texts = Texts(Path(__file__).with_name("texts.yml"))
_log = logs.get("contact_change")


@dataclass(frozen=True, slots=True)
class Change:
    """What a customer wants: `contact` on the profile, instead of `replaces` or beside the others."""

    contact: Contact
    replaces: str | None = None  # the value of a contact on the profile


class ContactChanges:
    """Sends codes to new contacts and puts those that were right on the profile."""

    def __init__(
        self,
        operations: Operations,
        customers: Customers,
        notifier: Notifier,
        pepper: bytes,
        randbelow: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        self._operations = operations
        self._customers = customers
        self._notifier = notifier
        self._pepper = pepper
        self._randbelow = randbelow

    async def request(
        self, key: str, customer_id: int, identity_id: int, conversation_id: str, contact: Contact
    ) -> Result:
        """Send a code to a new contact; it voids an earlier one.

        Args:
            customer_id, identity_id: of the caller, whose identity is proven.

        Returns:
            `{"until": None}`, or from when on codes are given again (ISO 8601) when there were too many.
        """

        async def work(session: AsyncSession) -> Result:
            now = self._operations.clock.now()
            hashed = self._contact_hash(contact)
            own = await Guesses.hold(session, identity_subject(identity_id), now)
            shared = await Guesses.hold(session, contact_subject(hashed), now)
            used_up = await codes_used_up(session, identity_id, hashed, now)
            waits = (own.locked_until, shared.locked_until, used_up)
            if until := max((wait for wait in waits if wait), default=None):
                return {"until": until.isoformat()}
            code = f"{self._randbelow(1_000_000):06}"
            session.add(
                VerificationCode(
                    identity_id=identity_id,
                    conversation_id=conversation_id,
                    purpose=CodePurpose.CONTACT,
                    contact_hash=hashed,
                    code_hash=self._code_hash(identity_id, hashed, code),
                    customer_id=customer_id,
                    owners=0,  # it identifies nobody
                    created_at=now,
                    expires_at=now + CODE_LIVES,
                )
            )
            customer = await session.get_one(Customer, customer_id)
            minutes = CODE_LIVES // timedelta(minutes=1)
            text = _texts("code.new_contact", customer.language, code=code, minutes=minutes)
            await self._notifier.notify(session, contact, text)
            _log.info("code_requested", identity_id=identity_id)
            return {"until": None}

        return await self._operations.run(key, "request_contact_code", customer_id, work)

    async def check(
        self, key: str, customer_id: int, identity_id: int, change: Change, code_text: str
    ) -> Result:
        """Check the code and, when it is right, make the change. The old contact hears of it.

        Returns:
            `{"is": "done"}`, `{"is": "wrong", "left": guesses}`, `{"is": "locked", "until": ISO 8601}` or
            `{"is": "expired"}`.
        """

        async def work(session: AsyncSession) -> Result:
            return await self._check(session, customer_id, identity_id, change, code_text)

        return await self._operations.run(key, "change_contact", customer_id, work)

    async def _check(
        self, session: AsyncSession, customer_id: int, identity_id: int, change: Change, code_text: str
    ) -> Result:
        now = self._operations.clock.now()
        hashed = self._contact_hash(change.contact)
        own = await Guesses.hold(session, identity_subject(identity_id), now)
        shared = await Guesses.hold(session, contact_subject(hashed), now)
        if until := max((lock for lock in (own.locked_until, shared.locked_until) if lock), default=None):
            return {"is": "locked", "until": until.isoformat()}
        code = await newest_code(session, identity_id, CodePurpose.CONTACT)
        if code is None or not self._alive(code, customer_id, hashed, now):
            return {"is": "expired"}
        given = read_code(code_text) or ""
        if not hmac.compare_digest(self._code_hash(identity_id, hashed, given), code.code_hash):
            return await _wrong(session, code, own, shared, now)
        code.used_at = now
        await own.clear()
        await shared.clear()
        await self._make(session, customer_id, change, now)
        return {"is": "done"}

    def _alive(self, code: VerificationCode, customer_id: int, hashed: str, now: datetime) -> bool:
        """Whether the code was sent to this contact for this customer, and may still be used."""
        theirs = code.customer_id == customer_id and code.contact_hash == hashed
        return theirs and code.used_at is None and now < code.expires_at and code.attempts < GUESSES

    async def _make(self, session: AsyncSession, customer_id: int, change: Change, now: datetime) -> None:
        contact = change.contact
        await self._customers.add_contact(session, customer_id, contact)
        mine = (ContactPoint.customer_id == customer_id, ContactPoint.kind == contact.kind)
        await session.execute(
            update(ContactPoint).where(*mine, ContactPoint.value == contact.value).values(verified_at=now)
        )
        if change.replaces is None or change.replaces == contact.value:
            return
        old = (*mine, ContactPoint.value == change.replaces)
        if await session.scalar(select(ContactPoint.id).where(*old)) is None:
            return
        await session.execute(delete(ContactPoint).where(*old))
        customer = await session.get_one(Customer, customer_id)
        told = _texts("contact.replaced", customer.language, new=contact.masked)
        await self._notifier.notify(session, Contact(contact.kind, change.replaces), told)
        _log.info("contact_replaced", customer_id=customer_id)

    def _contact_hash(self, contact: Contact) -> str:
        return keyed_hash(self._pepper, "contact", contact.kind, contact.value)

    def _code_hash(self, identity_id: int, contact_hash: str, code: str) -> str:
        return keyed_hash(self._pepper, "contact_code", identity_id, contact_hash, code)


async def _wrong(
    session: AsyncSession, code: VerificationCode, own: Guesses, shared: Guesses, now: datetime
) -> Result:
    code.attempts += 1
    await own.fail(now)
    await shared.fail(now)
    locks = [lock for lock in (own.locked_until, shared.locked_until) if lock]
    if locks:
        return {"is": "locked", "until": max(locks).isoformat()}
    return {"is": "wrong", "left": min(own.left, shared.left)}
