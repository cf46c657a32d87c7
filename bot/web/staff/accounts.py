"""Accounts: made, checked, changed. Passwords by argon2id, second factor by TOTP (RFC 6238)."""

import base64
import hashlib
import hmac
from dataclasses import dataclass

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from cryptography.fernet import Fernet
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.web.staff.roles import Right, Role, rights_of
from bot.web.staff.tables import StaffAccount
from core.audit import Audit
from core.clock import Clock
from core.db import Database

SHORTEST_PASSWORD = 10  # characters; length is what counts (NIST SP 800-63B)
STEP = 30  # seconds that one code of the second factor is valid
_hasher = PasswordHasher()
_NOBODY = _hasher.hash("nobody has this password")  # checked for unknown log-ins, so that they take as long


class LoginTaken(Exception):
    """There is an account of that name."""


class WeakPassword(Exception):
    """The password is too short."""


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who works here, as pages need them."""

    id: int
    login: str
    name: str
    roles: frozenset[Role]
    language: str
    second_factor: bool

    @property
    def actor(self) -> str:
        """The name in the audit log."""
        return f"staff:{self.id}"

    @property
    def rights(self) -> frozenset[Right]:
        return rights_of(self.roles)


class Accounts:
    """All staff accounts."""

    def __init__(self, db: Database, clock: Clock, key: bytes) -> None:
        """`key` encrypts the secrets of second factors."""
        self._db = db
        self._clock = clock
        self._audit = Audit(clock)
        self._cipher = Fernet(base64.urlsafe_b64encode(hashlib.sha256(key).digest()))

    async def add(
        self, login: str, name: str, password: str, roles: frozenset[Role], by: str, language: str = "ru"
    ) -> Staff:
        """Make an account.

        Raises:
            LoginTaken, WeakPassword
        """
        row = StaffAccount(
            login=login.strip().lower(),
            name=name.strip(),
            roles=sorted(roles),
            language=language,
            password_hash=_hashed(password),
            created_at=self._clock.now(),
        )
        async with self._db.write() as session:
            if await _by_login(session, row.login):
                raise LoginTaken(row.login)
            session.add(row)
            await session.flush()
            await self._audit.record(session, by, "account added", f"staff:{row.id}", roles=row.roles)
        return _staff(row)

    async def all(self) -> list[Staff]:
        """Everybody who may log in."""
        async with self._db.read() as session:
            query = (
                select(StaffAccount).where(StaffAccount.disabled_at.is_(None)).order_by(StaffAccount.login)
            )
            return [_staff(row) for row in await session.scalars(query)]

    async def checked(self, session: AsyncSession, login: str, password: str) -> Staff | None:
        """The account, if the password is right and it may log in."""
        row = await _by_login(session, login.strip().lower())
        usable = row is not None and row.disabled_at is None
        if not _matches(row.password_hash if row and usable else _NOBODY, password) or not row or not usable:
            return None
        if _hasher.check_needs_rehash(row.password_hash):
            row.password_hash = _hasher.hash(password)
        return _staff(row)

    async def get(self, session: AsyncSession, account_id: int) -> Staff | None:
        row = await session.get(StaffAccount, account_id)
        return _staff(row) if row and row.disabled_at is None else None

    async def set_password(self, account_id: int, password: str, by: str) -> None:
        """Raises: WeakPassword."""
        async with self._db.write() as session:
            row = await session.get_one(StaffAccount, account_id)
            row.password_hash = _hashed(password)
            await self._audit.record(session, by, "password changed", f"staff:{account_id}")

    async def disable(self, account_id: int, by: str) -> None:
        """Nobody logs in with it any more; what they did stays."""
        async with self._db.write() as session:
            row = await session.get_one(StaffAccount, account_id)
            row.disabled_at = self._clock.now()
            await self._audit.record(session, by, "account disabled", f"staff:{account_id}")

    # --- second factor --------------------------------------------------------------------------------------

    async def offer_second_factor(self, account_id: int) -> str:
        """A new secret, to be confirmed by a code; as a URI for an authenticator's camera."""
        secret = pyotp.random_base32()
        async with self._db.write() as session:
            row = await session.get_one(StaffAccount, account_id)
            row.totp_secret = self._cipher.encrypt(secret.encode())
            row.totp_since = row.totp_step = None
            return pyotp.TOTP(secret).provisioning_uri(name=row.login, issuer_name="Zabota")

    async def take_code(
        self, session: AsyncSession, account_id: int, code: str, *, confirm: bool = False
    ) -> bool:
        """Check a code of the second factor; each is taken once. `confirm`: from now on it is asked for."""
        row = await session.get_one(StaffAccount, account_id, with_for_update=True)
        if row.totp_secret is None or (row.totp_since is None and not confirm):
            return False
        totp = pyotp.TOTP(self._cipher.decrypt(row.totp_secret).decode())
        now = int(self._clock.now().timestamp()) // STEP
        for step in (now - 1, now, now + 1):
            fresh = row.totp_step is None or step > row.totp_step
            if fresh and hmac.compare_digest(totp.at(step * STEP), code.strip().replace(" ", "")):
                row.totp_step = step
                if confirm:
                    row.totp_since = self._clock.now()
                    await self._audit.record(
                        session, f"staff:{row.id}", "second factor on", f"staff:{row.id}"
                    )
                return True
        return False


def _hashed(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise WeakPassword
    return _hasher.hash(password)


def _matches(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False


async def _by_login(session: AsyncSession, login: str) -> StaffAccount | None:
    return (await session.scalars(select(StaffAccount).where(StaffAccount.login == login))).one_or_none()


def _staff(row: StaffAccount) -> Staff:
    return Staff(
        id=row.id,
        login=row.login,
        name=row.name,
        roles=frozenset(Role(role) for role in row.roles),
        language=row.language,
        second_factor=row.totp_since is not None,
    )
