"""The way to the action server.

Rasa opens a new connection for every action, waits up to five minutes, sends the whole domain, and goes on
with the dialogue when an action failed. Here one connection pool serves all turns, the wait is bounded, of
the domain only what the SDK reads is sent, and every failure is reported to the turn.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import aiohttp
from jsonschema.validators import validator_for
from rasa.core.actions.action import RemoteAction
from rasa.core.actions.constants import SELECTIVE_DOMAIN
from rasa.shared.core.constants import ACTION_VALIDATE_SLOT_MAPPINGS
from rasa.shared.core.domain import Domain
from rasa.utils.endpoints import ClientResponseError, EndpointConfig

__all__ = ["ActionServer", "ConnectionPool"]

#: An action answers or gives up well within its own time limit; this one only ends a hanging server.
ACTION_TIMEOUT = timedelta(seconds=30)

#: What rasa-sdk's actions and forms read of the domain. Responses and intents are the bulk of it.
_DOMAIN_KEYS = ("version", "slots", "forms", "entities", "actions", "session_config")

_REJECTED = 400  # rasa-sdk's way to say «this action does not apply, choose another»


class ConnectionPool:
    """One HTTP session for all calls of this process, and the trimmed domain of the model in use."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._domain: Domain | None = None
        self._trimmed: dict[str, Any] = {}

    def session(self) -> aiohttp.ClientSession:
        """The session; opened at the first call, inside the running loop."""
        if self._session is None or self._session.closed:
            timeout = aiohttp.ClientTimeout(total=ACTION_TIMEOUT.total_seconds())
            self._session = aiohttp.ClientSession(timeout=timeout)
        return self._session

    def domain(self, domain: Domain) -> dict[str, Any]:
        """The part of `domain` that is sent with every call."""
        if self._domain is not domain:
            whole = domain.as_dict()
            self._trimmed = {key: whole[key] for key in _DOMAIN_KEYS if key in whole}
            self._domain = domain
        return self._trimmed

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


class ActionServer(EndpointConfig):
    """The `action_endpoint` of one turn.

    Args:
        endpoint: what endpoints.yml says.
        failed: called with the action's name and the error, whenever a call failed.
    """

    def __init__(
        self,
        endpoint: EndpointConfig,
        pool: ConnectionPool,
        domain: Domain,
        failed: Callable[[str, Exception], None],
    ) -> None:
        # «Selective»: Rasa does not build the domain's dictionary for each call; `request` adds the trimmed
        # one.
        kwargs = {**endpoint.kwargs, SELECTIVE_DOMAIN: True}
        super().__init__(
            endpoint.url,
            endpoint.params,
            endpoint.headers,
            endpoint.basic_auth,
            endpoint.token,
            endpoint.token_name,
            endpoint.cafile,
            **kwargs,
        )
        self._pool = pool
        self._sent_domain = pool.domain(domain)
        self._failed = failed

    def session(self) -> Any:
        """The shared session, which Rasa's `async with` must not close."""
        return _Borrowed(self._pool.session())

    async def request(
        self,
        method: str = "post",
        subpath: str | None = None,
        content_type: str | None = "application/json",
        compress: bool = False,
        **kwargs: Any,
    ) -> Any | None:
        """See `EndpointConfig.request`; the time limit is ours."""
        kwargs.pop("timeout", None)
        call = dict(kwargs.pop("json", None) or {})
        call["domain"] = self._sent_domain
        name = str(call.get("next_action", ""))
        if self.basic_auth:
            kwargs["auth"] = aiohttp.BasicAuth(self.basic_auth["username"], self.basic_auth["password"])

        async def send() -> Any:
            return await EndpointConfig.request(
                self, method, subpath, content_type, compress, json=call, **kwargs
            )

        try:
            try:
                return await send()
            except aiohttp.ServerDisconnectedError:
                # A kept connection whose server was restarted. Actions are idempotent on conversation and
                # message.
                return await send()
        except Exception as error:
            if not _is_rejection(name, error):
                self._failed(name, error)
            raise


def _is_rejection(action: str, error: Exception) -> bool:
    # Nothing else can be chosen in place of the validation of slots: Rasa would take them unvalidated.
    rejected = isinstance(error, ClientResponseError) and error.status == _REJECTED
    return rejected and action != ACTION_VALIDATE_SLOT_MAPPINGS


class _Borrowed:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def __aenter__(self) -> aiohttp.ClientSession:
        return self._session

    async def __aexit__(self, *details: Any) -> None:
        return None


def _compile_answer_check() -> None:
    """Check answers against Rasa's schema; Rasa also proves the schema itself at every call: 18 ms."""
    schema = RemoteAction.action_response_format_spec()
    validator = validator_for(schema)(schema)

    def validate(action: RemoteAction, result: dict[str, Any]) -> bool:
        validator.validate(result)
        return True

    RemoteAction._validate_action_result = validate


_compile_answer_check()
