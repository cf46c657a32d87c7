"""`var/channels.yml`: which accounts there are at which messengers. `docs/channels.md` explains every key.

A channel's account is named by its key in the file; that name is part of the webhook's address.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
)

from core import yml

FILE = "channels.yml"
_VARIABLE = re.compile(r"\$\{(?:(file):)?([^}]+)\}")
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,40}$")]
Address = Annotated[str, StringConstraints(pattern=r"^[^@\s+]+@[^@\s]+\.[^@\s]+$", to_lower=True)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+[^/\s]$")]


def _bot_token(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"\d+:[A-Za-z0-9_-]+", token.get_secret_value()):
        raise ValueError("not a bot's token: @BotFather gives it, as 123456:ABC…")
    return token


class Strict(BaseModel):
    """Unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class TelegramAccount(Strict):
    """A bot of @BotFather."""

    kind: Literal["telegram"]
    token: Annotated[SecretStr, AfterValidator(_bot_token)]
    secret: SecretStr | None = None  # of the webhook; made from the token when it is not given
    api: Url = "https://api.telegram.org"

    @property
    def hook_secret(self) -> str:
        return _secret(self.secret, self.token)


class MaxAccount(Strict):
    """A bot of MAX."""

    kind: Literal["max"]
    token: SecretStr
    secret: SecretStr | None = None
    api: Url = "https://platform-api2.max.ru"
    ca: Path | None = None  # a PEM bundle instead of the shipped root of the Ministry of Digital Development

    @property
    def hook_secret(self) -> str:
        return _secret(self.secret, self.token)


class VkAccount(Strict):
    """A VK community with a Callback API server."""

    kind: Literal["vk"]
    token: SecretStr
    group_id: int
    secret: Annotated[SecretStr, Field(min_length=8, max_length=50)]
    confirmation: str  # what VK wants to hear to confirm the address
    api: Url = "https://api.vk.com"


class WhatsAppAccount(Strict):
    """A number at WhatsApp Cloud API."""

    kind: Literal["whatsapp"]
    token: SecretStr
    app_secret: SecretStr
    verify_token: SecretStr
    phone_number_id: Annotated[str, StringConstraints(pattern=r"^\d+$")]
    api: Url = "https://graph.facebook.com/v25.0"


class ViberAccount(Strict):
    """A Viber bot."""

    kind: Literal["viber"]
    token: SecretStr
    sender: Annotated[str, StringConstraints(min_length=1, max_length=28)]
    api: Url = "https://chatapi.viber.com"


class Imap(Strict):
    """Where letters come in."""

    host: str
    port: int = 993
    user: str
    password: SecretStr
    tls: bool = True
    folder: str = "INBOX"
    every_seconds: float = Field(default=15, gt=0)


class Smtp(Strict):
    """Where letters go out."""

    host: str
    port: int = 465
    user: str = ""
    password: SecretStr = SecretStr("")
    security: Literal["tls", "starttls", "none"] = "tls"


class EmailAccount(Strict):
    """A mailbox."""

    kind: Literal["email"]
    address: Address
    name: str = ""  # shown beside the address
    smtp: Smtp
    imap: Imap
    plus: bool = False  # the server delivers name+anything@domain too
    authentication: str = ""  # our mail server's name in Authentication-Results; empty: not checked


class SmsAccount(Strict):
    """An account at smsc.ru."""

    kind: Literal["sms"]
    login: str
    password: SecretStr
    sender: str = ""
    secret: SecretStr | None = None  # part of the address that status reports come to
    api: Url = "https://smsc.ru"

    @property
    def hook_secret(self) -> str:
        return _secret(self.secret, self.password)


Account = Annotated[
    TelegramAccount | MaxAccount | VkAccount | WhatsAppAccount | ViberAccount | EmailAccount | SmsAccount,
    Field(discriminator="kind"),
]


class ChannelsConfig(Strict):
    """The whole file."""

    accounts: dict[Name, Account] = Field(default_factory=dict)


class BadConfig(ValueError):
    """The file is wrong. Each line names the place and what to do about it."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def load(path: Path, environment: Mapping[str, str] = os.environ) -> ChannelsConfig:
    """Read the file; `${NAME}` is an environment variable, `${file:/path}` what a file holds.

    Raises:
        BadConfig
    """
    if not path.exists():
        return ChannelsConfig()
    try:
        written = yml.parse(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise BadConfig([f"{path.name}: not YAML"]) from None
    missing: list[str] = []
    filled = _fill(written if written is not None else {}, environment, "", missing)
    if missing:
        raise BadConfig(missing)
    try:
        return ChannelsConfig.model_validate(filled)
    except ValidationError as error:
        raise BadConfig([f"{_place(each['loc'])}: {each['msg']}" for each in error.errors()]) from None


def _fill(value: Any, environment: Mapping[str, str], place: str, missing: list[str]) -> Any:
    if isinstance(value, dict):
        return {key: _fill(each, environment, f"{place}.{key}", missing) for key, each in value.items()}
    if isinstance(value, list):
        return [_fill(each, environment, f"{place}.{n}", missing) for n, each in enumerate(value)]
    if not isinstance(value, str):
        return value

    def known(found: re.Match[str]) -> str:
        source, name = found.groups()
        if source:
            try:
                return Path(name).read_text(encoding="utf-8").strip()
            except OSError:
                missing.append(f"{place.lstrip('.')}: the file {name} cannot be read")
                return ""
        if name not in environment:
            missing.append(f"{place.lstrip('.')}: the environment variable {name} is not set")
        return environment.get(name, "")

    return _VARIABLE.sub(known, value)


def _place(steps: tuple[int | str, ...]) -> str:
    kinds = {"telegram", "max", "vk", "whatsapp", "viber", "email", "sms"}
    return ".".join(str(step) for n, step in enumerate(steps) if not (n == 2 and step in kinds))


def _secret(given: SecretStr | None, key: SecretStr) -> str:
    """A secret that nobody set follows from the account's key: as hard to guess, and the same later."""
    if given is not None:
        return given.get_secret_value()
    return hashlib.sha256(b"webhook:" + key.get_secret_value().encode()).hexdigest()
