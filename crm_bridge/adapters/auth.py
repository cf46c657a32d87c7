"""How a request shows that it is ours."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field, replace
from typing import Any, Protocol


@dataclass(frozen=True, repr=False)
class Request:
    """A request before it is sent. `path` is relative to the account's address.

    It shows nothing of itself but the method: the rest are secrets and personal data.
    """

    method: str
    path: str
    params: dict[str, str] = field(default_factory=dict)
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Request({self.method})"


class Auth(Protocol):
    """Signs requests."""

    async def sign(self, request: Request) -> Request: ...

    async def renew(self) -> bool:
        """The CRM said 401. True when there is a new token and the request is worth repeating."""
        ...


class Header:
    """A key or token in a header; or none at all, when the address itself is the secret."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers

    async def sign(self, request: Request) -> Request:
        return replace(request, headers={**request.headers, **self._headers})

    async def renew(self) -> bool:
        return False


class EspoHmac:
    """EspoCRM's signature: base64 of `key:HMAC-SHA256("<method> /<resource>")`, the MAC in bytes.

    The resource is the path without `api/v1` and without the query.
    """

    def __init__(self, key: str, secret: str) -> None:
        self._key = key
        self._secret = secret.encode()

    async def sign(self, request: Request) -> Request:
        message = f"{request.method} /{request.path.removeprefix('api/v1/')}".encode()
        mac = hmac.new(self._secret, message, hashlib.sha256).digest()
        value = base64.b64encode(self._key.encode() + b":" + mac).decode()
        return replace(request, headers={**request.headers, "X-Hmac-Authorization": value})

    async def renew(self) -> bool:
        return False
