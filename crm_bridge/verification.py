"""A customer proves who they are with a one-time code sent to a contact on their profile.

Nobody learns from the answers whether a contact is known: an unknown one is answered alike, counted alike
and leaves the same rows, only no code goes out.
"""

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from core import logs
from core.clock import Clock
from core.db import Database
from core.texts import Texts
from crm_bridge.contacts import Contact, read_contact
from crm_bridge.identity import Identities, UnknownConversation
from crm_bridge.models import (
    CodePurpose,
    ContactPoint,
    Conversation,
    Customer,
    NoticeChannel,
    Proof,
    VerificationCode,
)
from crm_bridge.notices import Notifier
from crm_bridge.operations.once import Result, once
from crm_bridge.throttle import GUESSES, Guesses

CODE_LIVES = timedelta(minutes=10)
CODES_PER_IDENTITY = (3, timedelta(minutes=15))
CODES_PER_CONTACT = (5, timedelta(hours=1))

_texts = Texts(Path(__file__).with_name("texts.yml"))
_log = logs.get("verification")
_SIX_DIGITS = re.compile(r"(?<!\d)(?:\d[\s-]?){5}\d(?!\d)")


@dataclass(frozen=True, slots=True)
class CodeRequested:
    """A code is on its way, if the contact is on a profile; whether it is, is not said."""

    masked: str
    channel: NoticeChannel
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class NotAContact:
    """The text names no phone and no e-mail, or several."""


@dataclass(frozen=True, slots=True)
class TooMany:
    """Too many codes or too many wrong guesses; the next code is given at `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Verified:
    """The code was right: the conversation's identity now belongs to this customer."""

    customer_id: int
    name: str  # given name


@dataclass(frozen=True, slots=True)
class WrongCode:
    """The code was wrong; so many guesses are left."""

    left: int


@dataclass(frozen=True, slots=True)
class Locked:
    """Five wrong codes: nothing is checked before `until`, in whichever chat."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Expired:
    """The code is too old."""


@dataclass(frozen=True, slots=True)
class NothingRequested:
    """There is no code to check, or it was used."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The code was right, and several customers share the contact: people have to choose."""


Requested = CodeRequested | NotAContact | TooMany
Checked = Verified | WrongCode | Locked | Expired | NothingRequested | Ambiguous


