"""The one way to talk HTTP to a CRM: limited, guarded by a circuit breaker, repeated only where it is safe.

Nothing of a request is logged but the account, the method and the error's type: addresses, headers and bodies
carry secrets and personal data.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from aiolimiter import AsyncLimiter
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from core import logs
from core.clock import Clock
from crm_bridge.adapters.auth import Auth, Request
from crm_bridge.adapters.errors import (
    AuthFailed,
    Conflict,
    CrmError,
    NotFound,
    RateLimited,
    Refused,
    Resting,
    Unavailable,
    Uncertain,
)

log = logs.get("crm")

ANSWER_LIMIT = 32 * 1024 * 1024  # bytes; more than any page of any CRM
DEFAULT_WAIT = timedelta(seconds=2)  # after a 429 that does not say how long
_CALM = [RateLimited, AuthFailed, NotFound, Conflict, Refused]  # the CRM is well, it just says no


@dataclass(frozen=True)
class Limits:
    """How an account is treated."""

    requests: float = 10  # so many at once …
    per: timedelta = timedelta(seconds=1)  # … and on average in this time
    timeout: timedelta = timedelta(seconds=30)
    tries: int = 3  # of what may be repeated
    pause: timedelta = timedelta(milliseconds=500)  # before the second try; doubles
    patience: timedelta = timedelta(seconds=5)  # the longest wait here; longer ones are the caller's
    failures: int = 5  # in a row, then the account is left alone …
    rest: timedelta = timedelta(seconds=30)  # … for so long


@dataclass(frozen=True)
class Answer:
    """What came back. `data` is the JSON of the body, None when it is empty."""

    status: int
    data: Any
    at: datetime  # the CRM's clock
    retry_after: timedelta | None = None


Classify = Callable[[Answer], CrmError | None]


def classify(answer: Answer) -> CrmError | None:
    """What an HTTP status means where the CRM has no word of its own."""
    status = answer.status
    if status < 400:
        return None
    if status == 429 or (status == 503 and answer.retry_after is not None):
        return RateLimited("too many requests", answer.retry_after or DEFAULT_WAIT)
    if status in (401, 403):
        why = f"status {status}: check the key and what it is allowed to do"
        return AuthFailed(why, expired=status == 401)
    if status in (404, 410):
        return NotFound("no such record")
    if status == 409:
        return Conflict("there is such a record already")
    return Unavailable(f"status {status}") if status >= 500 else Refused(f"status {status}")


class CrmHttp:
    """Requests to one account. Limiter and breaker belong to the account, so make one of these for it."""

    def __init__(
        self,
        account: str,
        address: str,
        session: aiohttp.ClientSession,
        auth: Auth,
        clock: Clock,
        limits: Limits | None = None,
        classify: Classify = classify,
    ) -> None:
        """`address` is what every path is relative to; its end does not matter."""
        self._account = account
        self._address = address.rstrip("/") + "/"
        self._session = session
        self._auth = auth
        self._clock = clock
        self._limits = limits = limits or Limits()
        self._classify = classify
        self._limiter = AsyncLimiter(limits.requests, limits.per.total_seconds())
        self._breakers = AsyncCircuitBreakerFactory(
            limits.failures, limits.rest.total_seconds(), exclude=list(_CALM)
        )
        self._chance = random.Random(account)  # noqa: S311 - jitter

    async def call(self, request: Request, *, repeatable: bool | None = None) -> Answer:
        """Send a request.

        Args:
            repeatable: doing it twice is as good as once; by default so for GET, PUT and DELETE.

        Raises:
            CrmError: one of its kinds; `Uncertain` only for what is not repeatable.
        """
        safe = request.method in ("GET", "PUT", "DELETE") if repeatable is None else repeatable
        renewed = False
        attempt = 1
        while True:
            try:
                return await self._guarded(request)
            except AuthFailed as error:
                if renewed or not error.expired or not await self._auth.renew():
                    raise
                renewed = True
                continue
            except RateLimited as error:
                wait = error.retry_after
                if attempt >= self._limits.tries or wait > self._limits.patience:
                    raise
            except Unavailable as error:
                if attempt >= self._limits.tries or not safe or isinstance(error, Resting):
                    raise
                wait = self._limits.pause * 2 ** (attempt - 1) * self._chance.uniform(0.5, 1)
            except Uncertain as error:
                if not safe:
                    log.warning("uncertain", account=self._account, method=request.method)
                    raise
                if attempt >= self._limits.tries:
                    raise Unavailable(str(error)) from None
                wait = self._limits.pause * 2 ** (attempt - 1) * self._chance.uniform(0.5, 1)
            attempt += 1
            await self._clock.sleep_until(self._clock.now() + wait)

    async def _guarded(self, request: Request) -> Answer:
        breaker = await self._breakers.get_breaker(self._account)
        try:
            async with breaker:
                return await self._once(request)
        except OpenedState:
            raise Resting("the CRM failed again and again and is left alone for a while") from None

    async def _once(self, request: Request) -> Answer:
        signed = await self._auth.sign(request)
        async with self._limiter:
            answer = await self._exchange(signed)
        error = self._classify(answer)
        if error is None:
            return answer
        if isinstance(error, Unavailable) and answer.status in (500, 502, 504):
            raise Uncertain(str(error))  # it may have failed after the deed
        raise error

    async def _exchange(self, request: Request) -> Answer:
        try:
            async with self._session.request(
                request.method,
                self._address + request.path.lstrip("/"),
                params=request.params or None,
                json=request.body,
                headers=request.headers,
                timeout=aiohttp.ClientTimeout(total=self._limits.timeout.total_seconds()),
                allow_redirects=False,
            ) as response:
                return self._read(response, await _body(response))
        except aiohttp.ClientConnectorError:
            raise Unavailable("cannot connect") from None
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise Uncertain(f"no whole answer came: {type(error).__name__}") from None

    def _read(self, response: aiohttp.ClientResponse, raw: bytes) -> Answer:
        answer = Answer(
            response.status,
            None,
            _date(response.headers.get("Date")) or self._clock.now(),
            _seconds(response.headers.get("Retry-After")),
        )
        if not raw.strip():
            return answer
        try:
            return replace(answer, data=json.loads(raw))
        except (ValueError, RecursionError):
            if response.status >= 400:
                return answer  # an error page in HTML; the status says enough
            raise Uncertain("the answer is not JSON") from None


async def _body(response: aiohttp.ClientResponse) -> bytes:
    raw = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        raw += chunk
        if len(raw) > ANSWER_LIMIT:
            raise Refused("the answer is too large")
    return bytes(raw)


def _date(header: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(header).astimezone(UTC) if header else None
    except ValueError:
        return None


def _seconds(header: str | None) -> timedelta | None:
    return timedelta(seconds=int(header)) if header and header.isascii() and header.isdigit() else None
