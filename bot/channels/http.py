"""The one way to talk HTTP to a provider, and to fetch files that customers sent.

Nothing of a request is logged or put into an error but the status: addresses, headers and
bodies carry keys and personal data.
"""

import hmac
import ipaddress
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from bot.channels.port import Forged, Permanent, RateLimited, Reason, Transient, Uncertain, Unreadable

SECONDS = 20.0  # for a whole request
ANSWER_LIMIT = 1024 * 1024  # bytes; more than any answer to a send
DEFAULT_WAIT = timedelta(seconds=2)  # after a 429 that does not say how long
LONGEST_WAIT = timedelta(hours=1)
CHUNK = 64 * 1024
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # any IPv4 address, ours among them


@dataclass(frozen=True)
class Answer:
    """What came back. `data` is the JSON of the body, None when there is none."""

    status: int
    data: Any
    retry_after: timedelta | None


class ProviderHttp:
    """Requests to one provider. Whether an answer is good is for the channel to say."""

    def __init__(self, session: aiohttp.ClientSession, base: str, headers: Mapping[str, str]) -> None:
        self._session = session
        self._base = base.rstrip("/")
        self._headers = dict(headers)

    async def call(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **body: Any
    ) -> Answer:
        """Send a request; `body` is what aiohttp takes: `json`, `data`, `params`.

        A whole address as `path` is not the provider's own: our key goes there only if `headers` say so.

        Raises:
            Transient: there was no connection, so nothing was delivered.
            Uncertain: the request left, and no whole answer came.
        """
        elsewhere = path.startswith("http")
        url = path if elsewhere else f"{self._base}/{path.lstrip('/')}"
        sent = dict(headers or {}) if elsewhere else self._headers | dict(headers or {})
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        try:
            async with self._session.request(
                method, url, headers=sent, timeout=timeout, allow_redirects=False, **body
            ) as response:
                raw = await _limited(response)
                return Answer(response.status, _read(raw), _seconds(response.headers.get("Retry-After")))
        except aiohttp.ClientConnectorError:
            raise Transient("cannot connect") from None
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise Uncertain(f"no whole answer came: {type(error).__name__}") from None


def raise_for(answer: Answer) -> None:
    """What a status means where the provider has no word of its own.

    Raises:
        SendError
    """
    status = answer.status
    if status < 400:
        return
    if status == 429:
        raise RateLimited("too many requests", answer.retry_after or DEFAULT_WAIT)
    if status == 503 and answer.retry_after is not None:
        raise RateLimited("the provider asks to wait", answer.retry_after)
    if status == 401:
        raise Permanent("the key is refused: check it in var/channels.yml", Reason.ACCOUNT)
    if status in (502, 504):
        raise Uncertain(f"status {status}: a proxy lost the answer")
    if status >= 500:
        raise Transient(f"status {status}")
    raise Permanent(f"status {status}", Reason.REFUSED)


def check(given: str | bytes, expected: str | bytes) -> None:
    """Compare in constant time.

    Raises:
        Forged: they differ, or nothing is expected since no secret was set.
    """
    left = given.encode() if isinstance(given, str) else given
    right = expected.encode() if isinstance(expected, str) else expected
    if not right or not hmac.compare_digest(left, right):
        raise Forged


class Downloads:
    """Fetches files by addresses that came from outside: https and public hosts only.

    Signed or not, an event must not make the gateway ask its own network for something.
    """

    def __init__(self, trusted: str = "") -> None:
        """`trusted`: a base address whose host may be private; an installation's own Bot API server."""
        self._trusted = URL(trusted).authority if trusted else ""

    async def stream(
        self, url: str, limit: int, *, headers: Mapping[str, str] | None = None, ssl: Any = True
    ) -> AsyncIterator[bytes]:
        """The file in chunks.

        Raises:
            Unreadable: not a public address, gone, or larger than `limit` bytes.
            Transient
        """
        address = URL(url)
        own = bool(self._trusted) and address.authority == self._trusted
        if not own and (address.scheme != "https" or not _public_name(address.host)):
            raise Unreadable("the address is not public")
        resolver = ThreadedResolver() if own else PublicResolver()
        connector = aiohttp.TCPConnector(resolver=resolver, ssl=ssl)
        async with _reading(connector, address, headers) as response:
            if response.status >= 500 or response.status == 429:
                raise Transient(f"status {response.status}")
            if response.status != 200:
                raise Unreadable(f"status {response.status}")
            size = 0
            async for chunk in response.content.iter_chunked(CHUNK):
                size += len(chunk)
                if size > limit:
                    raise Unreadable("larger than allowed")
                yield chunk


class PublicResolver(AbstractResolver):
    """Resolves names, but to no address of our own network."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        public = [each for each in found if _is_public(each["host"])]
        if not public:
            raise OSError("no public address")
        return public

    async def close(self) -> None:
        await self._resolver.close()


@asynccontextmanager
async def _reading(
    connector: aiohttp.TCPConnector, address: URL, headers: Mapping[str, str] | None
) -> AsyncIterator[aiohttp.ClientResponse]:
    timeout = aiohttp.ClientTimeout(total=120, sock_read=20)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.get(address, headers=headers, allow_redirects=False) as response,
        ):
            yield response
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Transient(f"the file did not come: {type(error).__name__}") from None


def _public_name(host: str | None) -> bool:
    """Names are judged when they are resolved; a literal address here."""
    if not host:
        return False
    try:
        return _is_public(host)
    except ValueError:
        return True


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address)
    hidden = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return (hidden or found).is_global and found not in _NAT64


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    raw = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        raw += chunk
        if len(raw) > ANSWER_LIMIT:
            raise aiohttp.ClientPayloadError("the answer is too large")
    return bytes(raw)


def _read(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _seconds(header: str | None) -> timedelta | None:
    if not header or not header.isascii() or not header.isdigit():
        return None
    return min(timedelta(seconds=min(int(header), 10**6)), LONGEST_WAIT)
