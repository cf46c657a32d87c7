"""Settings: environment variables `ZABOTA_…` or a `.env` file; `.env.example` explains each.

Secrets that nobody set are made once and kept in `var/secrets/`, readable by the owner only, so that the
first start needs no preparation and a restart does not sign everybody out.
"""

import secrets
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


def _seconds(value: object) -> object:
    """`.env` files give durations as a number of seconds; pydantic reads a bare number in a text as days."""
    return float(value) if isinstance(value, str) and value.replace(".", "", 1).isdigit() else value


Seconds = Annotated[timedelta, BeforeValidator(_seconds)]


Role = Literal["turns", "delivery"]


class Settings(BaseSettings):
    """What an installation can decide. Durations are in seconds in the environment, `timedelta` here."""

    model_config = SettingsConfigDict(env_prefix="ZABOTA_", env_file=ROOT / ".env", extra="ignore")

    var: Path = ROOT / "var"  # data, secrets, the engine's working folder
    models: Path = ROOT / "models"
    project: Path = ROOT  # what the assistant is trained on: domain.yml, config.yml, data/
    database_url: str = ""  # empty: SQLite in `var`
    host: str = "127.0.0.1"
    port: int = 8080
    engine_port: int = 5005  # of the first engine; the others count up from there
    actions_port: int = 5055
    public_url: str = ""  # empty: http://host:port
    demo: bool = True
    default_language: str = "ru"
    time_zone: str = "Europe/Moscow"
    gateways: int = Field(default=1, ge=1)  # processes that answer; more than one needs PostgreSQL
    engines: int = Field(default=1, ge=1)
    deliveries: int = Field(default=0, ge=0)  # processes that only send; none: the gateways send themselves
    engine_urls: list[str] = Field(default_factory=list)  # engines on other machines; empty: those above
    roles: list[Role] = Field(default_factory=lambda: list[Role](["turns", "delivery"]))
    process_name: str = "gateway"  # unique among the living gateways of one database
    log_format: str = "console"  # console | json
    log_level: str = "info"

    chat_origins: list[str] = Field(default_factory=list)  # sites that may embed the chat, besides our own
    job_queue: Literal["embedded", "procrastinate"] = "embedded"  # the latter on PostgreSQL only
    media_url: str = ""  # s3://bucket/prefix; empty: a folder in `var`
    media_limit: int = 20 * 1024 * 1024  # bytes of one file
    text_limit: int = 4000
    messages_per_minute: int = 40  # of one visitor

    engine_timeout: Seconds = timedelta(seconds=40)
    action_timeout: Seconds = timedelta(seconds=10)
    job_lease: Seconds = timedelta(seconds=60)
    queue_patience: Seconds = timedelta(minutes=15)  # then a waiting customer is told the truth
    verification_lasts: Seconds = timedelta(hours=12)

    oidc_issuer: str = ""  # the company's log-in server (OpenID Connect); empty: passwords only
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")

    engine_secret: SecretStr = SecretStr("")
    actions_secret: SecretStr = SecretStr("")
    site_secret: SecretStr = SecretStr("")  # the host site signs user ids with it
    staff_secret: SecretStr = SecretStr("")  # encrypts the secrets of second factors
    models_secret: SecretStr = SecretStr("")  # signs the trained models
    code_pepper: SecretStr = SecretStr("")  # one-time codes are stored hashed with it

    @property
    def db_url(self) -> str:
        return self.database_url or f"sqlite+aiosqlite:///{self.var / 'zabota.db'}"

    @property
    def base_url(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def engine_bases(self) -> list[str]:
        """The addresses of all engines."""
        ports = range(self.engine_port, self.engine_port + self.engines)
        return self.engine_urls or [f"http://127.0.0.1:{port}" for port in ports]

    @cached_property
    def engine_key(self) -> bytes:
        return self._secret("engine", self.engine_secret)

    @cached_property
    def actions_key(self) -> bytes:
        return self._secret("actions", self.actions_secret)

    @cached_property
    def site_key(self) -> bytes:
        return self._secret("site", self.site_secret)

    @cached_property
    def staff_key(self) -> bytes:
        return self._secret("staff", self.staff_secret)

    @cached_property
    def models_key(self) -> bytes:
        return self._secret("models", self.models_secret)

    @cached_property
    def pepper(self) -> bytes:
        return self._secret("codes", self.code_pepper)

    def _secret(self, name: str, given: SecretStr) -> bytes:
        if value := given.get_secret_value():
            return value.encode()
        return read_or_make_secret(self.var / "secrets" / name)


def read_or_make_secret(path: Path) -> bytes:
    """The secret kept in a file; made at the first call. Two processes that start together get the same."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    fresh.write_text(secrets.token_hex(32))
    try:
        path.hardlink_to(fresh)  # fails when the name is taken, so the first one wins
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_text().strip().encode()
