"""What an administrator writes about an account in a CRM, and the adapter made of it."""

from datetime import timedelta
from typing import Annotated, Literal

import aiohttp
from pydantic import Field, HttpUrl, SecretStr

from core.clock import Clock
from crm_bridge.adapters.amocrm import AmoCrm
from crm_bridge.adapters.auth import Auth, EspoHmac, Header
from crm_bridge.adapters.bitrix24 import Bitrix24, classify_bitrix
from crm_bridge.adapters.bottlecrm import BottleCrm, classify_bottle
from crm_bridge.adapters.espocrm import EspoCrm
from crm_bridge.adapters.http import Classify, CrmHttp, Limits, classify
from crm_bridge.adapters.oauth import OAuth, OAuthApp, TokenStore
from crm_bridge.adapters.odoo import Odoo, Options
from crm_bridge.adapters.port import CrmAdapter
from crm_bridge.adapters.rest import Rest
from crm_bridge.adapters.rest_shape import RestShape, Strict

NOTHING = SecretStr("")
BITRIX_TOKENS = "https://oauth.bitrix24.tech/oauth/token/"


class Application(Strict):
    """Our application in the CRM, for access with tokens that expire."""

    client_id: str
    client_secret: SecretStr
    access_token: SecretStr  # the first ones; later ones are kept in the database
    refresh_token: SecretStr
    redirect_uri: str = ""


class Connection(Strict):
    """What every CRM needs."""

    requests: float = Field(default=10, gt=0, description="so many requests at once")
    per_seconds: float = Field(default=1, gt=0, description="the bucket empties in this time")
    timeout_seconds: float = Field(default=30, gt=0, le=300)

    def limits(self) -> Limits:
        return Limits(
            requests=self.requests,
            per=timedelta(seconds=self.per_seconds),
            timeout=timedelta(seconds=self.timeout_seconds),
        )


class Bitrix24Account(Connection):
    """An incoming webhook (`address` with its secret) or an application (`https://portal/rest/`)."""

    kind: Literal["bitrix24"]
    address: SecretStr
    application: Application | None = None
    application_token: SecretStr = NOTHING
    responsible_id: int = 1
    requests: float = 50  # burst of the leaky bucket; Enterprise 250
    per_seconds: float = 25  # 2 a second; Enterprise 5
    timeout_seconds: float = 60


class AmoCrmAccount(Connection):
    """A long-lived token, or an application."""

    kind: Literal["amocrm"]
    address: HttpUrl
    token: SecretStr = NOTHING
    application: Application | None = None
    webhook_secret: SecretStr = NOTHING
    currency: str = "RUB"
    requests: float = 7


class OdooAccount(Connection):
    """An API key of a user."""

    kind: Literal["odoo"]
    address: HttpUrl
    key: SecretStr
    database: str = ""
    ticket_model: Literal["helpdesk.ticket", "project.task"] = "helpdesk.ticket"
    webhook_secret: SecretStr = NOTHING


class EspoCrmAccount(Connection):
    """An API user: a key, or a key and a secret for HMAC."""

    kind: Literal["espocrm"]
    address: HttpUrl
    key: SecretStr
    secret: SecretStr = NOTHING
    webhooks: dict[str, SecretStr] = Field(default_factory=dict)  # "Contact.update:<id>": secretKey


class BottleCrmAccount(Connection):
    """A personal access token."""

    kind: Literal["bottlecrm"]
    address: HttpUrl
    token: SecretStr
    webhook_secret: SecretStr = NOTHING
    currency: str = ""  # of deals without one; it knows no roubles


class RestAccount(Connection):
    """Any REST API that `shape` describes."""

    kind: Literal["rest"]
    address: HttpUrl
    header: str = "Authorization"
    token: SecretStr = NOTHING  # the whole value of the header, `Bearer` included
    webhook_secret: SecretStr = NOTHING
    shape: RestShape


AnyAccount = Annotated[
    Bitrix24Account | AmoCrmAccount | OdooAccount | EspoCrmAccount | BottleCrmAccount | RestAccount,
    Field(discriminator="kind"),
]


class Builder:
    """Makes adapters. `tokens` gives the store of an account whose tokens expire."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock

    def build(self, name: str, account: AnyAccount, tokens: TokenStore) -> CrmAdapter:
        """The adapter of one account. Its limiter and breaker live in it: build it once."""
        match account:
            case Bitrix24Account():
                return self._bitrix(name, account, tokens)
            case AmoCrmAccount():
                return self._amo(name, account, tokens)
            case OdooAccount():
                return self._odoo(name, account)
            case EspoCrmAccount():
                return self._espo(name, account)
            case BottleCrmAccount():
                auth = Header({"Authorization": f"Bearer {_open(account.token)}"})
                http = self._http(name, str(account.address), auth, account, classify_bottle)
                return BottleCrm(http, _open(account.webhook_secret), account.currency)
            case RestAccount():
                auth = Header({account.header: _open(account.token)} if _open(account.token) else {})
                http = self._http(name, str(account.address), auth, account)
                return Rest(http, account.shape, _open(account.webhook_secret))

    def _http(
        self, name: str, address: str, auth: Auth, account: Connection, errors: Classify = classify
    ) -> CrmHttp:
        return CrmHttp(name, address, self._session, auth, self._clock, account.limits(), errors)

    def _bitrix(self, name: str, account: Bitrix24Account, tokens: TokenStore) -> Bitrix24:
        auth: Auth = Header({})
        if account.application is not None:
            app = _app(BITRIX_TOKENS, account.application, as_query=True)
            auth = OAuth(self._session, app, tokens, in_body=True)
        http = self._http(name, _open(account.address), auth, account, classify_bitrix)
        return Bitrix24(http, self._clock, _open(account.application_token), account.responsible_id)

    def _amo(self, name: str, account: AmoCrmAccount, tokens: TokenStore) -> AmoCrm:
        auth: Auth = Header({"Authorization": f"Bearer {_open(account.token)}"})
        if account.application is not None:
            url = f"{str(account.address).rstrip('/')}/oauth2/access_token"
            auth = OAuth(self._session, _app(url, account.application), tokens)
        http = self._http(name, str(account.address), auth, account)
        return AmoCrm(http, self._clock, _open(account.webhook_secret), account.currency)

    def _odoo(self, name: str, account: OdooAccount) -> Odoo:
        database = {"X-Odoo-Database": account.database} if account.database else {}
        auth = Header({"Authorization": f"bearer {_open(account.key)}", **database})
        http = self._http(name, str(account.address), auth, account)
        return Odoo(http, Options(account.ticket_model, _open(account.webhook_secret)))

    def _espo(self, name: str, account: EspoCrmAccount) -> EspoCrm:
        key, secret = _open(account.key), _open(account.secret)
        auth: Auth = EspoHmac(key, secret) if secret else Header({"X-Api-Key": key})
        http = self._http(name, str(account.address), auth, account)
        return EspoCrm(http, {name: _open(value) for name, value in account.webhooks.items()})


def _open(secret: SecretStr) -> str:
    return secret.get_secret_value()


def _app(url: str, application: Application, *, as_query: bool = False) -> OAuthApp:
    return OAuthApp(
        url,
        application.client_id,
        _open(application.client_secret),
        application.redirect_uri,
        as_query,
    )
