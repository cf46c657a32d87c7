"""Log-in through the company's own server; a faithful one stands in for it here."""

import base64
import hashlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from bot.web.app import make_app
from bot.web.staff.accounts import Accounts
from bot.web.staff.roles import Role
from core.clock import ManualClock
from core.db import Database
from core.settings import Settings

SECRET = "client secret"


@dataclass
class LogInServer:
    """Signs who somebody is, once a code, for the browser that began with the right challenge."""

    clock: ManualClock
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, auto_kid=True))
    signs_with: RSAKey | None = None  # a stranger's key
    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self.about)
        app.router.add_post("/token", self.token)
        app.router.add_get("/keys", self.keys)
        return app

    async def about(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/enter",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        )

    async def keys(self, _request: web.Request) -> web.Response:
        return web.json_response(KeySet([self.key]).as_dict(private=False))

    def enter(self, address: str) -> str:
        """The person gives their password over there; the code that the browser brings back."""
        asked = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return code

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self.codes.pop(str(form["code"]), None)
        verifier = str(form["code_verifier"])
        made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        sent = aiohttp.BasicAuth.decode(request.headers["Authorization"])
        if asked is None or made != asked["code_challenge"] or sent.password != SECRET:
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(self.clock.now().timestamp())
        claims = {"iss": self.issuer, "aud": "zabota", "iat": now, "exp": now + 300, "sub": "u1"}
        claims |= {"nonce": asked["nonce"], "email": "anna@example.com", "email_verified": True}
        header = {"alg": "RS256", "kid": self.key.kid}
        return web.json_response(
            {"id_token": jwt.encode(header, claims | self.claims, self.signs_with or self.key)}
        )


@dataclass
class Site:
    """Our pages, with the server named in the settings."""

    url: str
    server: LogInServer
    http: aiohttp.ClientSession

    async def departs(self) -> tuple[str, str]:
        """The address over there, and the state."""
        async with self.http.get(f"{self.url}/staff/oidc?to=/desk", allow_redirects=False) as answer:
            address = answer.headers["Location"]
        return address, parse_qs(urlsplit(address).query)["state"][0]

    async def arrives(self, code: str, state: str) -> str:
        query = {"code": code, "state": state}
        async with self.http.get(
            f"{self.url}/staff/oidc/back", params=query, allow_redirects=False
        ) as answer:
            return answer.headers["Location"]

    async def logs_in(self) -> str:
        address, state = await self.departs()
        return await self.arrives(self.server.enter(address), state)


@pytest.fixture
async def site(sqlite: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Site]:
    outside = LogInServer(clock)
    async with TestServer(outside.app()) as there:
        outside.issuer = str(there.make_url("")).rstrip("/")
        settings = Settings(
            _env_file=None, var=tmp_path, demo=False, oidc_issuer=outside.issuer,
            oidc_client_id="zabota", oidc_client_secret=SECRET,
        )  # type: ignore[call-arg,arg-type]  # fmt: skip
        app = await make_app(settings, sqlite, clock)
        accounts = Accounts(sqlite, clock, settings.staff_key)
        await accounts.add("anna@example.com", "Анна", "a long password", frozenset({Role.AGENT}), "tests")
        async with (
            TestServer(app) as server,
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
        ):
            yield Site(str(server.make_url("")).rstrip("/"), outside, http)


async def test_who_is_known_over_there_is_let_in_here(site: Site) -> None:
    async with site.http.get(f"{site.url}/staff/login") as page:
        assert "/staff/oidc" in await page.text()
    assert await site.logs_in() == "/desk"
    async with site.http.get(f"{site.url}/desk", allow_redirects=False) as page:
        assert page.status == 200
    site.server.claims = {"email": "somebody@example.com"}
    assert await site.logs_in() == "/desk", "from now on it is the person that counts, not the address"


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email": "stranger@example.com"},
        {"aud": "another application"},
        {"iss": "https://evil.example"},
        {"nonce": "of another log-in"},
        {"exp": 1},
    ],
    ids=lambda claims: next(iter(claims)),
)
async def test_who_is_not_believed_stays_outside(site: Site, claims: dict[str, Any]) -> None:
    site.server.claims = claims
    assert await site.logs_in() == "/staff/login?problem=oidc"
    async with site.http.get(f"{site.url}/desk", allow_redirects=False) as page:
        assert page.status == 303


async def test_a_forged_state_or_an_old_code_is_refused(site: Site) -> None:
    address, state = await site.departs()
    code = site.server.enter(address)
    assert await site.arrives(code, "another state") == "/staff/login?problem=oidc"
    assert await site.arrives(code, state) == "/desk"
    address, state = await site.departs()
    assert await site.arrives(code, state) == "/staff/login?problem=oidc", "a code counts once"


async def test_a_token_signed_by_somebody_else_is_refused(site: Site) -> None:
    address, state = await site.departs()
    site.server.signs_with = RSAKey.generate_key(2048, {"kid": site.server.key.kid or ""})
    assert await site.arrives(site.server.enter(address), state) == "/staff/login?problem=oidc"
