"""Log-in through the company's own server: OpenID Connect, authorisation code with PKCE (RFC 7636).

Who may log in and what they may do stays here: the server only says who somebody is. An account is found by
the server's lasting name for the person (`sub`); the first time, by a log-in that is the proven e-mail or the
name over there.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import aiohttp
from cryptography.fernet import Fernet, InvalidToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.web.staff.tables import StaffAccount
from core.clock import Clock

ALGORITHMS = ("RS256", "ES256", "PS256")
TRIP = timedelta(minutes=10)  # that somebody may take over there
LEEWAY = 60  # seconds between the clocks of two machines
SCOPE = "openid email profile"
TIMEOUT = aiohttp.ClientTimeout(total=15)


class NotBelieved(Exception):
    """What came back is not a log-in of ours, or nobody here has this name."""


@dataclass(frozen=True, slots=True)
class Provider:
    """The log-in server, as the settings name it."""

    issuer: str
    client_id: str
    client_secret: str
    back: str  # our address that it sends people back to


@dataclass(frozen=True, slots=True)
class Departure:
    """Where to send the browser, and what it keeps until it is back: sealed, nobody can read or forge it."""

    address: str
    ticket: str


class OpenId:
    """One log-in server."""

    def __init__(self, http: aiohttp.ClientSession, clock: Clock, provider: Provider, key: bytes) -> None:
        self._http = http
        self._clock = clock
        self._provider = provider
        self._cipher = Fernet(base64.urlsafe_b64encode(hashlib.sha256(key + b" oidc").digest()))

    async def depart(self, to: str) -> Departure:
        """Begin a log-in. `to`: where to go afterwards, a path of ours.

        Raises:
            NotBelieved: the server's description cannot be read.
        """
        about = await self._about()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": self._provider.back,
            "scope": SCOPE,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        kept = json.dumps({"state": state, "nonce": nonce, "verifier": verifier, "to": to}).encode()
        ticket = self._cipher.encrypt_at_time(kept, self._now()).decode()
        return Departure(f"{about['authorization_endpoint']}?{urlencode(query)}", ticket)

    async def arrive(self, session: AsyncSession, ticket: str, state: str, code: str) -> tuple[int, str]:
        """Whose account it is, and where to go. The first time, the account is bound to the person.

        Raises:
            NotBelieved
        """
        try:
            seconds = int(TRIP.total_seconds())
            kept = json.loads(self._cipher.decrypt_at_time(ticket.encode(), seconds, self._now()))
        except (InvalidToken, ValueError):
            raise NotBelieved("the ticket") from None
        if not secrets.compare_digest(kept["state"].encode(), state.encode()):
            raise NotBelieved("the state")
        claims = await self._claims(code, kept["verifier"], kept["nonce"])
        return await self._account(session, claims), kept["to"]

    async def _claims(self, code: str, verifier: str, nonce: str) -> dict[str, Any]:
        about = await self._about()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._provider.back,
            "code_verifier": verifier,
        }
        auth = aiohttp.BasicAuth(self._provider.client_id, self._provider.client_secret)
        answer = await self._json("POST", about["token_endpoint"], data=form, auth=auth)
        keys = KeySet.import_key_set(await self._json("GET", about["jwks_uri"]))  # type: ignore[arg-type]
        registry = jwt.JWTClaimsRegistry(
            now=self._now(),
            leeway=LEEWAY,
            iss={"essential": True, "value": self._provider.issuer},
            aud={"essential": True, "value": self._provider.client_id},
            exp={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            token = jwt.decode(str(answer.get("id_token", "")), keys, algorithms=list(ALGORITHMS))
            registry.validate(token.claims)
        except (JoseError, ValueError) as why:
            raise NotBelieved(type(why).__name__) from None
        return dict(token.claims)

    async def _account(self, session: AsyncSession, claims: dict[str, Any]) -> int:
        subject = str(claims["sub"])[:255]
        allowed = StaffAccount.disabled_at.is_(None)
        known = select(StaffAccount.id).where(StaffAccount.oidc_subject == subject, allowed)
        if (found := await session.scalar(known)) is not None:
            return found
        names = {str(claims.get("preferred_username") or "").lower()}
        if claims.get("email_verified") is True:
            names.add(str(claims.get("email") or "").lower())
        fresh = select(StaffAccount).where(
            StaffAccount.login.in_(names - {""}), StaffAccount.oidc_subject.is_(None), allowed
        )
        rows = list(await session.scalars(fresh.with_for_update()))
        if len(rows) != 1:
            raise NotBelieved("no account")
        rows[0].oidc_subject = subject
        return rows[0].id

    async def _about(self) -> dict[str, Any]:
        about = await self._json(
            "GET", f"{self._provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        )
        if about.get("issuer") != self._provider.issuer:
            raise NotBelieved("the issuer")
        return about

    async def _json(self, method: str, address: str, **given: Any) -> dict[str, Any]:
        try:
            async with self._http.request(method, address, timeout=TIMEOUT, **given) as answer:
                answer.raise_for_status()
                return dict(await answer.json())
        except (aiohttp.ClientError, TimeoutError, ValueError) as why:
            raise NotBelieved(type(why).__name__) from None

    def _now(self) -> int:
        return int(self._clock.now().timestamp())