class Verification:
    """Sends one-time codes and checks them."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        identities: Identities,
        notifier: Notifier,
        pepper: bytes,
        randbelow: Callable[[int], int] = secrets.randbelow,
        region: str = "RU",
    ) -> None:
        """`region` is the country whose phone numbers are written without a country code."""
        self._db = db
        self._clock = clock
        self._identities = identities
        self._notifier = notifier
        self._pepper = pepper
        self._randbelow = randbelow
        self._region = region

    async def request(self, conversation_id: str, contact_text: str, key: str) -> Requested:
        """Send a code to the contact that the text names. The newest code voids the older ones.

        Args:
            key: idempotency key: conversation id + message id. Asked again, no second code goes out.

        Raises:
            UnknownConversation
        """
        contact = read_contact(contact_text, self._region)
        if contact is None:
            return NotAContact()
        now = self._clock.now()
        async with self._db.write() as session:

            async def run() -> Result:
                return await self._request(session, conversation_id, contact, now)

            done = await once(session, f"{key}:request_code", "request_code", now, run)
        if until := done.result.get("too_many_until"):
            return TooMany(datetime.fromisoformat(until))
        expires_at = datetime.fromisoformat(done.result["expires_at"])
        return CodeRequested(contact.masked, contact.channel, expires_at)

    async def _request(
        self, session: AsyncSession, conversation_id: str, contact: Contact, now: datetime
    ) -> Result:
        conversation = await _conversation(session, conversation_id)
        contact_hash = self._hash("contact", contact.kind, contact.value)
        own = await Guesses.hold(session, identity_subject(conversation.identity_id), now)
        shared = await Guesses.hold(session, contact_subject(contact_hash), now)
        locks = (own.locked_until, shared.locked_until)
        used_up = await codes_used_up(session, conversation.identity_id, contact_hash, now)
        if until := max((wait for wait in (*locks, used_up) if wait), default=None):
            _log.info("code_refused", identity_id=conversation.identity_id)
            return {"too_many_until": until.isoformat()}
        await self._issue(session, conversation, contact, contact_hash, now)
        _log.info("code_requested", identity_id=conversation.identity_id)
        return {"expires_at": (now + CODE_LIVES).isoformat()}

    async def _issue(
        self,
        session: AsyncSession,
        conversation: Conversation,
        contact: Contact,
        contact_hash: str,
        now: datetime,
    ) -> None:
        code = f"{self._randbelow(1_000_000):06}"
        owners = await _owners(session, contact)
        session.add(
            VerificationCode(
                identity_id=conversation.identity_id,
                conversation_id=conversation.id,
                contact_hash=contact_hash,
                code_hash=self._hash("code", conversation.identity_id, contact_hash, code),
                customer_id=owners[0].id if len(owners) == 1 else None,
                owners=len(owners),
                created_at=now,
                expires_at=now + CODE_LIVES,
            )
        )
        language = owners[0].language if owners else conversation.language
        text = _texts("code", language, code=code, minutes=CODE_LIVES // timedelta(minutes=1))
        if owners:
            await self._notifier.notify(session, contact, text)
        else:
            await self._notifier.withhold(session, contact)

    async def check(self, conversation_id: str, code_text: str, key: str) -> Checked:
        """Check what the customer says the code is; when it is right, link their identity.

        Args:
            key: idempotency key: conversation id + message id. Asked again, it is no second guess.

        Raises:
            UnknownConversation
        """
        now = self._clock.now()
        async with self._db.write() as session:

            async def run() -> Result:
                return await self._check(session, conversation_id, code_text, now)

            done = await once(session, f"{key}:check_code", "check_code", now, run)
            return await _checked(session, done.result)

    async def _check(
        self, session: AsyncSession, conversation_id: str, code_text: str, now: datetime
    ) -> Result:
        identity_id = (await _conversation(session, conversation_id)).identity_id
        own = await Guesses.hold(session, identity_subject(identity_id), now)
        if own.locked_until:
            return _locked(own.locked_until)
        code = await newest_code(session, identity_id, CodePurpose.IDENTITY)
        if code is None or code.used_at is not None:
            return {"is": "nothing_requested"}
        shared = await Guesses.hold(session, contact_subject(code.contact_hash), now)
        if shared.locked_until:
            return _locked(shared.locked_until)
        if now >= code.expires_at or code.attempts >= GUESSES:
            return {"is": "expired"}
        given = read_code(code_text)
        if given is None:  # «не пришёл» is no guess
            return {"is": "wrong", "left": min(own.left, shared.left)}
        if not self._is_right(code, given):
            return await _wrong(session, code, own, shared, now)
        code.used_at = now
        await own.clear()
        await shared.clear()
        return await self._right(session, code)

    def _is_right(self, code: VerificationCode, given: str) -> bool:
        expected = self._hash("code", code.identity_id, code.contact_hash, given)
        return hmac.compare_digest(expected, code.code_hash) and code.owners > 0

    async def _right(self, session: AsyncSession, code: VerificationCode) -> Result:
        if code.customer_id is None:  # several customers, or the only one is gone since
            return {"is": "ambiguous" if code.owners > 1 else "nothing_requested"}
        await self._identities.link(session, code.identity_id, code.customer_id, Proof.CODE)
        await self._confirm_contact(session, code.customer_id, code.contact_hash)
        _log.info("verified", identity_id=code.identity_id, customer_id=code.customer_id)
        return {"is": "verified", "customer_id": code.customer_id}

    async def _confirm_contact(self, session: AsyncSession, customer_id: int, contact_hash: str) -> None:
        points = select(ContactPoint).where(ContactPoint.customer_id == customer_id)
        for point in await session.scalars(points):
            if self._hash("contact", point.kind, point.value) == contact_hash:
                point.verified_at = self._clock.now()

    def _hash(self, *parts: object) -> str:
        return keyed_hash(self._pepper, *parts)


def keyed_hash(pepper: bytes, *parts: object) -> str:
    """What is kept of a contact or a code: hex HMAC-SHA256, useless without the pepper."""
    whole = "\0".join(str(part) for part in parts)
    return hmac.new(pepper, whole.encode(), hashlib.sha256).hexdigest()


def read_code(text: str) -> str | None:
    """The code in a text: six digits in a row, else whatever digits there are; None when there are none."""
    text = text[:200]
    six = _SIX_DIGITS.search(text)
    digits = [char for char in (six.group() if six else text) if char.isdecimal()]
    return "".join(str(unicodedata.decimal(char)) for char in digits) or None


async def _conversation(session: AsyncSession, conversation_id: str) -> Conversation:
    conversation = await session.get(Conversation, conversation_id)
    if conversation is None:
        raise UnknownConversation(conversation_id)
    return conversation


async def _owners(session: AsyncSession, contact: Contact) -> list[Customer]:
    query = (
        select(Customer)
        .join(ContactPoint, ContactPoint.customer_id == Customer.id)
        .where(ContactPoint.value == contact.value, ContactPoint.kind == contact.kind)
        .order_by(Customer.id)
    )
    return list(await session.scalars(query))


async def newest_code(
    session: AsyncSession, identity_id: int, purpose: CodePurpose
) -> VerificationCode | None:
    """The only code of an identity that may still be right for a purpose."""
    query = (
        select(VerificationCode)
        .where(VerificationCode.identity_id == identity_id, VerificationCode.purpose == purpose)
        .order_by(VerificationCode.id.desc())
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def codes_used_up(
    session: AsyncSession, identity_id: int, contact_hash: str, now: datetime
) -> datetime | None:
    """When the next code may be issued; None: now. Codes of every purpose count."""
    waits = (
        await _full(session, VerificationCode.identity_id, identity_id, CODES_PER_IDENTITY, now),
        await _full(session, VerificationCode.contact_hash, contact_hash, CODES_PER_CONTACT, now),
    )
    return max((wait for wait in waits if wait), default=None)


async def _full(
    session: AsyncSession,
    column: InstrumentedAttribute[Any],
    value: int | str,
    limit: tuple[int, timedelta],
    now: datetime,
) -> datetime | None:
    """When the next code may be issued, if `limit` (count, window) is used up."""
    count, window = limit
    query = (
        select(VerificationCode.created_at)
        .where(column == value, VerificationCode.created_at > now - window)
        .order_by(VerificationCode.created_at.desc())
        .limit(count)
    )
    times = list(await session.scalars(query))
    return times[-1] + window if len(times) == count else None


async def _wrong(
    session: AsyncSession, code: VerificationCode, own: Guesses, shared: Guesses, now: datetime
) -> Result:
    await session.execute(
        update(VerificationCode)
        .where(VerificationCode.id == code.id)
        .values(attempts=VerificationCode.attempts + 1)
    )
    await own.fail(now)
    await shared.fail(now)
    _log.info("code_wrong", identity_id=code.identity_id)
    until = max((lock for lock in (own.locked_until, shared.locked_until) if lock), default=None)
    return _locked(until) if until else {"is": "wrong", "left": min(own.left, shared.left)}


def _locked(until: datetime) -> Result:
    return {"is": "locked", "until": until.isoformat()}


def identity_subject(identity_id: int) -> str:
    """Whose wrong guesses are counted: an account in a channel."""
    return f"identity:{identity_id}"


def contact_subject(contact_hash: str) -> str:
    """Whose wrong guesses are counted: a contact, from whichever chat."""
    return f"contact:{contact_hash}"


async def _checked(session: AsyncSession, result: Result) -> Checked:
    match result["is"]:
        case "verified":
            customer = await session.get(Customer, result["customer_id"])
            return Verified(customer.id, customer.given_name) if customer else NothingRequested()
        case "wrong":
            return WrongCode(result["left"])
        case "locked":
            return Locked(datetime.fromisoformat(result["until"]))
        case "expired":
            return Expired()
        case "ambiguous":
            return Ambiguous()
        case _:
            return NothingRequested()
