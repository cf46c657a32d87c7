"""Log-ins: kept on the server, so that they can be ended there."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.web.staff.accounts import Accounts, Staff
from bot.web.staff.tables import StaffSession
from core.audit import Audit
from core.clock import Clock
from core.db import Database
from crm_bridge.throttle import Guesses

IDLE = timedelta(hours=12)  # a working day with its breaks
LONGEST = timedelta(days=7)
SEEN_EVERY = timedelta(minutes=1)


class Locked(Exception):
    """Too many wrong passwords or codes."""

    def __init__(self, until: datetime) -> None:
        super().__init__("locked")
        self.until = until


class WrongPassword(Exception):
    """There is no such account with such a password."""


@dataclass(frozen=True, slots=True)
class LogIn:
    """One browser of one person."""

    id: int
    staff: Staff
    needs_second_factor: bool
    csrf: str  # what a form of this session carries


class Sessions:
    """All log-ins."""

    def __init__(self, db: Database, clock: Clock, accounts: Accounts) -> None:
        self._db = db
        self._clock = clock
        self._accounts = accounts
        self._audit = Audit(clock)

    async def begin(self, login: str, password: str, address: str, browser: str) -> str:
        """Check the password; the token for the browser.

        Wrong guesses are counted by account and address together, so that a stranger cannot lock a colleague
        out.

        Raises:
            WrongPassword, Locked
        """
        now = self._clock.now()
        async with self._db.write() as session:
            guesses = await Guesses.hold(session, _subject(login, address), now)
            if guesses.locked_until:
                raise Locked(guesses.locked_until)
            staff = await self._accounts.checked(session, login, password)
            if staff is None:
                await guesses.fail(now)
            else:
                await guesses.clear()
                return await self._open(session, staff, browser)
        raise WrongPassword  # after the count is committed

    async def admit(self, account_id: int, browser: str) -> str:
        """Somebody else has checked who it is; the token for the browser.

        Raises:
            LookupError: the account may not log in.
        """
        async with self._db.write() as session:
            staff = await self._accounts.get(session, account_id)
            if staff is None:
                raise LookupError(account_id)
            return await self._open(session, staff, browser)

    async def _open(self, session: AsyncSession, staff: Staff, browser: str) -> str:
        now, token = self._clock.now(), secrets.token_urlsafe(32)
        session.add(
            StaffSession(
                account_id=staff.id,
                token_hash=_hash(token),
                needs_second_factor=staff.second_factor,
                browser=browser[:200],
                created_at=now,
                seen_at=now,
                expires_at=now + LONGEST,
            )
        )
        await self._audit.record(session, staff.actor, "logged in", staff.actor)
        return token

    async def second_factor(self, log_in: LogIn, code: str) -> bool:
        """Take the code of the second factor.

        Raises:
            Locked
        """
        now = self._clock.now()
        async with self._db.write() as session:
            guesses = await Guesses.hold(session, f"second factor {log_in.staff.id}", now)
            if guesses.locked_until:
                raise Locked(guesses.locked_until)
            if not await self._accounts.take_code(session, log_in.staff.id, code):
                await guesses.fail(now)
                return False
            await guesses.clear()
            row = await session.get_one(StaffSession, log_in.id)
            row.needs_second_factor = False
            return True

    async def find(self, token: str) -> LogIn | None:
        """The log-in behind a token, if it still counts."""
        if not token:
            return None
        now = self._clock.now()
        async with self._db.read() as session:
            query = select(StaffSession).where(StaffSession.token_hash == _hash(token))
            row = (await session.scalars(query)).one_or_none()
            if row is None or row.revoked_at or now >= min(row.expires_at, row.seen_at + IDLE):
                return None
            staff = await self._accounts.get(session, row.account_id)
        if staff is None:
            return None
        if now - row.seen_at >= SEEN_EVERY:
            await self._seen(row.id, now)
        return LogIn(row.id, staff, row.needs_second_factor, _csrf(token))

    async def end(self, session_id: int, account_id: int) -> None:
        """Log one browser of this person out."""
        await self._revoke(StaffSession.id == session_id, StaffSession.account_id == account_id)

    async def end_all(self, account_id: int) -> None:
        """Log a person out everywhere."""
        await self._revoke(StaffSession.account_id == account_id)

    async def of_account(self, account_id: int) -> list[StaffSession]:
        """Where somebody is logged in, newest first."""
        now = self._clock.now()
        async with self._db.read() as session:
            query = (
                select(StaffSession)
                .where(
                    StaffSession.account_id == account_id,
                    StaffSession.revoked_at.is_(None),
                    StaffSession.expires_at > now,
                    StaffSession.seen_at > now - IDLE,
                )
                .order_by(StaffSession.seen_at.desc())
            )
            return list(await session.scalars(query))

    async def _revoke(self, *which: object) -> None:
        async with self._db.write() as session:
            await session.execute(
                update(StaffSession)
                .where(StaffSession.revoked_at.is_(None), *which)  # type: ignore[arg-type]
                .values(revoked_at=self._clock.now())
                .execution_options(synchronize_session=False)
            )

    async def _seen(self, session_id: int, now: datetime) -> None:
        async with self._db.write() as session:
            await session.execute(
                update(StaffSession)
                .where(StaffSession.id == session_id)
                .values(seen_at=now)
                .execution_options(synchronize_session=False)
            )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _csrf(token: str) -> str:
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def _subject(login: str, address: str) -> str:
    """Throttle rows name nobody."""
    return "log-in " + hashlib.sha256(f"{login.strip().lower()} {address}".encode()).hexdigest()[:40]
