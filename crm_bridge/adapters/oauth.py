"""OAuth 2.0 tokens that expire and are renewed. A refresh token serves once: it is not lost or used twice."""

import asyncio
from dataclasses import dataclass, replace
from typing import Protocol

import aiohttp

from crm_bridge.adapters.auth import Request
from crm_bridge.adapters.errors import AuthFailed, Unavailable

TIMEOUT = aiohttp.ClientTimeout(total=20)


@dataclass(frozen=True, repr=False)
class Tokens:
    """What a CRM gave. Never printed."""

    access: str
    refresh: str


class TokenStore(Protocol):
    """Where the tokens of one account are kept. All processes see the same."""

    async def load(self) -> Tokens: ...

    async def swap(self, old: Tokens, new: Tokens) -> bool:
        """Keep the new ones if the old ones are still there. False when another process was faster."""
        ...


@dataclass(frozen=True)
class OAuthApp:
    """Our application in the CRM and where it gets its tokens."""

    token_url: str
    client_id: str
    client_secret: str
    redirect_uri: str = ""
    as_query: bool = False  # Bitrix24 wants a GET with a query, amoCRM a POST with JSON


class OAuth:
    """Signs with the access token: in the Authorization header, or in the body as Bitrix24 wants it."""

    def __init__(
        self, session: aiohttp.ClientSession, app: OAuthApp, store: TokenStore, *, in_body: bool = False
    ) -> None:
        self._session = session
        self._app = app
        self._store = store
        self._in_body = in_body
        self._used: Tokens | None = None
        self._renewing = asyncio.Lock()

    async def sign(self, request: Request) -> Request:
        self._used = await self._store.load()
        if self._in_body:
            return replace(request, body={**(request.body or {}), "auth": self._used.access})
        bearer = {"Authorization": f"Bearer {self._used.access}"}
        return replace(request, headers={**request.headers, **bearer})

    async def renew(self) -> bool:
        """Get new tokens, unless somebody has done so since the refused request was signed."""
        refused = self._used
        async with self._renewing:
            current = await self._store.load()
            if refused is None or current != refused:
                return True
            try:
                fresh = await self._ask(current)
            except AuthFailed:
                return await self._store.load() != current  # another process used the refresh token first
            await self._store.swap(current, fresh)
            return True

    async def _ask(self, current: Tokens) -> Tokens:
        wanted = {
            "client_id": self._app.client_id,
            "client_secret": self._app.client_secret,
            "grant_type": "refresh_token",
            "refresh_token": current.refresh,
        }
        if self._app.redirect_uri:
            wanted["redirect_uri"] = self._app.redirect_uri
        method = "GET" if self._app.as_query else "POST"
        how = {"params": wanted} if self._app.as_query else {"json": wanted}
        try:
            async with self._session.request(
                method,
                self._app.token_url,
                timeout=TIMEOUT,
                **how,  # type: ignore[arg-type]
            ) as answer:
                if answer.status >= 500:
                    raise Unavailable("the token server fails")
                given = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise Unavailable("the token server does not answer") from None
        if answer.status >= 400 or not isinstance(given, dict) or "access_token" not in given:
            raise AuthFailed("the CRM refused to renew the access; connect the account again")
        return Tokens(str(given["access_token"]), str(given.get("refresh_token", current.refresh)))
